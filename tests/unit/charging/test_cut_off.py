"""Who is stopped when metering stays above a cap: who obeys nothing, the largest first, no more than it takes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from csms.charging.cut_off import Draw, to_stop
from csms.model.charging_profile import RateUnit
from csms.model.command import ChangeAvailability, Command, CommandResult, RemoteStop
from csms.model.errors import StoreUnavailable
from csms.model.ids import EvseRef
from csms.store.security_tables import Alert
from tests.support.charging_site import Pile, open_site
from tests.support.limits import HOUSE
from tests.unit.charging.test_charging_service import AC1, SETTINGS, car, fast_clock, pile, tree, until


def draw(name: str, power_w: int, feeder: str = "F1", *, kept: bool = False, there: bool = True) -> Draw:
    return Draw(EvseRef(name, 1), (feeder, "T"), power_w, 1_000, kept, there)


def stopped(excess_w: dict[str, int], *draws: Draw) -> list[str]:
    return [ref.station_id for ref in to_stop(excess_w, draws)]


def test_the_largest_goes_first_and_no_more_than_it_takes() -> None:
    draws = [draw("a", 7_000), draw("b", 20_000), draw("c", 9_000)]
    assert stopped({"T": 15_000}, *draws) == ["b"]
    assert stopped({"T": 21_000}, *draws) == ["b", "c"]
    assert stopped({"T": 99_000}, *draws) == ["b", "c", "a"]


def test_who_keeps_its_limit_or_cannot_hear_or_is_at_its_floor_goes_on() -> None:
    draws = [draw("kept", 20_000, kept=True), draw("away", 20_000, there=False), draw("floor", 1_000)]
    assert stopped({"T": 9_000}, *draws) == []


def test_only_those_below_the_feeder_count() -> None:
    draws = [draw("big", 30_000, "F2"), draw("small", 5_000)]
    assert stopped({"F1": 3_000}, *draws) == ["small"]
    assert stopped({"F1": 3_000, "T": 3_000}, *draws) == ["big", "small"]


class Wild(Pile):
    """Accepts every limit and keeps none; `deaf`: it stops for nobody either."""

    deaf = False

    def limit_w(self, now, phases):  # type: ignore[no-untyped-def]
        return float(self.rating.power_max_w)

    def _answer(self, command: Command) -> CommandResult:
        if isinstance(command, RemoteStop):
            self.questions.append(command)
            if self.deaf:
                return CommandResult("Rejected")
            self.car = None
            return CommandResult("Accepted")
        return super()._answer(command)


@pytest.mark.parametrize("deaf", [False, True])
async def test_a_station_that_keeps_no_limit_is_stopped_and_nobody_else(tmp_path: Path, deaf: bool) -> None:
    async with open_site(tmp_path, fast_clock(), tree(60_000), replace(SETTINGS, cut_off_after_s=60)) as site:
        good = pile(site, "P1")
        wild = Wild("P2", AC1, site.clock, lambda: 3.0, units=(RateUnit.A,), composites=False)
        wild.deaf = deaf
        for one in (good, wild):
            await site.add(one, "T")
            await site.plug_in(one, car(site))
        await until(lambda: bool(wild.car and wild.car.draw_w > 7_000 and good.tx), site)
        await site.limits.submit(b'{"version": 1, "value_w": 8000}', HOUSE, "T", "L")
        await until(lambda: any(isinstance(asked, RemoteStop) for asked in wild.questions), site, 1200)
        assert not any(isinstance(asked, RemoteStop) for asked in good.questions)
        if deaf:
            await until(lambda: ChangeAvailability(False, 1) in wild.questions, site, 600)
        await asyncio.sleep(site.clock.wall_s(60))
        alerts = [row.station_id for row in await site.store.reader.find(Alert) if row.kind == "SessionCutOff"]
        assert alerts == ["P2"]
        assert good.car is not None


async def test_nobody_is_stopped_where_that_is_switched_off(tmp_path: Path) -> None:
    async with open_site(tmp_path, fast_clock(), tree(60_000), replace(SETTINGS, cut_off_after_s=0)) as site:
        wild = Wild("P2", AC1, site.clock, lambda: 3.0, composites=False)
        await site.add(wild, "T")
        await site.plug_in(wild, car(site))
        await site.limits.submit(b'{"version": 1, "value_w": 8000}', HOUSE, "T", "L")
        await asyncio.sleep(site.clock.wall_s(600))
        assert not any(isinstance(asked, RemoteStop) for asked in wild.questions)


async def test_an_alert_that_cannot_be_stored_stops_nothing(tmp_path: Path) -> None:
    class Away:
        async def raise_(self, kind: str, station_id: str = "", info: str = "") -> None:
            raise StoreUnavailable("away")

    async with open_site(tmp_path, fast_clock(), tree(60_000), replace(SETTINGS, cut_off_after_s=30)) as site:
        site.charging._cut_off.alerts = Away()
        wild = Wild("P2", AC1, site.clock, lambda: 3.0, composites=False)
        await site.add(wild, "T")
        await site.plug_in(wild, car(site))
        await site.limits.submit(b'{"version": 1, "value_w": 8000}', HOUSE, "T", "L")
        await until(lambda: wild.car is None, site, 1200)
