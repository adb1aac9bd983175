"""One look at the server for all open pages: told of changes as they happen, and told on at most five times a second.

While a page is open the server's stream of changes names every station that changed; feeders are read twice a second,
the rest every two seconds, the list of stations every minute to be sure of it, and no reading takes more than a fifth
of the time: what fifty pages cost the server is what one costs. Nobody looking, only the history goes on, every ten
seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from monitor.dashboard.history import History, Snapshot
from monitor.dashboard.look import moment
from monitor.dashboard.source import SourceLost, SourceRefused
from monitor.dashboard.web.api import Api, Refused, segment
from monitor.dashboard.web.day_chart import Said
from monitor.dashboard.web.drivers.offers import Offer
from monitor.dashboard.web.figures import roots
from monitor.dashboard.web.stream import Stations, told
from monitor.dashboard.web.visitors import Visitor, Visitors

log = logging.getLogger(__name__)

TELL_S = 0.2
FAST_S, SLOW_S, DAY_S, SURE_S, IDLE_S = 0.4, 2.0, 5.0, 60.0, 10.0
REST = 4.0
"""Times as long as the reading took is rested after it."""
SAID_S = 60.0
FEEDER = "feeder:"
"""What stands before a feeder in the name of the forecast of its charging."""
AGAIN_S = 2.0
"""Between two tries to get the stream."""
SESSIONS_READ = 50
ALERTS_READ = 50

Tell = Callable[[], None]
Foresee = Callable[[str, datetime], Awaitable[Said]]
"""A series, a moment → lines of its forecast."""
T = TypeVar("T")


class Hub:
    """The shared snapshot; `watch` is told of every change. Times are seconds of the running loop.

    `bound_to` None: for all who may see everything; a token: for those who came with it and see what it is bound to.
    `foresee`: where forecasts are read, if this machine has them; `neighbours`: stations of the operators that report
    to a platform on it.
    """

    def __init__(
        self,
        api: Api,
        visitors: Visitors,
        bound_to: str | None = None,
        foresee: Foresee | None = None,
        neighbours: Callable[[], Awaitable[Sequence[Offer]]] | None = None,
    ) -> None:
        self._api, self._visitors, self._bound_to = api, visitors, bound_to
        self._foresee, self._neighbours = foresee, neighbours
        self._watchers: dict[int, Tell] = {}
        self._next = 0
        self._slow: dict[str, Any] = {}
        self._slow_due_s = self._list_due_s = self._day_due_s = self._said_due_s = 0.0
        self._stations = Stations()
        self._shared_of: Snapshot | None = None
        self._shared: dict[str, Any] = {}
        self._changed = asyncio.Event()
        self._looked_for = asyncio.Event()
        self.streaming = False
        self.history = History()
        self.snapshot: Snapshot | None = None
        self.alerts: list[dict[str, Any]] = []
        self.province: list[dict[str, Any]] = []
        self.sites: list[dict[str, Any]] = []
        self.day: dict[str, Any] | None = None
        self.plan: dict[str, Any] | None = None
        self.said: Said = {}
        self.neighbours: Sequence[Offer] = ()
        self.answered_s = -1.0
        self.fault = ""

    @property
    def age_s(self) -> float | None:
        """Seconds since the last answer; None before the first."""
        return None if self.answered_s < 0 else max(0.0, _now_s() - self.answered_s)

    @property
    def wanted(self) -> bool:
        """Whether anybody is signed in whom it serves."""
        return self._visitor is not None

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

    def shared(self, name: str, make: Callable[[], T]) -> T:
        """What all pages make of one snapshot in the same way, made once; `name` says in which way."""
        if self._shared_of is not self.snapshot:
            self._shared_of, self._shared = self.snapshot, {}
        if name not in self._shared:
            self._shared[name] = make()
        found: T = self._shared[name]
        return found

    def hurry(self) -> None:
        """Somebody signed in or changed something: look now."""
        self._slow_due_s = self._list_due_s = 0.0
        self._looked_for.set()

    async def run(self) -> None:
        """Read, listen and tell, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read_on())
            tasks.create_task(self._tell_on())
            if self._bound_to is None:
                tasks.create_task(self._listen_on())

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
        visitor = self._visitor
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

    @property
    def _visitor(self) -> Visitor | None:
        """One of those whom it serves."""
        return next((visitor for visitor in self._visitors.all() if self._serves(visitor)), None)

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
        if _now_s() >= self._day_due_s and self._watchers and self.top:
            await self._read_day(visitor.token)
        if not self.streaming or _now_s() >= self._list_due_s:
            listed = await self._api.get(visitor.token, "/stations")
            self._stations.read(listed["clock_time"], listed["stations"])
            self._list_due_s = _now_s() + SURE_S
        feeders = await self._api.get(visitor.token, "/feeders")
        self._show(self._slow["overview"] | feeders)

    def _show(self, overview: dict[str, Any]) -> None:
        self.snapshot = Snapshot(overview, self._stations.rows, self._slow["sessions"])
        self.history.add(self.snapshot)

    @property
    def top(self) -> str:
        """The feeder at the top with the largest cap, whose day is shown; empty without one."""
        feeders = self._slow["overview"]["feeders"] if self._slow else []
        return max(roots(feeders), key=lambda one: one["cap_w"] or 0)["feeder_id"] if feeders else ""

    async def _read_day(self, token: str) -> None:
        """The day and the plan of the feeder at the top; either may be missing."""
        name = segment(self.top)
        self._day_due_s = _now_s() + DAY_S
        self.day = await self._read_or_none(token, f"/feeders/{name}/day")
        self.plan = await self._read_or_none(token, f"/plans/{name}")
        if self._neighbours is not None:
            self.neighbours = await self._neighbours()
        if self.day is not None and _now_s() >= self._said_due_s:
            self._said_due_s = _now_s() + SAID_S
            await self._read_said(moment(self.day["clock_time"]))

    async def _read_said(self, now: datetime) -> None:
        """Whatever is wrong with the file of forecasts, the pages go on without them."""
        if self._foresee is None:
            return
        try:
            self.said = await self._foresee(f"{FEEDER}{self.top}", now)
        except Exception:
            log.exception("forecast_unreadable")
            self.said = {}

    async def _read_or_none(self, token: str, path: str) -> Any:
        try:
            return await self._api.get(token, path)
        except Refused:
            return None

    async def _read_slow(self, token: str) -> None:
        began_s = _now_s()
        overview, sessions, alerts, province, sites = await asyncio.gather(
            self._api.get(token, "/overview"),
            self._api.get(token, "/sessions", limit=SESSIONS_READ),
            self._api.get(token, "/alerts", open=True, limit=ALERTS_READ),
            self._api.get(token, "/province"),
            self._api.get(token, "/sites"),
        )
        self._slow = {"overview": overview, "sessions": sessions["sessions"]}
        self.alerts, self.province, self.sites = alerts["alerts"], province["partners"], sites["sites"]
        self._slow_due_s = _now_s() + max(SLOW_S, REST * 2 * (_now_s() - began_s))

    async def _listen_on(self) -> None:
        """The stream while a page is open; without it stations are read as often as feeders."""
        while True:
            visitor = self._visitor
            if visitor is not None and self._watchers:
                with suppress(SourceLost, Refused, ValueError, KeyError, TypeError):
                    await self._listen(visitor)
                self.streaming = False
            await asyncio.sleep(AGAIN_S if visitor is not None and self._watchers else FAST_S)

    async def _listen(self, visitor: Visitor) -> None:
        """Until the stream ends, the last page is closed or the visitor has left."""
        async with self._api.stream(visitor.token, "/changes") as lines:
            async for name, data in told(lines):
                if not self._watchers or self._visitors.known(visitor.number) is None:
                    return
                if not self.streaming:
                    self.streaming, self._list_due_s = True, 0.0
                    self._looked_for.set()
                if name == "stations":
                    self._hear(data)

    def _hear(self, data: dict[str, Any]) -> None:
        if self._stations.hear(data["clock_time"], data["stations"]):
            self._list_due_s = 0.0
            self._looked_for.set()
        if self.snapshot is not None:
            self._show({**self.snapshot.overview, "clock_time": data["clock_time"]})
            self.answered_s = _now_s()
            self._changed.set()

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
