"""A process that writes as fast as it can until it is killed: python store_victim.py URL ACKNOWLEDGED MODE

Each message is three samples in one call. Its number goes to the file ACKNOWLEDGED after its commit (mode `after`), or,
as negative controls, `before` it, or after a commit that does not wait for the disk (`unflushed`). `<` (with the
monotonic clock) and `>` in it stand around each transaction that succeeded, `!` is a refused call. A file, not a pipe:
a full pipe would stop the victim, and then every kill would hit an idle process. `checkpoints` is `after` with many
checkpoints of SQLite's log.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count

from csms.model.clock import system_clock
from csms.model.errors import StoreUnavailable
from csms.store import sqlite, urls
from csms.store.change import Change
from csms.store.engine import Store, open_store
from csms.store.writer import Writer
from tests.support.samples import add_samples

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CALLERS = 40


class Watched(Writer):
    """The real writer, telling when a transaction begins and ends."""

    file = -1

    async def _transaction(self, changes: Sequence[Change]) -> int:
        os.write(self.file, b"<%.6f\n" % time.monotonic())
        rows = await super()._transaction(changes)
        os.write(self.file, b">\n")
        return rows


def message(number: int) -> Change:
    row = {"station_id": "A", "evse_id": number, "time": NOON, "received_at": NOON, "value": 1.0, "unit": "W"}
    return add_samples([{**row, "measurand": part} for part in ("a", "b", "c")])


async def caller(writer: Writer, numbers: Iterator[int], file: int, before: bool) -> None:
    for number in numbers:
        if before:
            os.write(file, b"%d\n" % number)
        try:
            await writer.commit([message(number)])
        except StoreUnavailable:
            os.write(file, b"!\n")
            await asyncio.sleep(0.05)
            continue
        if not before:
            os.write(file, b"%d\n" % number)


PRAGMAS = {"unflushed": "synchronous=NORMAL", "checkpoints": "wal_autocheckpoint=50"}


def connect_with(pragma: str) -> None:
    """Connections made from now on are set like this besides."""

    def set_pragmas(connection: sqlite3.Connection, busy_timeout_s: float) -> None:
        urls.set_pragmas(connection, busy_timeout_s)
        connection.execute(f"PRAGMA {pragma}")

    sqlite.set_pragmas = set_pragmas  # type: ignore[assignment]


async def main(url: str, acknowledged: str, mode: str) -> None:
    if mode in PRAGMAS:
        connect_with(PRAGMAS[mode])
    store: Store = await open_store(url, system_clock())
    file = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    writer = Watched(store.database, system_clock())
    writer.file = file
    numbers = count()
    await asyncio.gather(*(caller(writer, numbers, file, mode == "before") for _ in range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
