"""Opens the database: one connection that writes, a few that read, and no start on a schema that does not fit."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import NullPool, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from csms.model.clock import Clock
from csms.store import migrate
from csms.store.queries import Reader
from csms.store.urls import BUSY_TIMEOUT_S, make_folder, set_pragmas, sqlite_path, sqlite_url
from csms.store.writer import Writer

READERS_MAX = 4
"""Connections (threads) that read side by side; further reads wait for one."""


@dataclass(frozen=True, slots=True)
class Store:
    """An open database."""

    writer: Writer
    reader: Reader
    engines: tuple[AsyncEngine, AsyncEngine]

    async def close(self) -> None:
        """Write what was handed over, then let go of the files."""
        await self.writer.close()
        for engine in self.engines:
            await engine.dispose()


async def open_store(url: str, clock: Clock, *, upgrade: bool = False, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Store:
    """Open `sqlite+aiosqlite:///path`; the folder is made when missing. `upgrade` runs pending migrations first.

    Raises SchemaOutdated for a database that is not migrated or newer than this program, DatabaseUnsupported for
    another engine, StoreUnavailable for a file that cannot be opened. `busy_timeout_s` is wall time.
    """
    path = sqlite_path(url)
    await asyncio.to_thread(_prepare, path, url, upgrade)
    writing = _engine(path, busy_timeout_s, reading=False)
    reading = _engine(path, busy_timeout_s, reading=True)
    return Store(Writer(writing, clock), Reader(reading), (writing, reading))


def _prepare(path: Path, url: str, upgrade: bool) -> None:
    make_folder(path)
    if upgrade:
        migrate.upgrade(url)
    migrate.check(url)


def _engine(path: Path, busy_timeout_s: float, reading: bool) -> AsyncEngine:
    """The writer connects anew after a fault, so its connections are not pooled. Errors name no values (privacy)."""
    url = sqlite_url(path, "sqlite+aiosqlite", "rw")
    if reading:
        engine = create_async_engine(url, hide_parameters=True, pool_size=READERS_MAX, max_overflow=0)
    else:
        engine = create_async_engine(url, hide_parameters=True, poolclass=NullPool)

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        set_pragmas(connection, busy_timeout_s)
        if reading:
            cursor = connection.cursor()
            cursor.execute("PRAGMA query_only=ON")
            cursor.close()

    return engine
