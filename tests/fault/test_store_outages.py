"""Real outages: a database that is locked, full, read-only, gone or broken.

Every waiting caller is told, nobody waits for ever, nothing half-written stays, and the writer goes on by itself when
the database is back.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from csms.model.clock import system_clock
from csms.model.errors import StoreUnavailable
from csms.store.change import Change
from csms.store.engine import Store, open_store
from csms.store.sqlite import SqliteDatabase
from tests.support.samples import add_samples

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "csms.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    opened = await open_store(f"sqlite+aiosqlite:///{path}", system_clock(), upgrade=True, busy_timeout_s=0.05)
    yield opened
    await opened.close()


def sample(number: int, unit: str = "W") -> Change:
    time = NOON + timedelta(seconds=number)
    row = {"station_id": "A", "evse_id": 1, "time": time, "received_at": NOON, "measurand": "x", "value": number}
    return add_samples([{**row, "unit": unit}])


def _database(store: Store) -> SqliteDatabase:
    assert isinstance(store.database, SqliteDatabase)
    return store.database


def connection(store: Store) -> sqlite3.Connection:
    """The writer's connection, which is idle now."""
    open_now = _database(store)._connection
    assert open_now is not None
    return open_now


async def pragma(store: Store, setting: str) -> None:
    """Change the writer's connection under its hands."""
    await _database(store)._worker.run(lambda: connection(store).execute(f"PRAGMA {setting}").fetchall())


async def refused(store: Store, calls: int = 20) -> None:
    """Every one of several waiting callers is told, with the stable code."""
    results = await asyncio.gather(
        *(store.writer.commit([sample(1000 + number)]) for number in range(calls)), return_exceptions=True
    )
    assert [type(result) for result in results] == [StoreUnavailable] * calls
    assert {result.code for result in results if isinstance(result, StoreUnavailable)} == {"store_unavailable"}


async def numbers(store: Store) -> list[int]:
    return [int(row.value) for row in await store.reader.samples()]


async def test_a_locked_database(store: Store, path: Path) -> None:
    await store.writer.commit([sample(1)])
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    await refused(store)
    holder.execute("ROLLBACK")
    holder.close()
    await store.writer.commit([sample(2)])
    assert await numbers(store) == [1, 2]


async def test_all_waiting_callers_are_told_after_one_wait_not_one_by_one(store: Store, path: Path) -> None:
    """300 callers tried one after the other would take 300 time-outs."""
    await store.writer.commit([sample(1)])
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    before = store.writer.statistics.refused
    await refused(store, calls=300)
    holder.close()
    assert store.writer.statistics.refused - before == 300


async def test_a_full_disk(store: Store) -> None:
    """SQLite's own page limit gives the same error as a full disk."""
    await store.writer.commit([sample(1)])
    await pragma(store, "max_page_count=1")
    big = sample(2, unit="W" * 1_000_000)
    with pytest.raises(StoreUnavailable, match="full"):
        await store.writer.commit([sample(3), big])
    await store.writer.commit([sample(4)])
    assert await numbers(store) == [1, 4]


async def test_a_read_only_connection(store: Store) -> None:
    await store.writer.commit([sample(1)])
    await pragma(store, "query_only=ON")
    await refused(store)
    await store.writer.commit([sample(2)])
    assert await numbers(store) == [1, 2]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="needs a user whom file modes bind")
async def test_a_read_only_file(store: Store, path: Path) -> None:
    """SQLite gives its side files the mode of the database, so whoever repairs it has to repair them too."""
    await _force_reconnect(store)
    os.chmod(path, 0o444)
    await refused(store)
    for name in os.listdir(path.parent):
        os.chmod(path.with_name(name), 0o644)
    await store.writer.commit([sample(1)])
    assert await numbers(store) == [0, 1]


async def test_a_database_that_is_gone_and_comes_back(store: Store, path: Path) -> None:
    """The writer opens the file anew after a fault, and never makes an empty one in its place."""
    await store.writer.commit([sample(1)])
    await _force_reconnect(store)
    away = path.parent.with_name("away")
    shutil.move(path.parent, away)
    await refused(store)
    path.parent.mkdir()
    await refused(store)
    assert os.listdir(path.parent) == []
    path.parent.rmdir()
    shutil.move(away, path.parent)
    await store.writer.commit([sample(2)])
    assert await numbers(store) == [0, 1, 2]


async def test_a_file_that_was_overwritten(store: Store, path: Path) -> None:
    await _force_reconnect(store)
    await store.reading.dispose()
    kept = path.with_name("kept.db")
    shutil.copy(path, kept)
    with path.open("wb") as file:
        file.write(b"no database at all " * 1000)
    await refused(store)
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        await store.reader.stations()
    shutil.copy(kept, path)
    await store.writer.commit([sample(2)])
    assert await numbers(store) == [0, 2]


async def test_a_connection_that_broke(store: Store) -> None:
    """The driver's connection dies under the writer: at most that batch is refused, the next one connects anew."""
    await store.writer.commit([sample(1)])
    connection(store).close()
    await asyncio.gather(store.writer.commit([sample(2)]), return_exceptions=True)
    await store.writer.commit([sample(3)])
    assert set(await numbers(store)) >= {1, 3}


async def test_closing_during_an_outage_ends(store: Store, path: Path) -> None:
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(store.writer.commit([sample(1)]))
    await asyncio.sleep(0)
    await store.writer.close()
    holder.close()
    with pytest.raises(StoreUnavailable):
        await waiting


async def _force_reconnect(store: Store) -> None:
    """A fault that is over at once, so that the next call has to open the file."""
    await store.writer.commit([sample(0)])
    await pragma(store, "query_only=ON")
    with pytest.raises(StoreUnavailable):
        await store.writer.commit([sample(0)])
    assert _database(store)._connection is None
