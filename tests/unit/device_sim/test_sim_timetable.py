"""Made-up days, cars to piles, and the unmanaged day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from device_sim.assign import assign
from device_sim.car import Car
from device_sim.generate import generate_piles, generate_sessions
from device_sim.pile import PileSpec
from device_sim.sessions import Session
from device_sim.unmanaged import unmanaged

ZONE = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 11, 24)
BEGIN = datetime(2026, 11, 24, tzinfo=ZONE)
SLOW = PileSpec("SLOW", "ac", 1, 32.0, 7_360.0)
MIDDLE = PileSpec("MIDDLE", "ac", 3, 16.0, 11_040.0)
FAST = PileSpec("FAST", "dc", 3, 100.0, 60_000.0)


def session(name: str, hour: float = 8.0, stay_h: float = 4.0, energy_wh: float = 10_000.0) -> Session:
    arrival = (BEGIN + timedelta(hours=hour)).astimezone(UTC)
    return Session(name, arrival, arrival + timedelta(hours=stay_h), energy_wh)


def test_the_same_seed_makes_the_same_day() -> None:
    assert generate_sessions(7, DAY, ZONE, 24) == generate_sessions(7, DAY, ZONE, 24)
    assert generate_sessions(7, DAY, ZONE, 24) != generate_sessions(8, DAY, ZONE, 24)


@pytest.mark.parametrize("seed", range(20))
def test_a_made_up_day_can_be(seed: int) -> None:
    sessions = generate_sessions(seed, DAY, ZONE, 24)
    assert len(sessions) == 36
    for one in sessions:
        assert BEGIN <= one.arrival < one.departure < BEGIN + timedelta(days=1)
        assert 0 < one.energy_wh <= 60_000.0
        assert one.mean_power_w <= 45_000.0


def test_a_site_needs_a_pile() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        generate_sessions(1, DAY, ZONE, 0)


def test_made_up_piles_have_both_versions_in_each_kind() -> None:
    piles = generate_piles(24)
    assert len({pile.station_id for pile in piles}) == 24
    for kind in ("ac", "dc"):
        assert {pile.protocol for pile in piles if pile.kind == kind} == {"ocpp1.6", "ocpp2.0.1"}


@pytest.mark.parametrize(
    ("one", "station"),
    [
        (session("easy"), "SLOW"),
        (session("more", energy_wh=30_000.0), "MIDDLE"),
        (session("quick", stay_h=0.5, energy_wh=20_000.0), "FAST"),
        (session("impossible", stay_h=0.5, energy_wh=90_000.0), "FAST"),
    ],
)
def test_the_weakest_sufficient_pile_is_taken(one: Session, station: str) -> None:
    found = assign([one], [FAST, MIDDLE, SLOW])
    assert [name for name, visits in found.visits.items() if visits] == [station]


def test_who_finds_no_pile_is_turned_away() -> None:
    found = assign([session("a"), session("b", 9.0), session("c", 11.9), session("d", 12.1)], [SLOW])
    assert [visit.session.session_id for visit in found.visits["SLOW"]] == ["a", "d"]
    assert [one.session_id for one in found.turned_away] == ["b", "c"]
    assert found.end == BEGIN + timedelta(hours=16.1)
    assert assign([], [SLOW]).end is None


def test_a_car_has_room_for_its_energy_and_stays_itself() -> None:
    sessions = generate_sessions(3, DAY, ZONE, 24)
    first, second = assign(sessions, generate_piles(24), 5), assign(sessions, generate_piles(24), 5)
    assert first == second
    for visits in first.visits.values():
        for visit in visits:
            assert visit.car.energy_wh <= (1.0 - visit.car.soc_start) * visit.car.battery.capacity_wh


def test_dc_piles_get_dc_cars() -> None:
    (visit,) = assign([session("q", stay_h=0.5, energy_wh=20_000.0)], [FAST]).visits["FAST"]
    car: Car = visit.car
    assert car.dc_power_w >= 50_000.0


def test_the_unmanaged_day_by_hand() -> None:
    piles, one = [SLOW], session("a", 8.0, 4.0, 7_360.0)
    day = unmanaged(assign([one], piles), piles, BEGIN)
    assert day.energy_by_session_wh == {"a": pytest.approx(7_360.0)}
    assert day.peak_w == pytest.approx(7_360.0)
    assert day.power_w.size == 1_440
    charging = np.flatnonzero(day.power_w)
    assert charging[0] == 480
    assert charging[-1] in (539, 540)  # an hour at full power; the ramp may cost some seconds more
    assert day.power_w.sum() / 60.0 == pytest.approx(7_360.0)


def test_a_stay_that_is_too_short_gets_what_is_possible() -> None:
    day = unmanaged(assign([session("a", 8.0, 1.0, 20_000.0)], [SLOW]), [SLOW], BEGIN)
    assert 7_200.0 < day.energy_wh < 7_360.0


def test_energy_outside_the_curve_counts_for_the_session_only() -> None:
    day = unmanaged(assign([session("a", 23.5, 1.0, 20_000.0)], [SLOW]), [SLOW], BEGIN)
    assert day.power_w.sum() / 60.0 == pytest.approx(day.energy_wh / 2, rel=0.02)
