"""Writes to PostgreSQL: one connection of the driver itself, samples by COPY.

A connection that lost touch, or whose transaction was cut short, is never used again; the next call makes a new one.
Several gateways may write to one database: each adds up a tally row of its own, and they share the numbers of
metering points and quantities.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.model.meter import QuantityKey
from csms.store.catalogue import Catalogue, PointKey, SampleRow, Unknown
from csms.store.change import Change, SampleBatch, merged
from csms.store.compiled import compiled
from csms.store.faults import is_outage
from csms.store.partitions import prepare_days
from csms.store.urls import CONNECT_TIMEOUT_S

WRITE_TIMEOUT_S = 30.0
"""Wall time for one transaction: a server that hangs must not keep the callers waiting for ever."""

READ_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 5.0
ROLLBACK_TIMEOUT_S = 5.0
STATEMENTS_KEPT = 500

_SAMPLE_COLUMNS = ("bank", "time", "point_id", "quantity_id", "value", "session_id", "received_at")
_BEFORE_SAMPLES = "SAVEPOINT samples"
_INCOMING = "CREATE TEMPORARY TABLE IF NOT EXISTS incoming_sample (LIKE sample) ON COMMIT DELETE ROWS"
_TAKE_IN = "INSERT INTO sample SELECT * FROM incoming_sample ON CONFLICT (bank, time, point_id, quantity_id) DO NOTHING"
_COUNT_SAMPLES = (
    "INSERT INTO tally (name, holder, value) VALUES ('samples', $1, $2) "
    "ON CONFLICT (name, holder) DO UPDATE SET value = tally.value + excluded.value"
)
_POINT_KEYS = "unnest($1::text[], $2::int[], $3::text[]) AS k (station_id, evse_id, transaction_id)"
_ADD_POINTS = (
    f"INSERT INTO metering_point (station_id, evse_id, transaction_id) SELECT * FROM {_POINT_KEYS} "
    "ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING"
)
_POINTS = (
    "SELECT p.id, p.station_id, p.evse_id, p.transaction_id FROM metering_point p "
    f"JOIN {_POINT_KEYS} USING (station_id, evse_id, transaction_id)"
)
_WORDS = "measurand, phase, context, location, unit"
_QUANTITY_KEYS = f"unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS k ({_WORDS})"
_ADD_QUANTITIES = (
    f"INSERT INTO quantity ({_WORDS}) SELECT * FROM {_QUANTITY_KEYS} ORDER BY 1, 2, 3, 4, 5 ON CONFLICT DO NOTHING"
)
_QUANTITIES = f"SELECT q.id, {_WORDS} FROM quantity q JOIN {_QUANTITY_KEYS} USING ({_WORDS})"
_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
    "SELECT current_setting('fsync')",
)

_AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.InvalidCachedStatementError)
"""Nobody's fault: two gateways met on the same rows, or the schema changed under a prepared statement."""

_MAY_WAIT = (asyncpg.InsufficientPrivilegeError, asyncpg.LockNotAvailableError)
ATTEMPTS_MAX = 5
_Step = tuple[str, list[tuple[Any, ...]]]
T = TypeVar("T")

log = logging.getLogger(__name__)


