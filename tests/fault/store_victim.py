"""A process that writes as fast as it can until it is killed: python store_victim.py URL ACKNOWLEDGED after|before

Each message is three samples in one call. Its number goes to the file ACKNOWLEDGED `after` its commit, or, as a
negative control, `before` it. `<` (with the monotonic clock) and `>` in it stand around each transaction that
succeeded, `!` is a refused call. A file, not a pipe: a full pipe would stop the victim, and then every kill would hit
an idle process.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count

from csms.model.clock import system_clock
from csms.model.errors import StoreUnavailable
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


async def main(url: str, acknowledged: str, mode: str) -> None:
    store: Store = await open_store(url, system_clock())
    file = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    writer = Watched(store.database, system_clock())
    writer.file = file
    numbers = count()
    await asyncio.gather(*(caller(writer, numbers, file, mode == "before") for _ in range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
