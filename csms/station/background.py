"""Work that goes on after an answer, and that nobody waits for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any

from csms.model.errors import CsmsError

log = logging.getLogger(__name__)


class Background:
    """What runs beside the messages. What fails is told in the log."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._by_name: dict[str, asyncio.Task[None]] = {}

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Let it run until its end or ours."""
        self._start(work)

    def start_only(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """The same under a name: what still runs under it is given up."""
        self.give_up(name)
        self._by_name[name] = task = self._start(work)
        task.add_done_callback(partial(self._forget, name))

    def give_up(self, name: str) -> None:
        """End what runs under this name, if anything does."""
        if task := self._by_name.pop(name, None):
            task.cancel()

    async def close(self) -> None:
        """End everything."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _forget(self, name: str, task: asyncio.Task[None]) -> None:
        if self._by_name.get(name) is task:
            del self._by_name[name]

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        fault = None if task.cancelled() else task.exception()
        if isinstance(fault, CsmsError):
            log.warning("background_work_failed", extra={"code": fault.code, "detail": str(fault)})
        elif fault is not None:
            log.error("background_work_failed", exc_info=fault)
