"""Rolls samples up: quarter-hours from samples, UTC days from quarter-hours.

Works off the table `rollup_due`. One bucket is computed by one statement inside the writer's transaction that also
drops its note, so it always stands for all samples there are: late ones are noted anew and computed again. A bucket is
replaced only by one of more samples; after retention has taken samples away, it stays as it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, text
from sqlmodel import col, select

from csms.store.catalogue import POINTS_PER_BANK
from csms.store.change import RowChange, Statement
from csms.store.due import QUARTER_S
from csms.store.queries import Reader
from csms.store.tables import RollupDue
from csms.store.times import DAY_S, Moment, floored, micros
from csms.store.writer import Writer

SETTLE_S = 60.0
"""A quarter-hour is rolled up this long after its end, so that what is on its way need not be computed twice."""

CHUNK = 40
"""Buckets (one point, all its quantities) in one commit: others wait some milliseconds for it (0.17 ms each at a
sample every 10 s)."""

UNTIL_TALLY = "rolled_up_until"
"""Its value: seconds since 1970 up to which a run has worked off everything."""

_COLUMNS = "samples, minimum, maximum, mean, first, last, first_at, last_at"
_INTO = f"INSERT INTO rollup (point_id, quantity_id, grain_s, begins_at, {_COLUMNS}) "
_REPLACE = (
    "ON CONFLICT (point_id, grain_s, begins_at, quantity_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS.split(", "))
    + " WHERE excluded.samples > rollup.samples"
)

_FROM_SAMPLES = f"""{_INTO}
SELECT g.point_id, g.quantity_id, {QUARTER_S}, :begins_at, g.samples, g.minimum, g.maximum, g.mean, a.value, z.value,
       g.first_at, g.last_at
FROM (SELECT point_id, quantity_id, count(*) AS samples, min(value) AS minimum, max(value) AS maximum,
             avg(value) AS mean, min(time) AS first_at, max(time) AS last_at
      FROM sample
      WHERE bank = :bank AND point_id = :point_id AND time >= :begins_at AND time < :ends_at
      GROUP BY point_id, quantity_id) AS g
JOIN sample AS a ON a.bank = :bank AND a.point_id = g.point_id AND a.time = g.first_at AND a.quantity_id = g.quantity_id
JOIN sample AS z ON z.bank = :bank AND z.point_id = g.point_id AND z.time = g.last_at AND z.quantity_id = g.quantity_id
WHERE g.samples > 0 {_REPLACE}"""

_FROM_QUARTERS = f"""{_INTO}
SELECT g.point_id, g.quantity_id, {DAY_S}, :begins_at, g.samples, g.minimum, g.maximum, g.mean, a.first, z.last,
       g.first_at, g.last_at
FROM (SELECT point_id, quantity_id, sum(samples) AS samples, min(minimum) AS minimum, max(maximum) AS maximum,
             sum(mean * samples) / sum(samples) AS mean, min(first_at) AS first_at, max(last_at) AS last_at,
             min(begins_at) AS opening, max(begins_at) AS closing
      FROM rollup
      WHERE point_id = :point_id AND grain_s = {QUARTER_S} AND begins_at >= :begins_at AND begins_at < :ends_at
      GROUP BY point_id, quantity_id) AS g
JOIN rollup AS a ON a.point_id = g.point_id AND a.grain_s = {QUARTER_S} AND a.begins_at = g.opening
                AND a.quantity_id = g.quantity_id
JOIN rollup AS z ON z.point_id = g.point_id AND z.grain_s = {QUARTER_S} AND z.begins_at = g.closing
                AND z.quantity_id = g.quantity_id
WHERE g.samples > 0 {_REPLACE}"""

_NOTE_DAY = f"INSERT INTO rollup_due (grain_s, begins_at, point_id) VALUES ({DAY_S}, :begins_at, :point_id) \
ON CONFLICT DO NOTHING"
_DROP = "DELETE FROM rollup_due WHERE grain_s = :grain_s AND begins_at = :begins_at AND point_id = :point_id"
_MARK = (
    f"INSERT INTO tally (name, holder, value) VALUES ('{UNTIL_TALLY}', '', :value) "
    "ON CONFLICT (name, holder) DO UPDATE SET value = excluded.value"
)


def _statement(sql: str, *moments: str) -> Statement:
    return Statement(lambda dialect: text(sql).bindparams(*(bindparam(name, type_=Moment) for name in moments)))


_ROLL = {
    QUARTER_S: _statement(_FROM_SAMPLES, "begins_at", "ends_at"),
    DAY_S: _statement(_FROM_QUARTERS, "begins_at", "ends_at"),
}
_DUE_DAY = _statement(_NOTE_DAY, "begins_at")
_DONE = _statement(_DROP, "begins_at")
_UNTIL = _statement(_MARK)

_Bucket = tuple[datetime, int]
"""Beginning and point."""


@dataclass(frozen=True, slots=True)
class RolledUp:
    """What one run computed; each bucket is one point with all its quantities."""

    quarters: int
    days: int


class Rollups:
    """The roll-ups of one database. Its writer must be the one that takes the samples."""

    def __init__(self, writer: Writer, reader: Reader, settle_s: float = SETTLE_S, chunk: int = CHUNK) -> None:
        self._writer, self._reader = writer, reader
        self._settle, self._chunk = timedelta(seconds=settle_s), chunk
        self._turn = asyncio.Lock()

    async def run(self, now: datetime) -> RolledUp:
        """Compute every bucket that is due and over. Raises StoreUnavailable; the next run goes on from there."""
        async with self._turn:
            until = floored(now - self._settle, QUARTER_S)
            self._writer.due.close(until)
            quarters = await self._work_off(QUARTER_S, until)
            days = await self._work_off(DAY_S, floored(until, DAY_S))
            await self._mark(until)
            return RolledUp(quarters, days)

    async def _work_off(self, grain_s: int, until: datetime) -> int:
        done = 0
        while buckets := await self._due(grain_s, until):
            await self._roll(grain_s, buckets)
            done += len(buckets)
        return done

    async def _due(self, grain_s: int, until: datetime) -> list[_Bucket]:
        begins_at, point_id = col(RollupDue.begins_at), col(RollupDue.point_id)
        query = select(RollupDue).where(col(RollupDue.grain_s) == grain_s, begins_at < until)
        found = await self._reader.rows(query.order_by(begins_at, point_id).limit(self._chunk))
        return [(row.begins_at, row.point_id) for row in found]

    async def _roll(self, grain_s: int, buckets: Sequence[_Bucket]) -> None:
        length = timedelta(seconds=grain_s)
        rows = [
            {"begins_at": begin, "ends_at": begin + length, "point_id": point, "bank": point // POINTS_PER_BANK}
            for begin, point in buckets
        ]
        changes = [RowChange(_ROLL[grain_s], rows)]
        if grain_s == QUARTER_S:
            days = dict.fromkeys((floored(begin, DAY_S), point) for begin, point in buckets)
            changes.append(RowChange(_DUE_DAY, [{"begins_at": day, "point_id": point} for day, point in days]))
        done = [{"grain_s": grain_s, "begins_at": begin, "point_id": point} for begin, point in buckets]
        await self._writer.commit([*changes, RowChange(_DONE, done)])

    async def _mark(self, until: datetime) -> None:
        value = micros(until) // 1_000_000
        if await self._reader.tally(UNTIL_TALLY) != value:
            await self._writer.commit([RowChange(_UNTIL, [{"value": value}])])
