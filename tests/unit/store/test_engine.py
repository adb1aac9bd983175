"""Opening: folders, pragmas of every connection, refusal of a wrong schema, clean end."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

import pytest

from csms.model.clock import system_clock
from csms.model.errors import StoreUnavailable
from csms.store import changes, migrate
from csms.store.engine import Store, open_store
from csms.store.sqlite import SqliteDatabase
from csms.store.tables import Station

PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 100}


async def test_every_connection_has_the_pragmas(store: Store) -> None:
    async with store.reading.connect() as connection:
        for name, value in (PRAGMAS | {"query_only": 1}).items():
            assert (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar() == value, name
    assert isinstance(store.database, SqliteDatabase)
    writing = store.database._connection
    assert writing is not None
    for name, value in (PRAGMAS | {"query_only": 0}).items():
        assert writing.execute(f"PRAGMA {name}").fetchone() == (value,), name


async def test_the_folder_is_made(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'a' / 'b c' / 'csms.db'}"
    store = await open_store(url, system_clock(), upgrade=True)
    await store.close()
    assert (tmp_path / "a" / "b c" / "csms.db").exists()


async def test_a_database_that_is_not_migrated_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(migrate.SchemaOutdated, match="csms db migrate"):
        await open_store(url, system_clock())
    assert os.listdir(tmp_path) == []


async def test_a_newer_database_is_refused(url: str, tmp_path: Path) -> None:
    migrate.upgrade(url)
    with sqlite3.connect(tmp_path / "csms.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(migrate.SchemaOutdated, match="newer"):
        await open_store(url, system_clock())
    with pytest.raises(migrate.SchemaOutdated, match="newer"):
        await open_store(url, system_clock(), upgrade=True)


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="folder"):
        await open_store(f"sqlite+aiosqlite:///{tmp_path / 'file' / 'csms.db'}", system_clock())


async def test_closing_keeps_everything_and_leaves_no_thread_and_no_log_behind(url: str, tmp_path: Path) -> None:
    before = threading.active_count()
    store = await open_store(url, system_clock(), upgrade=True)
    await store.writer.commit([changes.put_station(Station(id="A"))])
    assert await store.reader.station("A") is not None
    during = threading.active_count()
    await store.close()
    assert threading.active_count() < during or during == before
    assert os.listdir(tmp_path) == ["csms.db"]
    again = await open_store(url, system_clock())
    assert [row.id for row in await again.reader.stations()] == ["A"]
    await again.close()
