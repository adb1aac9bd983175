"""An asyncio event loop without threads, sockets and waiting: time jumps to the next timer.

Whoever asks the loop, or a `LoopClock`, what time it is gets the same answer in every run of a seed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVar

from csms.model.clock import Uptime

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
T = TypeVar("T")


class Stalled(RuntimeError):
    """Nothing is left that could ever happen."""


class VirtualLoop(asyncio.BaseEventLoop):
    """`now_s`: seconds since the beginning of the run. Timers of one moment go off in the order they were set."""

    _ready: deque[asyncio.Handle]

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = count()

    def time(self) -> float:
        """Where the run has come to."""
        return self.now_s

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """See `asyncio.loop.call_at`."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def _run_once(self) -> None:
        """What is ready; where nothing is, time goes on to the next timer."""
        ready, timers = self._ready, self._timers
        while timers and timers[0][2].cancelled():
            heappop(timers)
        if not ready:
            if not timers:
                raise Stalled("no timer and nothing ready")
            self.now_s = max(self.now_s, timers[0][0])
        while timers and timers[0][0] <= self.now_s:
            ready.append(heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _write_to_self(self) -> None:
        """Nobody sleeps who would have to be woken."""

    def run_in_executor(self, executor: object, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """At once, in this thread."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as fault:
            future.set_exception(fault)
        return future


class LoopClock:
    """`csms.model.clock.Clock` of a virtual loop. `stepped_s`: how far somebody has set the clock on (or back)."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.stepped_s = 0.0
        self.boots = 0
        self._read: tuple[float, float, datetime] = (0.0, 0.0, START)

    def now(self) -> datetime:
        """The moment, made once."""
        at_s, stepped_s, moment = self._read
        if at_s != self._loop.now_s or stepped_s != self.stepped_s:
            moment = START + timedelta(seconds=self._loop.now_s + self.stepped_s)
            self._read = self._loop.now_s, self.stepped_s, moment
        return moment

    def unix_s(self) -> float:
        """The same as seconds since 1970."""
        return self.now().timestamp()

    def monotonic_s(self) -> float:
        """Never steps."""
        return self._loop.now_s

    def wall_s(self, delay_s: float) -> float:
        """The wall of this loop is the loop."""
        return delay_s

    def uptime(self) -> Uptime:
        """The machine runs from the beginning, or since it was started again (`boots`)."""
        return Uptime(f"boot {self.boots}", self._loop.now_s)


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run to the end on a loop of its own; whatever is still under way then is cancelled."""
    loop = VirtualLoop()
    try:
        asyncio.set_event_loop(loop)
        try:
            return loop.run_until_complete(main(loop))
        finally:
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    finally:
        asyncio.set_event_loop(None)
        loop.close()
