"""Keeps background work alive: a task that fails is logged with a stable code and started again, ever more slowly."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from csms.model.clock import Clock

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 1.0
PAUSE_S_MAX = 60.0

Work = Callable[[], Awaitable[None]]
Named = tuple[str, Work]
"""Background work under the name that logs tell."""


class Supervisor:
    """Runs named work until stopped."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.restarts: dict[str, int] = {}

    def start(self, name: str, work: Work) -> None:
        """Run `work` for ever, from now on."""
        self.restarts[name] = 0
        self._tasks[name] = asyncio.create_task(self._keep(name, work), name=name)

    async def stop(self) -> None:
        """End everything and wait for it."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    async def _keep(self, name: str, work: Work) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            began_s = self._clock.monotonic_s()
            try:
                await work()
                return
            except Exception:
                self.restarts[name] += 1
                log.exception("task_failed", extra={"task": name, "restarts": self.restarts[name]})
            lasted_s = self._clock.monotonic_s() - began_s
            pause_s = FIRST_PAUSE_S if lasted_s > PAUSE_S_MAX else min(pause_s * 2, PAUSE_S_MAX)
            await asyncio.sleep(self._clock.wall_s(pause_s))
