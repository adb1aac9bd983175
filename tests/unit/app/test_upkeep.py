"""The server looks after its data: old rows go, unless the clock was set; a low disk and an outage are told."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from csms.app.sections import RetentionSection
from csms.app.settings import Settings
from csms.app.supervisor import Supervisor
from csms.app.upkeep import Upkeep
from csms.model.clock import ManualClock
from csms.model.errors import StoreUnavailable
from csms.store import changes
from csms.store.engine import Store, open_store
from csms.store.rollup import Rollups
from csms.store.tables import Station
from tests.support.samples import add_samples


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, retention=RetentionSection(sample_days=30))


@pytest.fixture
async def store(settings: Settings, clock: ManualClock) -> AsyncIterator[Store]:
    opened = await open_store(settings.store_url, clock, upgrade=True, busy_timeout_s=0.05)
    row = {"station_id": "A", "evse_id": 1, "measurand": "Power", "unit": "W", "received_at": clock.now()}
    rows = [{**row, "time": clock.now() + timedelta(seconds=n), "value": float(n)} for n in range(10)]
    await opened.writer.commit([changes.put_station(Station(id="A")), add_samples(rows)])
    yield opened
    await opened.close()


async def stored(store: Store) -> int:
    return len(await store.reader.samples())


async def test_what_was_kept_long_enough_goes(settings: Settings, clock: ManualClock, store: Store) -> None:
    upkeep = Upkeep(settings, clock, store)
    clock.advance(86_400 * 40)
    await Rollups(store.writer, store.reader).run(clock.now())
    await upkeep.clear_out()
    assert await stored(store) == 0


async def test_nothing_goes_for_a_day_after_the_clock_was_set(
    settings: Settings, clock: ManualClock, store: Store
) -> None:
    upkeep = Upkeep(settings, clock, store)
    clock.time += timedelta(days=4000)
    await Rollups(store.writer, store.reader).run(clock.now())
    await upkeep.clear_out()
    assert await stored(store) == 10
    assert upkeep.condition().clock_stepped
    clock.time -= timedelta(days=4000)
    clock.advance(3600)
    await upkeep.clear_out()
    clock.advance(86_400)
    await upkeep.clear_out()
    assert await stored(store) == 10, "it was wrong, and was put right in time"
    assert not upkeep.condition().clock_stepped


async def test_a_low_disk_is_told_and_forgotten(
    settings: Settings,
    clock: ManualClock,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    free_mb = 100

    def usage(folder: Path) -> Usage:
        assert folder == settings.data_dir
        return Usage(0, 0, free_mb * 1_000_000)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    upkeep = Upkeep(settings, clock, store)
    for _ in range(5):
        await upkeep.look()
    assert (upkeep.condition().disk_free_mb, upkeep.condition().disk_low) == (100, True)
    assert [record.getMessage() for record in caplog.records] == ["disk_low"]
    free_mb = 10_000
    await upkeep.look()
    assert not upkeep.condition().disk_low


async def test_an_outage_is_found_to_be_over_while_nobody_writes(
    settings: Settings, clock: ManualClock, store: Store
) -> None:
    upkeep = Upkeep(settings, clock, store)
    with closing(sqlite3.connect(settings.data_dir / "csms.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            await store.writer.probe()
        assert upkeep.condition().fault == "store_unavailable"
        with pytest.raises(StoreUnavailable):
            await upkeep.look()
    await upkeep.look()
    assert upkeep.condition().fault == ""
    assert upkeep.condition().refused >= 2


async def test_the_background_work_survives_an_outage(
    settings: Settings, clock: ManualClock, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = Supervisor(clock)
    upkeep = Upkeep(settings, clock, store, look_s=0.01)
    caplog.set_level(logging.DEBUG, "csms.app.upkeep")
    with closing(sqlite3.connect(settings.data_dir / "csms.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            await store.writer.probe()
        for name, work in upkeep.background:
            supervisor.start(name, work)
        await until(lambda: any(record.getMessage() == "upkeep_waits" for record in caplog.records))
    await until(lambda: upkeep.condition().fault == "")
    assert not any(supervisor.restarts.values())
    await supervisor.stop()


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - another task is watched
            await asyncio.sleep(0.01)
