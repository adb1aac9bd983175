"""The charging room against the real station room, store, limits and solver; piles are twins on a fast clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.charging.feeder import Feeder, FeederTree
from csms.charging.settings import ChargingSettings
from csms.grid.peer import SourceRule
from csms.model.charging_profile import ProfilePurpose, RateUnit
from csms.model.clock import ScaledClock
from csms.model.errors import StoreUnavailable
from csms.model.inbound import Boot, MeterReport
from csms.model.meter import POWER_IMPORT, Sample
from csms.model.station import CurrentKind, EvseRating, StationIdentity
from optimizer.problem import Plan, Problem
from tests.support.charging_site import Car, Pile, Site, open_site
from tests.support.limits import HOUSE

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
AC1 = EvseRating(CurrentKind.AC, 1, 32.0, 7_360)
DC = EvseRating(CurrentKind.DC, 3, 100.0, 60_000)
SPEED = 200.0
SETTINGS = ChargingSettings(tilt_per_h=1.0)


def fast_clock() -> ScaledClock:
    return ScaledClock(SPEED, time.time(), START)


def tree(rating_w: int = 20_000, lowest_w: int = 8_000) -> FeederTree:
    return FeederTree([Feeder("T", rating_w, base_load_w=(2_000,), lowest_cap_w=lowest_w)])


async def until(holds: Callable[[], bool], site: Site, within_s: float = 900.0) -> None:
    """Wait in the clock's time, with a generous bound on top for a busy machine."""
    async with asyncio.timeout(10 + site.clock.wall_s(within_s)):
        while not holds():  # noqa: ASYNC110 - any part of the site may make it true
            await asyncio.sleep(0.005)


async def connect(site: Site, *piles: Pile) -> None:
    """Connect piles and wait until they have their floors."""
    for one in piles:
        await site.add(one, "T")
    await until(lambda: all(one.floor is not None for one in piles), site)


def pile(site: Site, name: str, rating: EvseRating = AC1, **more: Any) -> Pile:
    return Pile(name, rating, site.clock, lambda: 3.0, **more)


def car(site: Site, energy_wh: float = 30_000, power_max_w: float = 7_360, hours: float = 3) -> Car:
    return Car(energy_wh, power_max_w, 1, site.clock.now() + timedelta(hours=hours))


async def test_a_floor_is_installed_before_anything_else(tmp_path: Path) -> None:
    async with open_site(tmp_path, fast_clock(), tree(), SETTINGS) as site:
        first = pile(site, "P1")
        await site.add(first, "T")
        await site.plug_in(first, car(site))
        await until(lambda: first.tx is not None, site)
        purposes = [command.profile.purpose for command in first.asked]
        assert purposes[0] is ProfilePurpose.TX_DEFAULT
        assert ProfilePurpose.TX in purposes
        assert first.floor is not None
        assert first.tx is not None
        assert first.tx.transaction_id == first.transaction_id
        assert first.tx.periods[-1].limit <= first.floor.periods[0].limit


async def test_plans_profiles_and_bounds_are_written_down_and_seen_to_act(tmp_path: Path) -> None:
    async with open_site(tmp_path, fast_clock(), tree(), SETTINGS) as site:
        first = pile(site, "P1")
        await site.add(first, "T")
        await site.plug_in(first, car(site))
        await until(lambda: site.charging.counters.seen > 0, site)
        rows = await site.store.reader.profiles(station_id="P1")
        while not any(row.seen_at is not None for row in rows):
            await asyncio.sleep(0.01)  # counted first, written down in the background
            rows = await site.store.reader.profiles(station_id="P1")
        assert {row.status for row in rows} - {"sent"} == {"Accepted"}, "the newest may still be on its way"
        plan = await site.store.reader.last_plan("T")
        assert plan is not None
        assert plan.gap <= 1e-4
        assert plan.content["sessions"][0]["evse"] == "P1/1"
        assert [row.station_id for row in await site.store.reader.upper_bounds()] == ["P1"]
        current = site.charging.current_plan("T")
        assert current is not None
        status = site.charging.status("T")
        assert status.cap_w == 20_000
        assert status.base_w == 2_000
        assert 0 < status.planned_w <= status.room_w
        assert [status.feeder_id for status in site.charging.statuses()] == ["T"]


