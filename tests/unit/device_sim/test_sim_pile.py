"""The pile as physics, and files of piles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from device_sim.battery import Battery
from device_sim.car import Car
from device_sim.pile import Pile, PileSpec, read_piles
from device_sim.smart_charging import Kind, Period, Profile, Purpose

AC = PileSpec("A", "ac", 3, 32.0, 22_080.0)
DC = PileSpec("D", "dc", 3, 100.0, 60_000.0)


def car(**values: Any) -> Car:
    known: dict[str, Any] = {"phases": 3, "ac_power_w": 22_080.0, "dc_power_w": 50_000.0, "ramp_w_per_s": 1e9}
    return Car(Battery(80_000.0, 100_000.0), 40_000.0, 0.2, **(known | values))


def tx_profile(*periods: Period, duration_s: float | None = None) -> Profile:
    return Profile(1, 0, Purpose.TRANSACTION, Kind.RELATIVE, "A", periods, 1, duration_s=duration_s)


def charging(spec: PileSpec = AC, **values: Any) -> Pile:
    pile = Pile(spec, 0.0)
    pile.plug(car(**values))
    pile.close(0.0)
    return pile


def test_without_a_profile_it_gives_what_it_can() -> None:
    pile = charging()
    pile.advance(3_600.0)
    assert pile.power_w == pytest.approx(22_080.0)
    assert pile.register_wh == pytest.approx(22_080.0)


def test_nothing_flows_before_the_transaction_or_without_mains() -> None:
    pile = Pile(AC, 0.0)
    pile.plug(car())
    pile.advance(60.0)
    assert pile.register_wh == 0.0
    pile.close(60.0)
    pile.advance(120.0)
    pile.set_powered(False)
    assert pile.power_w == 0.0
    before_wh = pile.register_wh
    pile.advance(180.0)
    assert pile.register_wh == before_wh


def test_a_profile_acts_after_the_reaction_time_to_the_second() -> None:
    pile = charging()
    pile.advance(100.0)
    pile.obey([tx_profile(Period(0, 10))])
    pile.advance(200.0)
    assert pile.register_wh == pytest.approx((22_080.0 * 102.0 + 6_900.0 * 98.0) / 3600.0)


def test_a_schedule_changes_within_a_step_at_the_right_second() -> None:
    pile = charging()
    pile.reaction_s = 0.0
    pile.obey([tx_profile(Period(0, 10), Period(63, 20), duration_s=127.0)])
    pile.advance(200.0)
    wanted_ws = 6_900.0 * 63 + 13_800.0 * (127 - 63) + 22_080.0 * (200 - 127)
    assert pile.register_wh == pytest.approx(wanted_ws / 3600.0)


@pytest.mark.parametrize(("limit_a", "suspended"), [(0.0, True), (5.9, True), (6.0, False)])
def test_below_six_amperes_it_is_the_pile_that_suspends(limit_a: float, suspended: bool) -> None:
    pile = charging()
    pile.obey([tx_profile(Period(0, limit_a))])
    pile.advance(10.0)
    assert pile.suspended_by_pile is suspended
    assert (pile.power_w == 0.0) is suspended


def test_dc_is_limited_in_watts_and_shows_the_state_of_charge() -> None:
    pile = charging(DC)
    pile.obey([Profile(1, 0, Purpose.DEFAULT, Kind.RELATIVE, "W", (Period(0, 20_000),), 1)])
    pile.advance(3_602.0)
    reading = pile.read()
    assert reading.power_w == pytest.approx(20_000.0)
    assert reading.soc_percent == pytest.approx(20.0 + 100.0 * pile.register_wh / 80_000.0)
    assert reading.currents_a == (pytest.approx(50.0),)


def test_a_one_phase_car_loads_one_phase() -> None:
    pile = charging(phases=1, ac_power_w=7_360.0)
    pile.advance(10.0)
    assert pile.read().currents_a == (pytest.approx(32.0), 0.0, 0.0)


def test_the_register_outlives_cars() -> None:
    pile = charging()
    pile.advance(60.0)
    pile.open()
    pile.unplug()
    pile.advance(120.0)
    assert pile.read().register_wh == pytest.approx(22_080.0 / 60.0)
    assert pile.read().power_w == 0.0


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"station_id": ""}, "station_id"),
        ({"kind": "gas"}, "kind"),
        ({"phases": 2}, "phases"),
        ({"max_current_a": 0}, "max_current_a"),
        ({"max_power_w": -1}, "max_power_w"),
        ({"protocol": "ocpp1.5"}, "protocol"),
        ({"voltage_v": 0}, "voltage_v"),
    ],
)
def test_an_impossible_pile_is_refused(values: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        PileSpec(**({"station_id": "A"} | values))


def test_a_file_of_piles(tmp_path: Path) -> None:
    file = tmp_path / "site.json"
    file.write_text(json.dumps([{"id": "A", "kind": "dc", "max_power_w": 60_000}, {"station_id": "B"}]))
    assert [spec.station_id for spec in read_piles(file)] == ["A", "B"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{}", "JSON list"),
        ("[]", "JSON list"),
        ("[1]", "entry 1 is not an object"),
        ('[{"id": "A"}, {"id": "A"}]', "same station_id"),
        ('[{"id": "A", "colour": "red"}]', "unknown fields: colour"),
        ('[{"kind": "ac"}]', "entry 1"),
        ("[", "Expecting"),
    ],
)
def test_a_bad_file_of_piles_says_where(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "site.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=words):
        read_piles(file)
