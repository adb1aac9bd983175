"""What is known of base loads outlives the process; a meter that stays silent is told to people, once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from csms.charging.base_load import HOLD
from csms.charging.base_load_keeper import SILENT, BaseLoadKeeper, restore
from csms.charging.feeder import Feeder, FeederTree
from csms.model.clock import ManualClock
from csms.store.engine import Store, open_store


class Told:
    """Alerts as they come."""

    def __init__(self) -> None:
        self.raised: list[tuple[str, str]] = []

    async def raise_(self, kind: str, station_id: str = "", info: str = "") -> None:
        self.raised.append((kind, info))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'db'}", ManualClock(), upgrade=True)
    yield opened
    await opened.close()


def tree() -> FeederTree:
    return FeederTree([Feeder("T", 100_000, base_load_w=(5_000,)), Feeder("N", 50_000, "T")])


async def test_after_a_restart_the_highest_of_the_last_day_counts_until_the_meter_speaks(store: Store) -> None:
    clock, before = ManualClock(), tree()
    keeper = BaseLoadKeeper(clock, before, store.writer)
    for power_w in (20_000, 60_000, 30_000):
        clock.advance(60)
        before.base_loads.report("T", power_w, clock.now(), clock.now())
    await keeper.look()
    after = tree()
    await restore(after, store.reader)
    assert after.base_load_w("T", clock.now()) == 60_000
    assert after.base_loads.metered("T")
    assert not after.base_load_metered("T", clock.now())
    after.base_loads.report("T", 25_000, clock.now(), clock.now())
    assert after.base_load_w("T", clock.now()) == 25_000
    assert after.base_loads.highs()["T"].power_w == 60_000


async def test_the_highest_of_before_counts_no_more_when_a_day_of_metering_is_over(store: Store) -> None:
    clock, after = ManualClock(), tree()
    after.base_loads.report("T", 60_000, clock.now(), clock.now())
    await BaseLoadKeeper(clock, after, store.writer).look()
    for _ in range(27):
        clock.advance(3600)
        after.base_loads.report("T", 10_000, clock.now(), clock.now())
    await BaseLoadKeeper(clock, after, store.writer).look()
    last = tree()
    await restore(last, store.reader)
    assert last.base_load_w("T", clock.now()) == 10_000


async def test_people_hear_once_of_a_meter_that_is_silent(store: Store) -> None:
    clock, told, loads = ManualClock(), Told(), tree()
    keeper = BaseLoadKeeper(clock, loads, store.writer, told)
    loads.base_loads.report("T", 60_000, clock.now(), clock.now())
    await keeper.look()
    for _ in range(3):
        clock.advance(HOLD.total_seconds())
        await keeper.look()
    assert [kind for kind, _ in told.raised] == [SILENT]
    assert "feeder T" in told.raised[0][1]
    assert "60 kW" in told.raised[0][1]
    loads.base_loads.report("T", 10_000, clock.now(), clock.now())
    await keeper.look()
    clock.advance(HOLD.total_seconds())
    await keeper.look()
    assert len(told.raised) == 2, "silent once more"


async def test_right_after_a_start_nobody_is_told(store: Store) -> None:
    clock, told, before = ManualClock(), Told(), tree()
    before.base_loads.report("N", 9_000, clock.now(), clock.now())
    await BaseLoadKeeper(clock, before, store.writer).look()
    after = tree()
    await restore(after, store.reader)
    keeper = BaseLoadKeeper(clock, after, store.writer, told)
    clock.advance(HOLD.total_seconds() - 1)
    await keeper.look()
    assert told.raised == []
    clock.advance(1)
    await keeper.look()
    assert len(told.raised) == 1


def test_a_meter_that_is_gone_is_forgotten() -> None:
    clock, loads = ManualClock(), tree()
    loads.base_loads.report("T", 60_000, clock.now(), clock.now())
    late = clock.now() + timedelta(hours=1)
    loads.base_loads.look(late)
    assert loads.base_load_w("T", late) == 60_000
    assert loads.base_loads.forget("T")
    assert loads.base_load_w("T", late) == 5_000
    assert not loads.base_loads.metered("T")
    assert not loads.base_loads.forget("T")
