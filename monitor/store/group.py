"""The one writer of what arrives: whatever is asked for while a transaction runs shares the next one.

It has a connection and a thread of its own, so that a statement costs no hand-over between threads. Transactions
follow each other, whoever stops waiting for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from csms.store.worker import Worker

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """Something to be written, and who waits for what it gives; nobody for what only comes along."""

    work: Callable[[Connection], Any]
    told: asyncio.Future[Any] | None

    def settle(self, made: Any) -> None:
        """Tell who waits, unless nobody waits any more."""
        if self.told is None or self.told.done():
            return
        if isinstance(made, Exception):
            self.told.set_exception(made)
        else:
            self.told.set_result(made)


class GroupWriter:
    """`lock` is held during each transaction, so that others of this process who write wait for it, not for SQLite."""

    def __init__(self, engine: Engine, lock: asyncio.Lock) -> None:
        self._engine = engine
        self._lock = lock
        self._thread = Worker("intake-writer")
        self._jobs: list[Job] = []
        self._along: list[Job] = []
        self._working: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many jobs wait to come along."""
        return len(self._along)

    async def write(self, work: Callable[[Connection], Made]) -> Made:
        """What `work` gives, durable when this returns. It may be called again if what came with it failed."""
        told: asyncio.Future[Made] = asyncio.get_running_loop().create_future()
        self._jobs.append(Job(work, told))
        self._go_on()
        return await told

    def along(self, work: Callable[[Connection], object]) -> None:
        """Written with whatever is written next; nobody waits for it, and it comes again if that fails."""
        self._along.append(Job(work, None))

    async def flush(self) -> None:
        """Write what was to come along."""
        if self._along:
            await self.write(lambda _: None)

    async def close(self) -> None:
        """After all that was asked for is written or has failed."""
        await self.flush()
        if self._working is not None:
            await self._working
        await self._thread.close()
        self._engine.dispose()

    def _go_on(self) -> None:
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work_off(), name="intake-writer")

    async def _work_off(self) -> None:
        while self._jobs:
            async with self._lock:
                jobs, self._jobs, self._along = [*self._along, *self._jobs], [], []
                await self._commit(jobs)

    async def _commit(self, jobs: Sequence[Job]) -> None:
        """Each hears what came of it; when one cannot be written, it alone fails."""
        try:
            made = await self._thread.run(lambda: self._transaction([job.work for job in jobs]))
        except Exception as fault:
            if len(jobs) > 1:
                for job in jobs:
                    await self._commit([job])
            elif jobs[0].told is None:
                self._along += jobs
            else:
                jobs[0].settle(fault)
            return
        for job, one in zip(jobs, made, strict=True):
            job.settle(one)

    def _transaction(self, works: Sequence[Callable[[Connection], Any]]) -> list[Any]:
        with self._engine.begin() as connection:
            return [work(connection) for work in works]