class PostgresDatabase:
    """See `csms.store.database.Database`. Times are wall time."""

    def __init__(
        self, url: URL, clock: Clock, lock_timeout_s: float = 5.0, write_timeout_s: float = WRITE_TIMEOUT_S
    ) -> None:
        self._options = connect_options(url, "csms writer", lock_timeout_s)
        self._clock = clock
        self._write_timeout_s = write_timeout_s
        self._holder = f"{socket.gethostname()}-{os.getpid()}"
        self._catalogue = Catalogue()
        self._connection: Any = None
        self._hour: tuple[date, int] | None = None

    async def write(self, changes: Sequence[Change]) -> int:
        """See `Database.write`."""
        steps, batches = merged(changes)
        ready = []
        for statement, rows in steps:
            text = compiled(statement, "postgresql", rows)
            ready.append((text.sql, text.values(rows)))
        samples = await self._safely(lambda connection: self._write(connection, ready, batches))
        return samples + sum(len(rows) for _, rows in steps)

    async def open(self) -> None:
        """Connect and make the partitions of these days. Raises StoreUnavailable."""
        try:
            await self.prepare_days(self._clock.now())
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as fault:
            raise StoreUnavailable(f"the database cannot be opened: {type(fault).__name__}") from fault

    async def prepare_days(self, now: datetime) -> None:
        """Make the partitions of this day and the next ones where they are missing.

        Raises what the driver raises, TimeoutError after `write_timeout_s`.
        """
        await self._safely(lambda connection: self._pass_days(connection, now))

    async def close(self) -> None:
        """See `Database.close`."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await connection.close(timeout=CLOSE_TIMEOUT_S)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection.terminate()

    async def _safely(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """In the time given, and again where the server asks for that; afterwards the connection is sound or gone."""
        try:
            async with asyncio.timeout(self._write_timeout_s):
                return await self._insistently(work)
        except TimeoutError as fault:
            raise TimeoutError("the database did not answer in time") from fault

    async def _insistently(self, work: Callable[[Any], Awaitable[T]]) -> T:
        for _ in range(ATTEMPTS_MAX - 1):
            try:
                return await self._attempt(work)
            except _AGAIN:
                continue
        return await self._attempt(work)

    async def _attempt(self, work: Callable[[Any], Awaitable[T]]) -> T:
        try:
            return await work(await self._connected())
        except BaseException as fault:
            await self._after(fault)
            raise

    async def _write(self, connection: Any, steps: Sequence[_Step], batches: Sequence[SampleBatch]) -> int:
        """Returns the number of samples."""
        await self._pass_days(connection, self._clock.now())
        self._catalogue.shrink()
        unknown = self._catalogue.unknown(batches)
        if unknown:
            self._catalogue.learn(*await _numbers(connection, unknown))
        samples = self._catalogue.rows(batches, _aware)
        await self._transaction(connection, steps, samples)
        return len(samples)

    async def _transaction(self, connection: Any, steps: Sequence[_Step], samples: list[SampleRow]) -> None:
        await connection.execute(f"BEGIN; {_BEFORE_SAMPLES}" if samples else "BEGIN")
        if samples:
            await connection.execute(_COUNT_SAMPLES, self._holder, await _insert(connection, samples))
        for sql, rows in steps:
            await connection.executemany(sql, rows)
        status = await connection.execute("COMMIT")
        if status != "COMMIT":
            raise asyncpg.InterfaceError(f"the transaction ended with {status}")

    async def _pass_days(self, connection: Any, now: datetime) -> None:
        """At the first write of an hour, because it may fail: a backup, say, holds the tables that have to be locked.

        Without its own partition a day still has the default one.
        """
        hour = (now.date(), now.hour)
        if hour == self._hour:
            return
        try:
            await prepare_days(connection, now.date())
        except asyncpg.PostgresError as fault:
            if is_outage(fault) and not isinstance(fault, _MAY_WAIT):
                raise
            log.warning("partitions_not_made: samples may go to the default partition: %s", fault.args[0])
        self._hour = hour

    async def _connected(self) -> Any:
        if self._connection is not None and self._connection.is_closed():
            self._drop()
        if self._connection is None:
            connection = await asyncpg.connect(
                **self._options,
                timeout=CONNECT_TIMEOUT_S,
                statement_cache_size=STATEMENTS_KEPT,
                max_cached_statement_lifetime=0,
            )
            try:
                await _make_durable(connection)
            except BaseException:
                connection.terminate()
                raise
            self._connection = connection
        return self._connection

    async def _after(self, fault: BaseException) -> None:
        """End the transaction; a connection that may be out of step is not used again."""
        connection = self._connection
        if connection is None:
            return
        if not isinstance(fault, Exception) or is_outage(fault) or connection.is_closed():
            self._drop()
            return
        try:
            async with asyncio.timeout(ROLLBACK_TIMEOUT_S):
                if connection.is_in_transaction():
                    await connection.execute("ROLLBACK")
        except BaseException as error:
            self._drop()
            if not isinstance(error, OSError | asyncpg.PostgresError | asyncpg.InterfaceError):
                raise

    def _drop(self) -> None:
        """Numbers too: behind the next connection may be a database that was restored."""
        connection, self._connection = self._connection, None
        self._catalogue, self._hour = Catalogue(), None
        if connection is not None:
            connection.terminate()


def connect_options(url: URL, application: str, lock_timeout_s: float) -> dict[str, Any]:
    """Keywords of `asyncpg.connect` for a URL; `application` is what the server's activity list shows."""
    options = dict(url.get_dialect()().create_connect_args(url)[1])
    options["server_settings"] = {
        "application_name": application,
        "lock_timeout": f"{int(lock_timeout_s * 1000)}ms",
        "idle_in_transaction_session_timeout": "60s",
    }
    return options


