"""The one writer: whoever wants something durable hands it over here and waits for the commit.

Group commit with window 0: everything that was handed over while a commit was running shares the next one. A shared
transaction that fails is rolled back and tried again in halves, down to single callers: only the guilty one fails.
When the database itself fails every waiting caller is told, and the next call connects anew.
Invariants: `commit` returns only after COMMIT; the changes of one call are atomic; the order of the calls is kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec import Struct
from sqlalchemy import text as sql

from csms.model.clock import Clock
from csms.model.errors import ChangeRefused, StoreUnavailable
from csms.store.change import Change, RowChange, Statement
from csms.store.database import Database
from csms.store.due import DueNotes, note
from csms.store.faults import is_outage
from csms.store.outage import Outage, brief

__all__ = ["CALLS_MAX", "Change", "Writer", "WriterStatistics"]

CALLS_MAX = 16_384
"""Calls accepted and not yet durable; more wait for room. One batch is at most this long."""

log = logging.getLogger(__name__)

_PROBE = Statement(
    lambda dialect: sql(
        "INSERT INTO tally (name, holder, value) VALUES (:name, '', 1) "
        "ON CONFLICT (name, holder) DO UPDATE SET value = tally.value + 1"
    )
)


@dataclass(slots=True)
class WriterStatistics:
    """Since the start: calls made durable, transactions that held them, rows handed to the database, calls refused;
    wall seconds that the last commit took."""

    commits: int = 0
    batches: int = 0
    rows: int = 0
    refused: int = 0
    last_commit_s: float = 0.0


Done = Callable[[StoreUnavailable | None], None]
"""Told once, by the event loop: None when durable, else why nothing of it was acknowledged."""


class _Call(Struct, eq=False, gc=False):
    changes: Sequence[Change]
    done: Done
    decided: bool = False


class Writer:
    """Made by `open_store`. Belongs to one event loop."""

    def __init__(self, database: Database, clock: Clock, calls_max: int = CALLS_MAX) -> None:
        self.statistics = WriterStatistics()
        self.due = DueNotes()
        self.outage = Outage(clock)
        self._database = database
        self._clock = clock
        self._calls_max = calls_max
        self._open = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._queue: list[_Call] = []
        self._in_hand: list[_Call] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._ended = False
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run(), name="store-writer")

    @property
    def has_room(self) -> bool:
        """Whether `submit` may be called."""
        return self._open < self._calls_max and not self._waiting and not self._closing

    def submit(self, changes: Sequence[Change], done: Done) -> None:
        """As `commit`, told by a call instead of awaited; only when `has_room`. There is something to write."""
        self._open += 1
        self._put(_Call(changes, done))

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
        if self.has_room:
            self._open += 1
        else:
            await self._room()
        told = self._loop.create_future()
        self._put(_Call(wanted, lambda fault: settle(told, fault)))
        await told

    async def probe(self) -> None:
        """A commit that changes nothing of meaning, to find out whether an outage is over. Raises StoreUnavailable."""
        await self.commit([RowChange(_PROBE, [{"name": "probe"}])])

    async def _room(self) -> None:
        """Wait for one's turn; then the place is taken."""
        turn = self._loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._free(1)
            raise

    def _free(self, places: int) -> None:
        """They go to those who wait longest."""
        while places and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                places -= 1
        self._open -= places
        if self._closing:
            self._wake.set()

    def _put(self, call: _Call) -> None:
        if self._ended:
            self._decide([call], lambda: StoreUnavailable("the writer has ended"))
        else:
            if not self._queue:
                self._wake.set()
            self._queue.append(call)

    def _decide(self, calls: Sequence[_Call], refusal: Callable[[], StoreUnavailable] | None = None) -> None:
        """What became of `calls`; they are told soon and in order, so that the next transaction can start first."""
        for call in calls:
            call.decided = True
        self._loop.call_soon(self._tell, calls, refusal)

    def _tell(self, calls: Sequence[_Call], refusal: Callable[[], StoreUnavailable] | None) -> None:
        self._free(len(calls))
        for call in calls:
            try:
                call.done(refusal() if refusal is not None else None)
            except Exception:
                log.exception("store_listener_failed")

    async def close(self) -> None:
        """Write what was handed over, then end. Calls made from now on are refused."""
        self._closing = True
        self._wake.set()
        await asyncio.wait([self._task])

    def _finished(self) -> bool:
        return self._closing and self._open == 0

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
            left = [call for call in (*self._in_hand, *self._queue) if not call.decided]
            self._decide(left, lambda: StoreUnavailable("the writer was stopped"))
            await self._database.close()

    async def _write(self, batch: Sequence[_Call]) -> None:
        try:
            rows = await self._transaction([change for call in batch for change in call.changes])
        except Exception as error:
            await self._failed(batch, error)
            return
        if self.outage.code:
            self.outage.over()
        self.statistics.commits += len(batch)
        self.statistics.batches += 1
        self.statistics.rows += rows
        self._decide(batch)

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
            self.statistics.refused += len(batch)
            kind = self.outage.failed(error, len(batch)) if outage else ChangeRefused
            if not outage:
                log.warning("change_refused", extra={"detail": brief(error)})
            self._decide(batch, lambda: _refusal(kind, error))
            return
        half = len(batch) // 2
        await self._write(batch[:half])
        await self._write(batch[half:])


def settle(told: asyncio.Future[None], fault: Exception | None) -> None:
    """Tell who waits how it ended, unless nobody waits any more."""
    if told.done():
        return
    if fault is None:
        told.set_result(None)
    else:
        told.set_exception(fault)


def _refusal(kind: type[StoreUnavailable], error: Exception) -> StoreUnavailable:
    refusal = kind(f"the database did not take the change: {brief(error)}")
    refusal.__cause__ = error
    return refusal
