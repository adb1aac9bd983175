"""A season: energy and money close, no promise is broken when it is dispatched, and the parts by hand."""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from csms.console.response import build
from csms.response.season import Season, simulate
from csms.response.season_day import (
    SLOT_H,
    SLOTS,
    Car,
    Day,
    by_hour,
    cars_of,
    dispatched,
    on_arrival,
    planned,
    promise_kw,
    takes_part,
)
from csms.response.season_scenario import Scenario, ScenarioInvalid, build_scenario, example
from csms.texts import catalogue
from optimizer.models.tariff import shipped_tariff

ALL = np.full(SLOTS, np.inf)


def short(**more: object) -> Scenario:
    return build_scenario(example().model_dump() | {"days": 30} | more)


@cache
def season(seed: int = 7) -> Season:
    return simulate(short(seed=seed), shipped_tariff("shandong-2026"))


def made_day(seed: int) -> Day:
    rng = np.random.default_rng(seed)
    return Day(
        cars_of(example().fleets, rng),
        by_hour(example().site.base_kw),
        by_hour(rng.uniform(0.3, 1.2, 24)),
        np.ones(SLOTS),
    )


@pytest.mark.parametrize("seed", [7, 8])
def test_energy_closes(seed: int) -> None:
    found = season(seed)
    assert found.balance_error <= 1e-9
    for tally in found.ways.values():
        assert tally.energy_kwh + tally.unserved_kwh == pytest.approx(found.wanted_kwh, rel=1e-9)


@pytest.mark.parametrize("seed", [7, 8])
def test_money_closes(seed: int) -> None:
    found = season(seed)
    cost = {name: tally.cost for name, tally in found.ways.items()}
    whole = cost["on_arrival"] - cost["response"] + sum(event.pay for event in found.events)
    gains = found.gains
    assert gains.drivers_tariff + gains.drivers_response + gains.operator == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("seed", [7, 8])
def test_every_bid_was_delivered(seed: int) -> None:
    held = [event for event in season(seed).events if not event.why]
    assert len(held) >= 2
    for event in held:
        assert event.bid_kw <= event.promised_kw
        assert event.delivered_kw >= event.bid_kw - 1e-6
        assert event.moved_kwh >= event.bid_kw * 2.0 - 1e-6


def test_drivers_gain_by_the_tariff_and_plans_keep_the_cap() -> None:
    found = season()
    assert found.gains.drivers_tariff > 0
    assert found.ways["tariff"].cost < found.ways["on_arrival"].cost
    assert found.ways["response"].event_hours_kwh < found.ways["tariff"].event_hours_kwh
    assert max(tally.unserved_kwh for tally in found.ways.values()) <= 1e-6 * found.wanted_kwh


def test_with_a_single_factor_moving_changes_no_carbon() -> None:
    """Hourly factors are not published, so nothing is claimed for moving; with hourly ones it shows."""
    found = season()
    kg = {tally.carbon_kg for tally in found.ways.values()}
    assert max(kg) == pytest.approx(min(kg), rel=1e-9)
    hourly = short(days=3, carbon={"kg_per_kwh": [0.4] * 6 + [0.7] * 18, "source": "made"})
    ways = simulate(hourly, shipped_tariff("shandong-2026")).ways
    assert ways["tariff"].carbon_kg != pytest.approx(ways["on_arrival"].carbon_kg, rel=1e-3)


def test_the_same_seed_gives_the_same_season() -> None:
    again = simulate(short(), shipped_tariff("shandong-2026"))
    assert again.events == season().events
    assert again.ways == season().ways


def test_before_ten_days_there_is_no_baseline_and_no_event() -> None:
    scenario = short(days=8, events=example().events.model_dump() | {"first_after_days": 0})
    found = simulate(scenario, shipped_tariff("shandong-2026"))
    assert {event.why for event in found.events} == {"no_baseline"}
    assert found.ways["response"] == found.ways["tariff"]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 80), st.integers(1, 12), st.floats(0.1, 1.0), st.floats(450.0, 1200.0))