async def test_cars_share_the_cap_and_it_holds(tmp_path: Path) -> None:
    async with open_site(tmp_path, fast_clock(), tree(), SETTINGS) as site:
        piles = [pile(site, f"P{n}") for n in range(5)]
        await connect(site, *piles)
        await asyncio.gather(*(site.plug_in(one, car(site)) for one in piles))
        await until(lambda: sum(p.car.draw_w for p in piles if p.car) > 14_000, site)
        await site.leave(piles[0])
        await asyncio.sleep(site.clock.wall_s(600))
        assert site.over_s(START + timedelta(seconds=120)) == 0


async def test_a_limit_from_the_grid_brings_everybody_down(tmp_path: Path) -> None:
    async with open_site(tmp_path, fast_clock(), tree(), SETTINGS) as site:
        piles = [pile(site, f"P{n}") for n in range(4)]
        await connect(site, *piles)
        await asyncio.gather(*(site.plug_in(one, car(site)) for one in piles))
        await until(lambda: sum(p.car.draw_w for p in piles if p.car) > 14_000, site)
        decision = await site.limits.submit(b'{"version": 1, "value_w": 10000}', HOUSE, "T", "L")
        assert decision.accepted
        await until(lambda: sum(p.car.draw_w for p in piles if p.car) <= 8_000, site, 120)
        await until(lambda: site.charging.status("T").upper_bound_w <= 8_000, site)
        assert site.charging.cap_w("T", site.clock.now()) == 10_000


async def test_an_emergency_takes_the_floors_first_and_gives_them_back(tmp_path: Path) -> None:
    rules = [SourceRule("http", emergency=True)]
    async with open_site(tmp_path, fast_clock(), tree(), SETTINGS, rules=rules) as site:
        piles = [pile(site, f"P{n}") for n in range(3)]
        await connect(site, *piles)
        await asyncio.gather(*(site.plug_in(one, car(site)) for one in piles))
        await until(lambda: sum(p.car.draw_w for p in piles if p.car) > 10_000, site)
        floors_w = [p.floor.periods[0].limit for p in piles if p.floor]
        assert any(floors_w)
        await site.limits.submit(b'{"version": 1, "value_w": 0}', HOUSE, "T", "zero")
        await until(lambda: site.charging.status("T").upper_bound_w == 0, site, 300)
        assert sum(p.car.draw_w for p in piles if p.car) == 0
        assert [p.floor.periods[0].limit for p in piles if p.floor] == [0, 0, 0]
        await site.limits.cancel(HOUSE, "T", "zero")
        await until(lambda: [p.floor.periods[0].limit for p in piles if p.floor] == floors_w, site, 300)
        await until(lambda: sum(p.car.draw_w for p in piles if p.car) > 10_000, site)


async def test_a_refused_unit_is_replaced_once_and_remembered(tmp_path: Path) -> None:
    async with open_site(tmp_path, fast_clock(), tree(), SETTINGS) as site:
        first = pile(site, "P1", units=(RateUnit.W,))
        await site.add(first, "T")
        await site.plug_in(first, car(site))
        await until(lambda: first.tx is not None, site)
        assert first.statuses[:3] == ["Rejected", "Accepted", "Accepted"]
        assert first.tx is not None
        assert first.tx.unit is RateUnit.W


async def test_a_silent_pile_stops_nobody_else(tmp_path: Path) -> None:
    async with open_site(tmp_path, fast_clock(), tree(40_000), SETTINGS) as site:
        good, mute = pile(site, "P1"), pile(site, "P2")
        for one in (good, mute):
            await site.add(one, "T")
        await until(lambda: good.floor is not None and mute.floor is not None, site)
        mute.silent = True
        await asyncio.gather(*(site.plug_in(one, car(site)) for one in (good, mute)))
        await until(lambda: good.tx is not None and site.charging.counters.unanswered > 1, site)
        rows = await site.store.reader.profiles(station_id="P2")
        assert "timeout" in {row.status for row in rows}


