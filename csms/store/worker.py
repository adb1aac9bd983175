"""One thread that does blocking work for the event loop, one piece after the other.

Leaner than an executor: a queue on the way there, one call-back on the way back.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
_Job = tuple[Callable[[], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]


class Worker:
    """Started by its first job, ended by `close`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, or its exception. A cancelled caller stops waiting; the work is done all the same."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put((work, future, loop))
        return await future

    async def close(self) -> None:
        """Finish what was handed over, then end the thread."""
        if self._thread is not None:
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, future, loop = job
            result, fault = None, None
            try:
                result = work()
            except BaseException as error:
                fault = error
            try:
                loop.call_soon_threadsafe(_settle, future, result, fault)
            except RuntimeError:
                continue  # the loop has ended, and with it whoever waited
            del work, future, result, fault


def _settle(future: asyncio.Future[Any], result: Any, fault: BaseException | None) -> None:
    if future.done():
        return
    if fault is None:
        future.set_result(result)
    else:
        future.set_exception(fault)
