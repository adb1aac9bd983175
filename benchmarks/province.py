"""Operator and platform as two real servers over HTTPS: failures, an outage of 72 hours, kill -9 of either side.

Sessions happen at lean OCPP stations; a twentieth of the calls fails, in all ways of `province_proxy.FAULTS`; both
servers are killed at random moments; then the platform is away for 72 hours of the accelerated clock while sessions go
on, and comes back. In the end the platform must have each order once and every connector as it is. The clock runs
faster during the outage than otherwise, so that two hours of draining are two minutes of the machine, not some seconds.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.hot_path import Row
from benchmarks.province_fleet import LeanStation, Truth, work
from benchmarks.province_judge import Judged, judge
from benchmarks.province_judge import rows as rows_of
from benchmarks.province_parties import Parties, clock_at
from benchmarks.province_proxy import FAULTS, Passed, Proxy, attempts
from csms.province.profile import Kind

BEGIN = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)
DRAIN_BAR_H = 2.0
CALM_POLLS = 3
POLL_WALL_S = 0.3
LAG_STEP_WALL_S = 0.1
ORDER_WIRE = "notification_charge_order_info"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything. `kills` happen before the outage and as many after it."""

    orders: int = 10_000
    statuses_per_order: int = 10
    stations: int = 100
    share: float = 0.05
    outage_h: float = 72.0
    kills: int = 4
    speed: float = 20.0
    outage_speed: float = 1200.0
    pause_wall_s: float = 4.0
    """Between kills, at the most."""
    seed: int = 8
    profile: str = "tcec102-2016"
    limit_wall_s: float = 3000.0


QUICK = Plan(
    orders=60, stations=10, share=0.2, outage_h=1.0, kills=1, speed=600.0, outage_speed=600.0, pause_wall_s=0.5
)
"""Less than a minute, with an outage of an hour."""


@dataclass
class Outcome:
    """What came of it. `drain_h` and `settled_h` in hours of the clock since the platform was back."""

    plan: Plan
    judged: Judged
    truth: Truth
    faults: dict[str, int]
    kills: dict[str, int]
    open_after_outage: int
    drain_h: float
    settled_h: float
    orders_per_s: float
    late_s: list[float] = field(default_factory=list)
    """By how much attempts came later than the ladder says, seconds of the clock; below 0: too early."""
    lag_s: list[float] = field(default_factory=list)
    """By how much a sleep of the proof itself was too long, seconds of the wall: what the machine adds."""
    wall_s: float = 0.0


