"""Opens the database: one connection that writes, a few that read, and no start on a schema that does not fit."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from csms.model.clock import Clock
from csms.store import migrate
from csms.store.database import Database
from csms.store.queries import Reader
from csms.store.sqlite import SqliteDatabase
from csms.store.urls import BUSY_TIMEOUT_S, engine_name, make_folder, postgres_url, set_pragmas, sqlite_path, sqlite_url
from csms.store.writer import Writer

READERS_MAX = 4
"""Connections (threads) that read side by side; further reads wait for one."""


@dataclass(frozen=True, slots=True)
class Store:
    """An open database."""

    writer: Writer
    reader: Reader
    database: Database
    reading: AsyncEngine

    async def close(self) -> None:
        """Write what was handed over, then let go of the files."""
        await self.writer.close()
        await self.reading.dispose()


async def open_store(url: str, clock: Clock, *, upgrade: bool = False, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Store:
    """Open `sqlite+aiosqlite:///path` (the folder is made when missing) or `postgresql+asyncpg://user:pw@host/name`.

    `upgrade` runs pending migrations first. Raises SchemaOutdated for a database that is not migrated or newer than
    this program, DatabaseUnsupported for another engine, StoreUnavailable for one that cannot be opened.
    `busy_timeout_s`: wall time to wait for another process that holds the file or the rows.
    """
    if engine_name(url) == "postgresql":
        return await _open_postgres(url, clock, upgrade, busy_timeout_s)
    path = sqlite_path(url)
    await asyncio.to_thread(_prepare, path, url, upgrade)
    reading = _reading(path, busy_timeout_s)
    return _store(SqliteDatabase(path, busy_timeout_s), reading, clock)


def _store(database: Database, reading: AsyncEngine, clock: Clock) -> Store:
    return Store(Writer(database, clock), Reader(reading), database, reading)


async def _open_postgres(url: str, clock: Clock, upgrade: bool, busy_timeout_s: float) -> Store:
    await asyncio.to_thread(_migrate, url, upgrade)
    from csms.store.postgres import PostgresDatabase, reading_engine

    parsed = postgres_url(url)
    database = PostgresDatabase(parsed, clock, busy_timeout_s)
    await database.open()
    return _store(database, reading_engine(parsed, READERS_MAX), clock)


def _prepare(path: Path, url: str, upgrade: bool) -> None:
    make_folder(path)
    _migrate(url, upgrade)


def _migrate(url: str, upgrade: bool) -> None:
    if upgrade:
        migrate.upgrade(url)
    migrate.check(url)


def _reading(path: Path, busy_timeout_s: float) -> AsyncEngine:
    """Connections that cannot write. Errors name no values (privacy)."""
    url = sqlite_url(path, "sqlite+aiosqlite", "rw")
    engine = create_async_engine(url, hide_parameters=True, pool_size=READERS_MAX, max_overflow=0)

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        set_pragmas(connection, busy_timeout_s)
        cursor = connection.cursor()
        cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    return engine
