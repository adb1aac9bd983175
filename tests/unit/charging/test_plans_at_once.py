"""How many trees of feeders are planned together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from csms.charging.feeder import Feeder, FeederTree
from csms.charging.settings import ChargingSettings
from csms.model.clock import ScaledClock
from csms.model.station import CurrentKind, EvseRating
from optimizer import Plan, Problem, solve
from tests.support.charging_site import Car, Pile, Site, open_site

AC = EvseRating(CurrentKind.AC, 1, 32.0, 7_360)
START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
ROOTS = ("A", "B", "C")


class Counting:
    """The solver, with a look at how many of it are at work."""

    def __init__(self) -> None:
        self.working, self.most, self.done = 0, 0, 0

    def solve(self, problem: Problem) -> Plan:
        self.working += 1
        self.most = max(self.most, self.working)
        time.sleep(0.05)
        self.working -= 1
        self.done += 1
        return solve(problem)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - any part of the site may make it true
            await asyncio.sleep(0.01)


async def arrive(site: Site, root: str) -> None:
    pile = Pile(f"P-{root}", AC, site.clock, lambda: 1.0)
    await site.add(pile, root)
    await site.plug_in(pile, Car(30_000, 7_360, 1, site.clock.now() + timedelta(hours=3)))


@pytest.mark.parametrize(("at_once", "seen"), [(1, 1), (2, 2)])
async def test_so_many_trees_are_planned_together(tmp_path: Path, at_once: int, seen: int) -> None:
    tree = FeederTree([Feeder(root, 20_000, lowest_cap_w=8_000) for root in ROOTS])
    counting, settings = Counting(), ChargingSettings(plans_at_once=at_once)
    async with open_site(tmp_path, ScaledClock(200.0, time.time(), START), tree, settings, counting.solve) as site:
        await asyncio.gather(*(arrive(site, root) for root in ROOTS))
        await until(lambda: all(site.charging.current_plan(root) is not None for root in ROOTS))
        before = counting.done
        site.charging.wake("again")
        await until(lambda: counting.done >= before + len(ROOTS))
    assert counting.most == seen
