"""Writes to SQLite: the driver itself in one thread, tuples only, samples many to a statement."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from csms.model.meter import QuantityKey
from csms.store.catalogue import Catalogue, PointKey, SampleRow, Unknown
from csms.store.change import Change, SampleBatch, merged
from csms.store.compiled import compiled
from csms.store.faults import is_outage
from csms.store.times import micros
from csms.store.urls import set_pragmas
from csms.store.worker import Worker

_Step = tuple[str, list[tuple[Any, ...]]]
_BANK = itemgetter(0)

_ADD_POINT = "INSERT OR IGNORE INTO metering_point (station_id, evse_id, transaction_id) VALUES (?, ?, ?)"
_POINT = "SELECT id FROM metering_point WHERE station_id = ? AND evse_id = ? AND transaction_id = ?"
_ADD_QUANTITY = "INSERT OR IGNORE INTO quantity (measurand, phase, context, location, unit) VALUES (?, ?, ?, ?, ?)"
_QUANTITY = "SELECT id FROM quantity WHERE measurand = ? AND phase = ? AND context = ? AND location = ? AND unit = ?"
_ADD_SAMPLE = (
    "INSERT INTO sample (bank, time, point_id, quantity_id, value, session_id, received_at) VALUES %s "
    "ON CONFLICT (bank, time, point_id, quantity_id) DO NOTHING"
)
"""Not OR IGNORE: that would also swallow a value that is missing."""

_NULL = math.nan
"""SQLite knows no NaN and stores NULL. For None the driver looks for an adapter each time, and raises and swallows an
AttributeError on the way: in three values, a twentieth of what their message costs in all.
"""

CACHE_KIB = 8 * 1024
"""The pages that samples go to next are one of 4 KiB for each 32 EVSEs; the rest is for the other tables."""

SAMPLES_AT_ONCE = (99, 9, 3, 1)
"""Rows in one statement: fewer steps, and fewer hand-overs of the interpreter lock between loop and thread. What SQLite
makes of three times as many no longer stays in the processor's cache, and costs more again.
"""

_ADD_SAMPLES = {count: _ADD_SAMPLE % ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * count) for count in SAMPLES_AT_ONCE}
_COUNT_SAMPLES = (
    "INSERT INTO tally (name, holder, value) VALUES ('samples', '', ?) "
    "ON CONFLICT (name, holder) DO UPDATE SET value = value + excluded.value"
)


class SqliteDatabase:
    """See `csms.store.database.Database`. The file must exist; it is never made here."""

    def __init__(self, path: Path, busy_timeout_s: float) -> None:
        self._path, self._busy_timeout_s = path, busy_timeout_s
        self._worker = Worker("store-writer")
        self._catalogue = Catalogue()
        self._connection: sqlite3.Connection | None = None

    async def write(self, changes: Sequence[Change]) -> int:
        """See `Database.write`."""
        steps, batches = merged(changes)
        samples = await self._rows(batches)
        ready: list[_Step] = []
        for statement, rows in steps:
            text = compiled(statement, "sqlite", rows)
            ready.append((text.sql, text.values(rows)))
        await self._worker.run(lambda: self._transaction(ready, samples))
        return len(samples) + sum(len(rows) for _, rows in steps)

    async def close(self) -> None:
        """See `Database.close`."""
        await self._worker.run(self._disconnect)
        await self._worker.close()

    async def _rows(self, batches: Sequence[SampleBatch]) -> list[SampleRow]:
        try:
            return self._catalogue.rows(batches, micros, _NULL)
        except KeyError:
            self._catalogue.shrink()
            unknown = self._catalogue.unknown(batches)
            self._catalogue.learn(*await self._worker.run(lambda: self._numbers(unknown)))
            return self._catalogue.rows(batches, micros, _NULL)

    def _transaction(self, steps: Sequence[_Step], samples: list[SampleRow]) -> None:
        connection = self._connected()
        try:
            connection.execute("BEGIN IMMEDIATE")
            for sql, rows in steps:
                connection.executemany(sql, rows)
            if samples:
                connection.execute(_COUNT_SAMPLES, (_insert(connection, samples),))
            connection.execute("COMMIT")
        except BaseException as fault:
            self._roll_back(connection, fault)
            raise

    def _numbers(self, unknown: Unknown) -> tuple[list[tuple[PointKey, int]], list[tuple[QuantityKey, int]]]:
        """Enter what is new, ahead of its samples: a number without samples harms nobody."""
        connection = self._connected()
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_ADD_POINT, unknown.points)
            connection.executemany(_ADD_QUANTITY, unknown.quantities)
            points = [(key, connection.execute(_POINT, key).fetchone()[0]) for key in unknown.points]
            quantities = [(key, connection.execute(_QUANTITY, key).fetchone()[0]) for key in unknown.quantities]
            connection.execute("COMMIT")
        except BaseException as fault:
            self._roll_back(connection, fault)
            raise
        return points, quantities

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            uri = f"file:{quote(str(self._path.absolute()))}?mode=rw"
            connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            try:
                set_pragmas(connection, self._busy_timeout_s)
                connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _roll_back(self, connection: sqlite3.Connection, fault: BaseException) -> None:
        """After an outage the file may be gone or another one: then the connection is not used again."""
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            sound = not is_outage(fault)
        except sqlite3.Error:
            sound = False
        if not sound:
            self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _insert(connection: sqlite3.Connection, samples: list[SampleRow]) -> int:
    """Returns how many were new. Bank by bank, because what goes to one page is then written while it is at hand (a
    quarter less CPU)."""
    samples.sort(key=_BANK)
    new, begin, left = 0, 0, len(samples)
    for count in SAMPLES_AT_ONCE:
        sql = _ADD_SAMPLES[count]
        while left >= count:
            values = tuple(chain.from_iterable(samples[begin : begin + count]))
            new += connection.execute(sql, values).rowcount
            begin, left = begin + count, left - count
    return new