async def test_a_restarted_pile_gets_floor_and_limit_again(tmp_path: Path) -> None:
    async with open_site(tmp_path, fast_clock(), tree(), SETTINGS) as site:
        first = pile(site, "P1")
        await site.add(first, "T")
        await site.plug_in(first, car(site))
        await until(lambda: first.tx is not None, site)
        first.tx = first.floor = None
        await site.stations.receive("P1", Boot(StationIdentity("V", "M")), site.clock.now())
        await until(lambda: first.floor is not None and first.tx is not None, site)


async def test_a_failing_or_late_solver_is_replaced_by_the_proportional_rule(tmp_path: Path) -> None:
    def broken(problem: Problem) -> Plan:
        raise ArithmeticError("no plan today")

    async with open_site(tmp_path, fast_clock(), tree(), SETTINGS, broken) as site:
        piles = [pile(site, f"P{n}") for n in range(4)]
        await connect(site, *piles)
        await asyncio.gather(*(site.plug_in(one, car(site)) for one in piles))
        await until(lambda: sum(p.car.draw_w for p in piles if p.car) > 10_000, site)
        current = site.charging.current_plan("T")
        assert current is not None
        assert current.method == "proportional rule"
        assert site.over_s(START + timedelta(seconds=120)) == 0


async def test_raises_wait_for_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I3: no raise leaves before its bound is durable."""
    async with open_site(tmp_path, fast_clock(), tree(), SETTINGS) as site:
        first = pile(site, "P1")
        await connect(site, first)
        commit, failures = site.store.writer.commit, []

        async def no_bounds(changes: Any) -> None:
            if any("upper_bound_w" in row for change in changes for row in change.rows):
                failures.append(len(changes))
                raise StoreUnavailable("disk full")
            await commit(changes)

        monkeypatch.setattr(site.store.writer, "commit", no_bounds)
        await site.plug_in(first, car(site))
        await until(lambda: bool(failures), site)
        assert first.tx is None
        monkeypatch.setattr(site.store.writer, "commit", commit)
        await until(lambda: first.tx is not None, site)


async def test_bounds_and_floors_survive_a_restart(tmp_path: Path) -> None:
    async with open_site(tmp_path, fast_clock(), tree(), SETTINGS) as site:
        first = pile(site, "P1")
        await site.add(first, "T")
        await site.plug_in(first, car(site))
        await until(lambda: first.tx is not None and site.charging.status("T").upper_bound_w > 2_000, site)
        before = site.charging.status("T").upper_bound_w
        when = site.clock.now()
    async with open_site(tmp_path, ScaledClock(1.0, time.time(), when), tree(), SETTINGS) as again:
        await until(lambda: again.charging.status("T").upper_bound_w > 0, again)
        assert again.charging.status("T").upper_bound_w == before


async def test_what_a_car_does_not_take_goes_to_others(tmp_path: Path) -> None:
    async with open_site(tmp_path, fast_clock(), tree(14_000, 0), SETTINGS) as site:
        small, large = pile(site, "P1"), pile(site, "P2", DC)
        await connect(site, small, large)
        await site.plug_in(small, car(site, power_max_w=2_000))
        await site.plug_in(large, car(site, energy_wh=60_000, power_max_w=60_000))
        await until(lambda: large.car is not None and large.car.draw_w > 7_500, site, 2_400)
        assert site.over_s(START + timedelta(seconds=120)) == 0


async def test_garbage_numbers_in_meter_values_take_no_room(tmp_path: Path) -> None:
    async with open_site(tmp_path, fast_clock(), tree(), SETTINGS) as site:
        first = pile(site, "P1")
        await connect(site, first)
        now = site.clock.now()
        for number in (7, 99, 2**31 - 1):
            await site.stations.receive("P1", MeterReport(number, (Sample(now, POWER_IMPORT, 5.0, "W"),)), now)
        assert list(site.stations.stations["P1"].evses) == [1]
