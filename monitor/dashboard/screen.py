"""Runs the live view: looks at the server every second, draws at most five times a second, obeys the keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from rich.console import Console, RenderableType
from rich.live import Live

from monitor.dashboard.history import History, Snapshot
from monitor.dashboard.keys import key_presses
from monitor.dashboard.live import LiveView, Status
from monitor.dashboard.source import SourceLost

DRAW_S = 0.2
"""Nothing moves faster than five times a second (screens, 1)."""

Read = Callable[[str], Awaitable[Snapshot]]
"""A look, with the plan of the feeder that is named, if one is."""


class Screen:
    """The state of one running view; ages are seconds of the wall, since people wait in those."""

    def __init__(self, view: LiveView, read: Read, every_s: float = 1.0) -> None:
        self._view, self._read, self._every_s = view, read, every_s
        self._history = History()
        self._snapshot: Snapshot | None = None
        self._answered_s = _wall_s()
        self._error = ""
        self._paused = False
        self._done = asyncio.Event()

    async def run(self, console: Console) -> None:
        """Show it until `q` or Ctrl-C."""
        looking = asyncio.create_task(self._look())
        try:
            with key_presses(self.press), Live(console=console, screen=True, auto_refresh=False) as live:
                while not self._done.is_set():
                    live.update(self.drawing(), refresh=True)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._done.wait(), DRAW_S)
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    def press(self, key: str) -> None:
        """What a key does; others do nothing."""
        match key:
            case "q" | "Q":
                self._done.set()
            case "p" | " ":
                self._paused = not self._paused
            case "f":
                self._view.next_feeder()
            case "a":
                self._view.turn()
            case "+" | "=":
                self._view.zoom(0.5)
            case "-":
                self._view.zoom(2.0)
            case _:
                pass

    def drawing(self) -> RenderableType:
        """The screen now."""
        status = Status(_wall_s() - self._answered_s, self._error, self._paused)
        return self._view.render(self._snapshot, self._history, status)

    async def _look(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self._every_s)

    async def look(self) -> None:
        """Read once; while paused the history goes on and the screen stands."""
        try:
            snapshot = await self._read(self._view.plan_of(self._snapshot))
        except SourceLost as fault:
            self._error = str(fault)
            return
        self._answered_s, self._error = _wall_s(), ""
        self._history.add(snapshot)
        if not self._paused:
            self._snapshot = snapshot


def _wall_s() -> float:
    """Seconds of the wall that never step back, as the running loop counts them."""
    return asyncio.get_running_loop().time()
