"""The one writer: whoever wants something durable hands it over here and waits for the commit.

Group commit with window 0: everything that was handed over while a commit was running shares the next one. A shared
transaction that fails is rolled back and tried again in halves, down to single callers: only the guilty one fails.
When the database itself fails every waiting caller is told, and the next call connects anew.
Invariants: `commit` returns only after COMMIT; the changes of one call are atomic; the order of the calls is kept.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.store.change import Change
from csms.store.database import Database
from csms.store.due import DueNotes, note
from csms.store.faults import is_outage

__all__ = ["CALLS_MAX", "Change", "Writer", "WriterStatistics"]

CALLS_MAX = 4096
"""Calls accepted and not yet durable; more wait for room. One batch is at most this long."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class WriterStatistics:
    """Since the start: calls made durable, transactions that held them, rows handed to the database, calls refused;
    wall seconds that the last commit took."""

    commits: int = 0
    batches: int = 0
    rows: int = 0
    refused: int = 0
    last_commit_s: float = 0.0


@dataclass(slots=True, eq=False)
class _Call:
    changes: Sequence[Change]
    done: asyncio.Future[None]

    def succeed(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def fail(self, reason: str, cause: BaseException | None = None) -> None:
        if not self.done.done():
            error = StoreUnavailable(reason)
            error.__cause__ = cause
            self.done.set_exception(error)


class Writer:
    """Made by `open_store`. Belongs to one event loop."""

    def __init__(self, database: Database, clock: Clock, calls_max: int = CALLS_MAX) -> None:
        self.statistics = WriterStatistics()
        self.due = DueNotes()
        self._database = database
        self._clock = clock
        self._room = asyncio.Semaphore(calls_max)
        self._callers = 0
        self._queue: list[_Call] = []
        self._in_hand: list[_Call] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._ended = False
        self._task = asyncio.create_task(self._run(), name="store-writer")

    async def commit(self, changes: Sequence[Change]) -> None:
        """Wait until `changes` are durable, all of them or none.

        Raises StoreUnavailable: then nothing of this call was acknowledged. A cancelled caller only stops waiting;
        what it handed over is still written.
        """
        wanted = [change for change in changes if change.rows]
        if self._closing:
            raise StoreUnavailable("the store is closed")
        if not wanted:
            return
        self._callers += 1
        try:
            async with self._room:
                await self._hand_over(wanted)
        finally:
            self._callers -= 1
            if self._closing:
                self._wake.set()

    def _hand_over(self, changes: Sequence[Change]) -> asyncio.Future[None]:
        call = _Call(changes, asyncio.get_running_loop().create_future())
        if self._ended:
            call.fail("the writer has ended")
        else:
            self._queue.append(call)
            self._wake.set()
        return call.done

    async def close(self) -> None:
        """Write what was handed over, then end. Calls made from now on are refused."""
        self._closing = True
        self._wake.set()
        await asyncio.wait([self._task])

    def _finished(self) -> bool:
        return self._closing and not self._queue and self._callers == 0

    async def _run(self) -> None:
        try:
            while not self._finished():
                await self._wake.wait()
                self._wake.clear()
                while self._queue:
                    self._in_hand, self._queue = self._queue, []
                    await self._write(self._in_hand)
        finally:
            self._closing = self._ended = True
            for call in (*self._in_hand, *self._queue):
                call.fail("the writer was stopped")
            await self._database.close()

    async def _write(self, batch: Sequence[_Call]) -> None:
        try:
            rows = await self._transaction([change for call in batch for change in call.changes])
        except Exception as error:
            await self._failed(batch, error)
            return
        self.statistics.commits += len(batch)
        self.statistics.batches += 1
        self.statistics.rows += rows
        for call in batch:
            call.succeed()

    async def _transaction(self, changes: Sequence[Change]) -> int:
        begun_s = self._clock.monotonic_s()
        notes = self.due.wanted(changes)
        if notes:
            rows = await self._database.write([note(notes), *changes]) - len(notes)
            self.due.noted(notes)
        else:
            rows = await self._database.write(changes)
        self.statistics.last_commit_s = self._clock.wall_s(self._clock.monotonic_s() - begun_s)
        return rows

    async def _failed(self, batch: Sequence[_Call], error: Exception) -> None:
        """Tell the guilty caller alone; halves keep the order and need few transactions to find it."""
        outage = is_outage(error)
        if outage or len(batch) == 1:
            log.warning("store_unavailable: %d calls refused: %s", len(batch), _brief(error))
            self.statistics.refused += len(batch)
            for call in batch:
                call.fail(f"the database did not take the change: {_brief(error)}", error)
            return
        half = len(batch) // 2
        await self._write(batch[:half])
        await self._write(batch[half:])


def _brief(error: Exception) -> str:
    """The database's own words, without statement and parameters: those hold what drivers and stations sent."""
    told = isinstance(error, sqlite3.Error | OSError) or hasattr(error, "sqlstate")
    return str(error) if told else type(error).__name__
