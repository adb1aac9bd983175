"""An asyncio event loop without threads, sockets and waiting: time jumps to the next timer.

Whoever asks the loop, or a `LoopClock`, what time it is gets the same answer in every run of a seed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
T = TypeVar("T")


class Stalled(RuntimeError):
    """Nothing is left that could ever happen."""


class VirtualLoop(asyncio.BaseEventLoop):
    """`now_s`: seconds since the beginning of the run."""

    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self._selector = self

    def time(self) -> float:
        """Where the run has come to."""
        return self.now_s

    def select(self, timeout: float | None) -> tuple[()]:
        """Instead of waiting for sockets: on to the next timer."""
        if timeout is None:
            raise Stalled("no timer and nothing ready")
        if timeout > 0:
            self.now_s = max(self.now_s, self._scheduled[0].when())
        return ()

    def _process_events(self, event_list: object) -> None:
        """There are none."""

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
