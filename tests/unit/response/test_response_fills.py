"""Events that ask for more load: what the planner is told, and what its plan makes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from csms.charging.discretise import Outlet
from csms.charging.feeder import Feeder, FeederTree, NoCaps
from csms.charging.planner import SLOTS, Visit, problem
from csms.model.clock import ManualClock
from csms.model.ids import EvseRef
from csms.model.response import Bid, Clearing, Invitation, Kind, Notice, PriceUnit, ResponseEvent
from csms.model.station import CurrentKind, EvseRating
from csms.response.dispatch import Fills
from csms.store.engine import open_store
from optimizer import solve
from optimizer.arrays import FloatArray
from tests.support.access import bearer, token_for
from tests.support.response import NOW, QUARTER, START, Desk

HOUR = timedelta(hours=1)
TREE = FeederTree([Feeder("T1", 200_000, base_load_w=(10_000,))])


def event(feeder_id: str = "T1", kind: Kind = Kind.FILL, accepted: bool = True) -> ResponseEvent:
    begin, end, target_w = NOW + 2 * HOUR, NOW + 3 * HOUR, 20_000
    unit = PriceUnit.PER_KWH
    asked = Invitation("E1", "grid:n", feeder_id, kind, Notice.INTRADAY, begin, end, target_w, 0.4, unit, begin)
    return ResponseEvent(asked, NOW, bid=Bid(target_w, 0.4, NOW), clearing=Clearing(accepted, NOW, target_w, 0.4))


def plan(fills: Fills) -> FloatArray:
    """The load of eight cars that have eight hours for 20 kWh each."""
    outlet = Outlet(EvseRating(CurrentKind.AC, 3, 32.0, 22_080), 3)
    visits = [
        Visit(EvseRef(f"S{n}", 1), n, str(n), outlet, ("T1",), 20_000.0, NOW + 8 * HOUR, 11_040.0) for n in range(8)
    ]
    asked = problem(visits, TREE, NoCaps(), "T1", NOW, ({}, {}), 0.02, 0.0, 0.0, fills)
    return asked.load_kw(solve(asked).power_kw)


def test_the_plan_moves_charging_into_the_event() -> None:
    fills, nothing = Fills(1.2), Fills(1.2)
    assert fills.take([event()], NOW)
    usual, moved = plan(nothing), plan(fills)
    window = slice(8, 12)
    assert usual[window] == pytest.approx(30.0), "160 kWh over eight hours, and 10 kW of base load"
    ratio = float(np.mean(moved[window] - usual[window])) / 20.0
    assert 0.8 <= ratio <= 1.2
    assert moved.sum() == pytest.approx(usual.sum()), "no car gets less"
    assert moved[12:32].max() < usual[12:32].max()
    assert len(moved) == SLOTS


def test_only_what_was_taken_and_asks_for_more_is_heeded() -> None:
    fills = Fills(1.0)
    for one in (event(accepted=False), event(kind=Kind.SHAVE)):
        assert not fills.take([one], NOW)
        assert fills.urge_w("T1", NOW + 2 * HOUR) == 0
    assert fills.take([event()], NOW)
    assert not fills.take([event()], NOW), "nothing new"
    assert [fills.urge_w("T1", NOW + n * HOUR) for n in (1, 2, 3)] == [0, 20_000, 0]
    assert fills.urge_w("T2", NOW + 2 * HOUR) == 0
    assert fills.take([event()], NOW + 2 * HOUR), "it begins: the next plan has it in its first slot"
    assert fills.take([], NOW + 2 * HOUR)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    clock = ManualClock(NOW)
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", clock, upgrade=True)
    found = Desk(store, clock)
    found.http.headers.update(bearer(await token_for(found.guard)))
    yield found
    await found.http.aclose()
    await store.close()


async def test_a_filling_event_is_a_wish_and_no_limit(desk: Desk) -> None:
    await desk.history(40_000)
    told = await desk.taken(type="fill")
    assert (told["dispatch"]["steered"], told["dispatch"]["limit_id"]) == (True, "")
    assert await desk.store.reader.limits("T1") == []
    await desk.work.look()
    assert desk.plans == 1
    assert desk.service.fills.urge_w("T1", START) == 24_000
    desk.at(START)
    await desk.work.look()
    assert desk.plans == 2
    await desk.seen(START, [58_000, 60_000, 62_000, 60_000])
    desk.at(START + HOUR)
    answer = (await desk.http.post("/api/v1/response-events/E1/evaluations")).json()
    assert (answer["ratio"], answer["pay"]) == pytest.approx((1.0, 30.0))
    assert [row["plan_kw"] for row in answer["rows"]] == [60] * 4
    await desk.work.look()
    assert desk.plans == 3
    assert desk.service.fills.urge_w("T1", START + QUARTER) == 0, "it is over"


async def test_below_the_top_of_a_tree_nobody_is_moved(desk: Desk) -> None:
    await desk.history_of("T1a")
    told = await desk.taken(type="fill", feeder="T1a")
    assert told["dispatch"]["steered"] is False


async def test_of_what_can_rise_the_past_says_nothing(desk: Desk) -> None:
    await desk.history(40_000)
    from tests.support.response import INVITATION, URL

    await desk.put(**(INVITATION | {"type": "fill"}))
    assert (await desk.http.get(URL + "/offer")).json()["why_not"] == "no_cars"
    desk.cars.cars = (15_000.0, 0.0)
    assert (await desk.put("/bid", automatic=True))["bid"]["power_kw"] == 15