def reading_engine(url: URL, connections_max: int) -> AsyncEngine:
    """Connections that cannot write; each transaction sees one moment. Errors name no values (privacy)."""
    options = {
        "timeout": CONNECT_TIMEOUT_S,
        "command_timeout": READ_TIMEOUT_S,
        "server_settings": {"application_name": "csms reader", "default_transaction_read_only": "on", "jit": "off"},
    }
    return create_async_engine(
        url,
        hide_parameters=True,
        isolation_level="REPEATABLE READ",
        pool_size=connections_max,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args=options,
    )


async def _make_durable(connection: Any) -> None:
    """An answer given is kept: never write with a server that commits before it has written."""
    enforce, look = _DURABLE
    await connection.execute(enforce)
    if await connection.fetchval(look) == "off":
        log.warning("fsync_off: the server does not wait for its disk; a loss of power loses what was acknowledged")


async def _insert(connection: Any, samples: list[SampleRow]) -> int:
    """Returns how many were new. Samples sent again are rare, so the fast way is tried first."""
    try:
        await connection.copy_records_to_table("sample", records=samples, columns=_SAMPLE_COLUMNS)
    except asyncpg.UniqueViolationError:
        await connection.execute("ROLLBACK TO SAVEPOINT samples")
        return await _insert_new(connection, samples)
    return len(samples)


async def _insert_new(connection: Any, samples: list[SampleRow]) -> int:
    """By way of a temporary table; of equal keys the first stays."""
    first = {row[:4]: row for row in reversed(samples)}
    await connection.execute(_INCOMING)
    await connection.copy_records_to_table("incoming_sample", records=list(first.values()), columns=_SAMPLE_COLUMNS)
    status: str = await connection.execute(_TAKE_IN)
    return int(status.rsplit(" ", 1)[1])


async def _numbers(
    connection: Any, unknown: Unknown
) -> tuple[list[tuple[PointKey, int]], list[tuple[QuantityKey, int]]]:
    """Ahead of the samples, durable by itself: a number without samples harms nobody."""
    points = await _learned(connection, _POINTS, _ADD_POINTS, list(unknown.points))
    quantities = await _learned(connection, _QUANTITIES, _ADD_QUANTITIES, list(unknown.quantities))
    return points, quantities


async def _learned(connection: Any, find: str, add: str, keys: list[Any]) -> list[tuple[Any, int]]:
    """Looked up first: an INSERT that finds a row there uses up a number all the same."""
    if not keys:
        return []
    found = {tuple(row)[1:]: row[0] for row in await connection.fetch(find, *zip(*keys, strict=True))}
    missing = [key for key in keys if key not in found]
    if missing:
        columns = list(zip(*missing, strict=True))
        await connection.execute(add, *columns)
        found |= {tuple(row)[1:]: row[0] for row in await connection.fetch(find, *columns)}
    return [(key, found[key]) for key in keys]


def _aware(moment: datetime) -> datetime:
    """The driver would take a time without a zone for local time."""
    if moment.tzinfo is None:
        raise ValueError(f"time without a zone: {moment!r}")
    return moment
