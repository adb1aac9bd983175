"""Looks at a schema and changes it: one transaction on either engine, given to plain (not asynchronous) work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection, NullPool, create_engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from csms.model.errors import StoreUnavailable
from csms.store.urls import (
    CONNECT_TIMEOUT_S,
    DatabaseUnsupported,
    engine_name,
    make_folder,
    postgres_url,
    set_pragmas,
    sqlite_path,
    sqlite_url,
)

T = TypeVar("T")

MIGRATING = 0x63736D73_0001
"""Advisory lock of PostgreSQL: of two programs that migrate, the second waits and finds nothing to do."""


def look(url: str, work: Callable[[Connection], T]) -> T | None:
    """The result of `work`; None for a SQLite file that is not there. Raises StoreUnavailable.

    For PostgreSQL not to be called where an event loop runs.
    """
    if engine_name(url) == "postgresql":
        return asyncio.run(_postgres(url, work, locked=False))
    if not sqlite_path(url).exists():
        return None
    with _sqlite(url, "rw") as connection:
        return work(connection)


def change(url: str, work: Callable[[Connection], T]) -> T:
    """The result of `work`, all of it or nothing, alone from its first moment on. Raises StoreUnavailable.

    A missing SQLite file is made. For PostgreSQL not to be called where an event loop runs.
    """
    if engine_name(url) == "postgresql":
        return asyncio.run(_postgres(url, work, locked=True))
    make_folder(sqlite_path(url))
    with _sqlite(url, "rwc") as connection:
        return work(connection)


def revision(connection: Connection) -> str | None:
    """What the database says of its schema; None for an empty one."""
    if (
        connection.dialect.name == "postgresql"
        and connection.scalar(text("SELECT to_regclass('alembic_version')")) is None
    ):
        return None
    try:
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    except OperationalError as error:
        if "no such table" in str(error.orig):
            return None
        raise
    return None if found is None else str(found)


async def _postgres(url: str, work: Callable[[Connection], T], locked: bool) -> T:
    try:
        engine = create_async_engine(
            postgres_url(url), poolclass=NullPool, hide_parameters=True, connect_args={"timeout": CONNECT_TIMEOUT_S}
        )
    except ModuleNotFoundError as error:
        raise DatabaseUnsupported("PostgreSQL needs its driver: pip install 'csms[postgres]'") from error
    try:
        async with engine.begin() as connection:
            if locked:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATING})
            return await connection.run_sync(work)
    except (SQLAlchemyError, OSError) as error:
        raise StoreUnavailable(f"the database cannot be opened: {_first_line(error)}") from error
    finally:
        await engine.dispose()


def _first_line(error: Exception) -> str:
    """Without the server's details, which quote values."""
    return str(getattr(error, "orig", error)).partition("\n")[0] or type(error).__name__


@contextmanager
def _sqlite(url: str, mode: str) -> Iterator[Connection]:
    """One transaction that holds the write lock from its first moment, DDL included."""
    engine = create_engine(sqlite_url(sqlite_path(url), "sqlite", mode), poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def connected(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        set_pragmas(connection)
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if mode == "rwc" else "BEGIN")

    try:
        with engine.begin() as connection:
            yield connection
    except (SQLAlchemyError, OSError) as error:
        raise StoreUnavailable(f"the database cannot be opened: {getattr(error, 'orig', error)}") from error
    finally:
        engine.dispose()