def test_what_is_promised_is_delivered(seed: int, first: int, slots: int, share: float, cap: float) -> None:
    day = made_day(seed)
    event = slice(first, min(first + slots, SLOTS))
    part = takes_part(day.cars, share)
    cap_kw = np.maximum(np.full(SLOTS, cap), day.base_kw + on_arrival(day.cars).sum(axis=0))
    usual = planned(day, on_arrival(day.cars), takes_part(day.cars, share / 2), cap_kw)
    promised = promise_kw(day, usual, part, cap_kw, event)
    power = dispatched(day, usual, part, cap_kw, event, promised)
    assert (usual - power).sum(axis=0)[event].min() >= promised - 1e-6
    wanted = np.array([car.energy_kwh for car in day.cars])
    assert power.sum(axis=1) * SLOT_H == pytest.approx(wanted, abs=1e-4)
    assert power[~part] == pytest.approx(usual[~part])


def test_charging_on_arrival_by_hand() -> None:
    power = on_arrival([Car(4, 10, 7.0, 4.0, 0.5)])
    assert power[0, 4:8] == pytest.approx([7.0, 7.0, 2.0, 0.0])
    assert power.sum() * SLOT_H == pytest.approx(4.0)


def test_a_plan_goes_to_the_cheap_hour_by_hand() -> None:
    price = np.full(SLOTS, 1.0)
    price[20:24] = 0.5
    day = Day((Car(0, 40, 7.0, 7.0, 0.1), Car(0, 40, 7.0, 7.0, 0.9)), np.zeros(SLOTS), price, np.ones(SLOTS))
    power = planned(day, on_arrival(day.cars), takes_part(day.cars, 0.5), ALL)
    assert power[0, 20:24] == pytest.approx([7.0] * 4, abs=1e-6)
    assert power[1, :4] == pytest.approx([7.0] * 4)


def test_the_potential_by_hand() -> None:
    """One car of 7 kW charging in the event can wait; a second one has no room to."""
    day = Day((Car(0, 40, 7.0, 7.0, 0.1), Car(0, 4, 7.0, 7.0, 0.1)), np.zeros(SLOTS), np.ones(SLOTS), np.ones(SLOTS))
    usual = on_arrival(day.cars)
    assert promise_kw(day, usual, np.array([True, True]), ALL, slice(0, 4)) == pytest.approx(7.0, abs=1e-4)
    assert promise_kw(day, usual, np.array([False, True]), ALL, slice(0, 4)) == pytest.approx(0.0, abs=1e-4)
    assert promise_kw(day, usual, np.array([False, False]), ALL, slice(0, 4)) == 0.0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"carbon": {"kg_per_kwh": [1.0, 2.0], "source": ""}}, "one figure or 24"),
        ({"days": 0}, "days"),
        ({"speed": 1}, "speed"),
        ({"events": {"start_h": 18.1}}, "quarter-hour"),
        ({"events": {"start_h": 23, "hours": 8}}, "six in the morning"),
    ],
)
def test_a_season_that_cannot_be(more: dict[str, object], said: str) -> None:
    with pytest.raises(ScenarioInvalid, match=said):
        short(**more)


def test_days_that_the_tariff_does_not_know() -> None:
    with pytest.raises(ScenarioInvalid, match="holds from"):
        simulate(short(first_day=date(2019, 1, 1)), shipped_tariff("shandong-2026"))


def test_the_command(tmp_path: Path) -> None:
    def run(*words: str, lang: str = "en") -> Any:
        return CliRunner().invoke(build(catalogue(lang)), ["season", *words], env={"COLUMNS": "160"})

    own = tmp_path / "own.toml"
    own.write_text(run("--example").stdout.replace("days = 75", "days = 24"), encoding="utf-8")
    done = run(str(own))
    assert done.exit_code == 0, done.output
    assert all(word in done.stdout for word in ("on arrival", "Who gains", "Energy closes", "moved in truth"))
    document = json.loads(run(str(own), "--json", "--seed", "9").stdout)
    assert (document["scenario"]["seed"], document["balance_error"] <= 1e-9) == (9, True)
    assert "分时电价" in run(str(own), lang="zh").stdout
    own.write_text("days = 1", encoding="utf-8")
    assert run(str(own)).exit_code == 2
    own.write_text(run("--example").stdout.replace("shandong-2026", "mars"), encoding="utf-8")
    assert (run(str(own)).exit_code, "mars" in run(str(own)).stderr) == (2, True)
