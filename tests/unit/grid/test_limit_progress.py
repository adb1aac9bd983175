"""What becomes of a limit, stage by stage, and how it is told (GL-A2)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from csms.access.audit import AuditLog
from csms.charging.compliance import Compliance
from csms.charging.feeder import Feeder, FeederTree
from csms.grid.progress import LimitProgress, Outcome, Stage, Track
from csms.grid.service import LimitService
from csms.model.clock import ManualClock
from csms.station.bus import EventBus
from csms.store.engine import Store, open_store
from tests.support.limits import HOUSE, limits_over

TREE = FeederTree([Feeder("T1", 400_000, lowest_cap_w=50_000)])
BEFORE = Compliance("T1", 100_000, 20_000, 78_000, 120_000, 120_000, 130_000, 110_000, waiting=("P1",))
TOLD = replace(BEFORE, settled_w=70_000)
CONFIRMED = replace(TOLD, upper_bound_w=70_000, waiting=())
BELOW = replace(CONFIRMED, metered_w=60_000)
AWAY = replace(BEFORE, movable_w=0, waiting=(), unreachable=("P2",), metered_w=60_000)
GRACE_S = 60.0


class Desk:
    def __init__(self, store: Store, clock: ManualClock) -> None:
        self.store, self.clock, self.now_is = store, clock, BEFORE
        bus, self.audit = EventBus(), AuditLog(clock, store)
        self.limits: LimitService = limits_over(clock, store, TREE, bus, audit=self.audit)
        self.progress = LimitProgress(clock, self.limits, lambda feeder_id: self.now_is, self.audit, bus, GRACE_S)

    async def submit(self, limit_id: str = "L", **fields: Any) -> Track:
        body = json.dumps({"version": 1, "value_w": 100_000} | fields).encode()
        decision = await self.limits.submit(body, HOUSE, "T1", limit_id)
        assert decision.limit is not None
        track = self.progress.track(decision.limit)
        assert track is not None
        return track

    def look(self, found: Compliance, seconds: float = 1.0) -> None:
        self.now_is = found
        self.clock.advance(seconds)
        self.progress.look()

    async def told(self) -> list[tuple[str, str]]:
        """Stage and outcome of what stands in the audit log, oldest first."""
        await self.audit.pay()
        rows = await self.store.reader.audit_page(100, kind="limit", action="carry out limit")
        results = [json.loads(row.text)["result"] for row in rows]
        return [(result["stage"], result["outcome"]) for result in reversed(results)]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    clock = ManualClock()
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", clock, upgrade=True)
    yield Desk(store, clock)
    await store.close()


@pytest.mark.req("GL-A2")
async def test_a_limit_is_followed_until_metering_shows_it(desk: Desk) -> None:
    track = await desk.submit()
    assert (track.stage, track.outcome) == (Stage.ACKNOWLEDGED, Outcome.PENDING)
    desk.look(BEFORE)
    assert track.stage is Stage.ACKNOWLEDGED
    desk.look(TOLD)
    desk.look(CONFIRMED)
    assert track.stage is Stage.CONFIRMED
    for _ in range(3):
        assert track.outcome is Outcome.PENDING
        desk.look(BELOW, 5)
    assert (track.stage, track.outcome, track.done) == (Stage.VERIFIED, Outcome.ACHIEVED, True)
    assert await desk.told() == [("commanded", "pending"), ("confirmed", "pending"), ("verified", "achieved")]
    times = list(track.view()["reached"].values())
    assert times == sorted(times)


async def test_metering_that_is_not_new_shows_nothing(desk: Desk) -> None:
    track = await desk.submit()
    for _ in range(9):
        desk.look(BELOW, 0.5)
    assert track.stage is Stage.CONFIRMED


async def test_stations_that_cannot_be_reached_make_it_partly_achieved(desk: Desk) -> None:
    track = await desk.submit()
    desk.look(AWAY)
    assert track.stage is Stage.COMMANDED
    desk.look(AWAY, GRACE_S)
    assert (track.outcome, track.view()["feeder"]["unreachable"]) == (Outcome.PARTLY, ("P2",))
    desk.look(replace(AWAY, metered_w=90_000))
    assert track.outcome is Outcome.MISSED
    for _ in range(3):
        desk.look(BELOW, 5)
    assert track.outcome is Outcome.ACHIEVED, "later is better than never"


async def test_a_limit_to_come_waits_for_its_beginning_and_ends_with_its_window(desk: Desk) -> None:
    track = await desk.submit(valid_from="2026-01-01T04:10:00Z", valid_to="2026-01-01T04:20:00Z")
    start = desk.clock.now()
    desk.look(BELOW)
    assert track.stage is Stage.ACKNOWLEDGED
    desk.look(BEFORE, (track.binds_at - start).total_seconds())
    desk.look(TOLD)
    assert track.stage is Stage.COMMANDED
    desk.look(TOLD, 600)
    assert (track.stage, track.done) == (Stage.OVER, True)


async def test_a_newer_version_and_a_cancelled_one(desk: Desk) -> None:
    first = await desk.submit()
    second = await desk.submit(version=2, value_w=90_000)
    assert second is not first
    await desk.limits.cancel(HOUSE, "T1", "L")
    assert second.stage is Stage.OVER
    assert (await desk.told())[-1][0] == "over"


async def test_limits_in_force_are_followed_again_after_a_restart(desk: Desk) -> None:
    track = await desk.submit()
    again = Desk(desk.store, desk.clock)
    await again.limits.restore()
    later = LimitProgress(again.clock, again.limits, lambda feeder_id: BELOW, again.audit, EventBus(), GRACE_S)
    assert later.track(track.limit) is not None


async def test_export_limits_are_not_followed(desk: Desk) -> None:
    decision = await desk.limits.submit(b'{"version": 1, "value_w": 0, "direction": "export"}', HOUSE, "T1", "X")
    assert decision.limit is not None
    assert desk.progress.track(decision.limit) is None
