"""Days of the table `sample` on PostgreSQL: one partition each, made ahead, so that a day can go in one step.

What falls outside (a station's clock that is years off) goes to the partition `sample_default`, and from there to its
own day when that is made.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

DAYS_AHEAD = 2
"""Made besides today: samples of clocks that run ahead, and a margin should the day's change find the database away."""

MAKING_DAYS = 0x63736D73_0002
"""Advisory lock: gateways that start together make them one after the other."""

_FIND = "SELECT to_regclass($1)::text"
_HURRY = "SET LOCAL lock_timeout = '1s'"
"""Whoever waits for a table keeps everybody behind him waiting too."""

_LOCK = "SELECT pg_advisory_xact_lock($1)"
_KEEP_OUT = "LOCK TABLE sample_default IN ACCESS EXCLUSIVE MODE"
_MAKE = "CREATE TABLE {name} (LIKE sample INCLUDING ALL)"
_MOVE = (
    "WITH moved AS (DELETE FROM sample_default WHERE time >= '{begin}' AND time < '{end}' RETURNING *) "
    "INSERT INTO {name} SELECT * FROM moved"
)
_ATTACH = "ALTER TABLE sample ATTACH PARTITION {name} FOR VALUES FROM ('{begin}') TO ('{end}')"


def partition_name(day: date) -> str:
    """The table that holds the samples of a day (UTC)."""
    return f"sample_{day:%Y%m%d}"


async def prepare_days(connection: Any, today: date) -> list[str]:
    """Make the partitions of today and the days ahead that are missing; returns their names.

    `connection`: of asyncpg, outside a transaction. All or nothing; raises what the driver raises.
    """
    days = [today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)]
    if not await _missing(connection, days):
        return []
    async with connection.transaction():
        await connection.execute(_LOCK, MAKING_DAYS)
        await connection.execute(_HURRY)
        missing = await _missing(connection, days)
        for day in missing:
            await _make(connection, day)
    return [partition_name(day) for day in missing]


async def _missing(connection: Any, days: list[date]) -> list[date]:
    return [day for day in days if await connection.fetchval(_FIND, partition_name(day)) is None]


async def _make(connection: Any, day: date) -> None:
    """Attached only when it is filled: the default partition may hold nothing that belongs to it."""
    begin, end = (f"{moment:%Y-%m-%d} 00:00:00+00" for moment in (day, day + timedelta(days=1)))
    for statement in (_MAKE, _KEEP_OUT, _MOVE, _ATTACH):
        await connection.execute(statement.format(name=partition_name(day), begin=begin, end=end))
