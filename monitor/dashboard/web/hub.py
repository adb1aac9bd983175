"""One look at the server for all open pages: read while somebody is signed in, told at most five times a second.

Fast figures (stations, feeders) are read twice a second while a page is open, the rest every two seconds, and no
reading takes more than a fifth of the time: what fifty pages cost the server is what one costs. Nobody looking, only
the history goes on, every ten seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from monitor.dashboard.history import History, Snapshot
from monitor.dashboard.source import SourceLost, SourceRefused
from monitor.dashboard.web.api import Api, Refused
from monitor.dashboard.web.visitors import Visitor, Visitors

log = logging.getLogger(__name__)

TELL_S = 0.2
FAST_S, SLOW_S, IDLE_S = 0.4, 2.0, 10.0
REST = 4.0
"""Times as long as the reading took is rested after it."""
SESSIONS_READ = 50
ALERTS_READ = 50

Tell = Callable[[], None]


class Hub:
    """The shared snapshot; `watch` is told of every change. Times are seconds of the running loop.

    `bound_to` None: for all who may see everything; a token: for those who came with it and see what it is bound to.
    """

    def __init__(self, api: Api, visitors: Visitors, bound_to: str | None = None) -> None:
        self._api, self._visitors, self._bound_to = api, visitors, bound_to
        self._watchers: dict[int, Tell] = {}
        self._next = 0
        self._slow: dict[str, Any] = {}
        self._slow_due_s = 0.0
        self._changed = asyncio.Event()
        self._looked_for = asyncio.Event()
        self.history = History()
        self.snapshot: Snapshot | None = None
        self.alerts: list[dict[str, Any]] = []
        self.province: list[dict[str, Any]] = []
        self.answered_s = -1.0
        self.fault = ""

    @property
    def age_s(self) -> float | None:
        """Seconds since the last answer; None before the first."""
        return None if self.answered_s < 0 else max(0.0, _now_s() - self.answered_s)

    @property
    def wanted(self) -> bool:
        """Whether anybody is signed in whom it serves."""
        return any(self._serves(visitor) for visitor in self._visitors.all())

    @property
    def watching(self) -> int:
        """How many pages are open."""
        return len(self._watchers)

    def watch(self, tell: Tell) -> Callable[[], None]:
        """Call `tell` after every change until what is returned is called."""
        self._next += 1
        number = self._next
        self._watchers[number] = tell
        self._looked_for.set()
        return lambda: self._watchers.pop(number, None)  # type: ignore[return-value]

    def hurry(self) -> None:
        """Somebody signed in or changed something: look now."""
        self._slow_due_s = 0.0
        self._looked_for.set()

    async def run(self) -> None:
        """Read and tell, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read_on())
            tasks.create_task(self._tell_on())

    async def _read_on(self) -> None:
        while True:
            began_s = _now_s()
            await self.look()
            took_s = _now_s() - began_s
            pause_s = max(FAST_S if self._watchers else IDLE_S, REST * took_s)
            self._looked_for.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._looked_for.wait(), pause_s)

    async def look(self) -> None:
        """Read once, as one of those who may see everything; somebody whose token is good no longer is signed out."""
        visitor = next((visitor for visitor in self._visitors.all() if self._serves(visitor)), None)
        if visitor is None:
            return
        try:
            await (self._look_as(visitor) if self._bound_to is None else self._look_bound(visitor))
        except SourceRefused as fault:
            log.info("visitor_refused", extra={"visitor": visitor.name, "reason": str(fault)})
            self._visitors.leave(visitor)
        except (SourceLost, Refused, KeyError, TypeError) as fault:
            self.fault = str(fault) or type(fault).__name__
        else:
            self.answered_s, self.fault = _now_s(), ""
        self._changed.set()

    def _serves(self, visitor: Visitor) -> bool:
        return visitor.sees_all if self._bound_to is None else visitor.token == self._bound_to

    async def _look_bound(self, visitor: Visitor) -> None:
        """A grid operator sees its feeders, a partner its own messages."""
        if visitor.role == "grid_operator":
            feeders = await self._api.get(visitor.token, "/feeders")
            self.snapshot = Snapshot(feeders)
            self.history.add(self.snapshot)
        else:
            province = await self._api.get(visitor.token, "/province")
            self.snapshot = Snapshot({"clock_time": province["clock_time"], "feeders": []})
            self.province = province["partners"]

    async def _look_as(self, visitor: Visitor) -> None:
        if _now_s() >= self._slow_due_s:
            await self._read_slow(visitor.token)
        stations, feeders = await asyncio.gather(
            self._api.get(visitor.token, "/stations"), self._api.get(visitor.token, "/feeders")
        )
        overview = self._slow["overview"] | feeders
        self.snapshot = Snapshot(overview, stations["stations"], self._slow["sessions"])
        self.history.add(self.snapshot)

    async def _read_slow(self, token: str) -> None:
        began_s = _now_s()
        overview, sessions, alerts, province = await asyncio.gather(
            self._api.get(token, "/overview"),
            self._api.get(token, "/sessions", limit=SESSIONS_READ),
            self._api.get(token, "/alerts", open=True, limit=ALERTS_READ),
            self._api.get(token, "/province"),
        )
        self._slow = {"overview": overview, "sessions": sessions["sessions"]}
        self.alerts, self.province = alerts["alerts"], province["partners"]
        self._slow_due_s = _now_s() + max(SLOW_S, REST * 2 * (_now_s() - began_s))

    async def _tell_on(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            for tell in list(self._watchers.values()):
                try:
                    tell()
                except Exception:
                    log.exception("page_failed")
            await asyncio.sleep(TELL_S)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