class Proof:
    """One run."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.rng = Random(plan.seed)
        self.truth = Truth()
        self.kills = {"operator": 0, "platform": 0}
        self.rough: list[tuple[float, float]] = []
        """Spans of the wall in which somebody was down, so that nothing can be said of ladders."""
        self.parties = Parties(folder, plan.profile, free_port())
        self.proxy = Proxy(self.parties.codec, self.parties.tls, plan.share, Random(plan.seed + 1))
        self.clock = clock_at(BEGIN, plan.speed)
        self.stations: list[LeanStation] = []

    async def run(self) -> Outcome:
        """All phases; raises RuntimeError and TimeoutError."""
        began, third = time.monotonic(), self.plan.orders // 3
        lag_s: list[float] = []
        watch = asyncio.create_task(_lag(lag_s))
        await self.proxy.up()
        self.parties.settle(self.proxy.port)
        try:
            async with asyncio.timeout(self.plan.limit_wall_s):
                await asyncio.gather(self._start_platform(), self.parties.start_operator(self.clock))
                await self._connect()
                async with self._killing("operator", "platform"):
                    await self._work(third)
                await self._until_calm(third)
                await self._outage(third)
                outcome = await self._afterwards(self.plan.orders - 2 * third)
        finally:
            watch.cancel()
            await asyncio.gather(*(station.close() for station in self.stations), return_exceptions=True)
            await self.proxy.down()
            self.parties.stop()
        outcome.judged, outcome.lag_s = judge(self.parties, self.truth), sorted(lag_s)
        outcome.wall_s = time.monotonic() - began
        return outcome

    async def _connect(self) -> None:
        made = [
            LeanStation(f"RZ-{n:04d}", lambda: self.parties.ws_url, _Now(self), self.truth, Random(n))
            for n in range(self.plan.stations)
        ]
        self.stations = made
        await asyncio.gather(*(station.begin() for station in made))

    async def _work(self, orders: int) -> None:
        await work(self.stations, orders, self.plan.statuses_per_order)

    async def _outage(self, orders: int) -> None:
        """The platform is away, also to itself; both processes go on with a faster clock."""
        until = self.clock.now() + timedelta(hours=self.plan.outage_h)
        begun = time.monotonic()
        await self.proxy.down()
        await self._change_speed(self.plan.outage_speed)
        async with self._killing("operator"):
            await self._work(orders)
        await asyncio.sleep(max(0.0, self.clock.wall_s((until - self.clock.now()).total_seconds())))
        await self._change_speed(self.plan.speed)
        self.rough.append((begun, time.monotonic()))

    async def _afterwards(self, orders: int) -> Outcome:
        waiting = self._waiting()
        backlog = self._accepted()
        before = len(self.truth.sessions)
        await self.proxy.up()
        back_at = self.clock.now()
        drained = asyncio.create_task(self._until_accepted(before))
        async with self._killing("operator", "platform"):
            await self._work(orders)
        drain_h = (await drained - back_at).total_seconds() / 3600
        rate = (before - backlog) / max(self.clock.wall_s(drain_h * 3600), 0.001)
        await self._until_calm(self.plan.orders)
        settled_h = (self.clock.now() - back_at).total_seconds() / 3600
        late_s = self._late()
        faults = dict(self.proxy.faults)
        return Outcome(self.plan, Judged(), self.truth, faults, self.kills, waiting, drain_h, settled_h, rate, late_s)

    @asynccontextmanager
    async def _killing(self, *names: str) -> AsyncIterator[None]:
        """kill -9 at random moments while something is done; all kills happen, and everybody is up at the end."""
        killer = asyncio.create_task(self._kill(names))
        try:
            yield
        finally:
            await killer

    async def _kill(self, names: Sequence[str]) -> None:
        for _ in range(self.plan.kills):
            await asyncio.sleep(self.rng.uniform(0.1, self.plan.pause_wall_s))
            await self._restart(min(names, key=lambda name: self.kills[name]))

    async def _restart(self, name: str) -> None:
        begun = time.monotonic()
        self.kills[name] += 1
        party = self.parties.operator if name == "operator" else self.parties.platform
        party.kill()
        await asyncio.sleep(self.rng.uniform(0.0, 0.5))
        await (self.parties.start_operator(self.clock) if name == "operator" else self._start_platform())
        self.rough.append((begun, time.monotonic()))

    async def _change_speed(self, speed: float) -> None:
        """Only a new process takes another clock; the time of day goes on."""
        if speed == self.clock.speed:
            return
        self.parties.operator.kill()
        self.parties.platform.kill()
        self.clock = clock_at(self.clock.now(), speed)
        await asyncio.gather(self._start_platform(), self.parties.start_operator(self.clock))

    async def _start_platform(self) -> None:
        self.proxy.backend = await self.parties.start_platform(self.clock)

    def _waiting(self) -> int:
        """Messages in the outbox. Read from the file: to ask the server would cost it what is measured."""
        query = "SELECT count(*) FROM outbox WHERE state IN ('queued', 'sent', 'retry')"
        return int(rows_of(self.parties.operator_db, query)[0][0])

    def _accepted(self) -> int:
        """Orders that the platform has."""
        return int(rows_of(self.parties.platform_db, "SELECT count(*) FROM intake_order")[0][0])

    async def _until_accepted(self, orders: int) -> datetime:
        while self._accepted() < orders:  # noqa: ASYNC110 - another process is asked
            await asyncio.sleep(POLL_WALL_S)
        return self.clock.now()

    async def _until_calm(self, orders: int) -> None:
        calm = 0
        while calm < CALM_POLLS:
            quiet = self._waiting() == 0 and self._accepted() >= orders
            calm = calm + 1 if quiet else 0
            await asyncio.sleep(POLL_WALL_S)

    def _late(self) -> list[float]:
        """Of orders whose attempts were answered with -1 or 500, while everybody was up."""
        ladder = self.parties.profile.retry[Kind.CHARGE_ORDER]
        found = []
        for calls in attempts(self.proxy.passed, ORDER_WIRE):
            for number, (one, following) in enumerate(pairwise(calls), 1):
                clean = not any(call.fault == "4002" for call in calls[:number])
                if one.fault in ("-1", "500") and clean and not self._was_rough(one, following):
                    gap_s = (following.came_wall_s - one.ended_wall_s) * self.plan.speed
                    found.append(gap_s - ladder.delay_s(number))
        return found

    def _was_rough(self, one: Passed, following: Passed) -> bool:
        return any(begun < following.came_wall_s and one.came_wall_s < ended for begun, ended in self.rough)


async def _lag(found: list[float]) -> None:
    """How much later than asked for the machine wakes us, until cancelled."""
    while True:
        begun_s = time.monotonic()
        await asyncio.sleep(LAG_STEP_WALL_S)
        found.append(time.monotonic() - begun_s - LAG_STEP_WALL_S)


class _Now:
    """The clock of the run, whichever it is now."""

    def __init__(self, proof: Proof) -> None:
        self._proof = proof

    def __getattr__(self, name: str) -> Any:
        return getattr(self._proof.clock, name)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def prove(plan: Plan, folder: Path) -> Outcome:
    """One run in a folder of its own."""
    return await Proof(plan, folder).run()


def run(quick: bool = False) -> list[dict[str, Any]]:
    """The figures with their bars."""
    folder = Path(tempfile.mkdtemp(prefix="csms-province-"))
    try:
        return [asdict(row) for row in rows(asyncio.run(prove(QUICK if quick else Plan(), folder)))]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def rows(found: Outcome) -> list[Row]:
    """Figures of a run."""
    judged, plan, bar = found.judged, found.plan, f"<= {DRAIN_BAR_H:g}"
    counted = [
        _exact("orders at the stations", judged.sessions, plan.orders),
        Row("statuses at the stations", found.truth.statuses, ""),
        _exact("orders lost", judged.lost, 0),
        _exact("orders twice or not ours", judged.surplus, 0),
        _exact("connectors whose states differ", judged.differing, 0),
        _exact("messages given up", judged.dead, 0),
        Row("calls at the platform", judged.calls, ""),
        Row("calls that failed on purpose", sum(found.faults.values()), ""),
        _exact("in so many ways", len(found.faults), len(FAULTS)),
        Row("kill -9 of the operator", found.kills["operator"], ""),
        Row("kill -9 of the platform", found.kills["platform"], ""),
        Row("outage", plan.outage_h, "h of the clock"),
        Row("messages that waited at its end", found.open_after_outage, ""),
        Row("its orders accepted within", found.drain_h, "h of the clock", bar, found.drain_h <= DRAIN_BAR_H),
        Row("orders accepted meanwhile", found.orders_per_s, "/s of the wall"),
        Row("everything settled within", found.settled_h, "h of the clock", bar, found.settled_h <= DRAIN_BAR_H),
    ]
    lag = [Row("p95 lag of the proof itself", found.lag_s[int(len(found.lag_s) * 0.95)], "s of the wall")]
    return [*counted, *_ladder(sorted(found.late_s), plan), *lag, Row("took", found.wall_s, "s of the wall")]


def _exact(figure: str, value: int, wanted: int) -> Row:
    return Row(figure, value, "", f"= {wanted}", value == wanted)


def _ladder(late_s: Sequence[float], plan: Plan) -> list[Row]:
    """A tenth of a second of the wall is the machine's own."""
    found, most_s = [Row("attempts judged by the ladder", len(late_s), "")], plan.speed / 10
    if late_s:
        median = statistics.median(late_s)
        found.append(Row("earliest against the ladder", late_s[0], "s of the clock", ">= 0", late_s[0] >= 0))
        found.append(Row("median lateness", median, "s of the clock", f"<= {most_s:g}", median <= most_s))
        found.append(Row("p95 lateness", late_s[int(len(late_s) * 0.95)], "s of the clock"))
    return found
