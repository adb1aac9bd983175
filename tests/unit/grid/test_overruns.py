"""Seconds above a cap are counted, and a person hears of what lasts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from csms.charging.status import FeederLoad
from csms.grid.overruns import ABOVE_CAP, Overruns
from csms.model.clock import ManualClock
from csms.station.alerts import Alerts
from csms.store.engine import Store, open_store
from csms.store.security_tables import Alert

GRACE_S = 60.0
BELOW, ABOVE = FeederLoad(100_000, 90_000, 95_000), FeederLoad(100_000, 110_000, 120_000)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", ManualClock(), upgrade=True)
    yield opened
    await opened.close()


class Desk:
    def __init__(self, store: Store) -> None:
        self.clock, self.store, self.loads = ManualClock(), store, {"T1": BELOW, "T2": BELOW}
        self.overruns = Overruns(self.clock, lambda: self.loads, Alerts(self.clock, store), GRACE_S)

    async def look(self, seconds: float, **loads: FeederLoad) -> None:
        self.loads = self.loads | loads
        self.clock.advance(seconds)
        await self.overruns.look()

    async def alerts(self) -> list[tuple[str, str, bool]]:
        rows = await self.store.reader.find(Alert)
        return [(row.kind, row.info, row.acknowledged_at is not None) for row in rows]


async def test_seconds_above_a_cap_are_counted_for_each_feeder(store: Store) -> None:
    desk = Desk(store)
    await desk.look(10)
    await desk.look(2, T1=ABOVE)
    await desk.look(3)
    await desk.look(2, T1=BELOW, T2=ABOVE)
    assert desk.overruns.above_s == {"T1": 5.0, "T2": 2.0}
    assert await desk.alerts() == [], "loads may still be coming down"


async def test_what_lasts_is_told_once_and_ends_by_itself(store: Store) -> None:
    desk = Desk(store)
    for _ in range(50):
        await desk.look(2, T1=ABOVE)
    assert await desk.alerts() == [(ABOVE_CAP, "T1: 110.0 kW are metered, 100.0 kW may be drawn", False)]
    await desk.look(2, T1=BELOW)
    ((kind, _, over),) = await desk.alerts()
    assert (kind, over) == (ABOVE_CAP, True)


async def test_a_short_dip_begins_the_grace_anew(store: Store) -> None:
    desk = Desk(store)
    for _ in range(20):
        await desk.look(GRACE_S / 2, T1=ABOVE)
        await desk.look(1, T1=BELOW)
    assert await desk.alerts() == []
    assert desk.overruns.above_s["T1"] == 20 * GRACE_S / 2
