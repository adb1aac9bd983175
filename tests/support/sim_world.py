"""The production charging room before a simulated fleet, in virtual time: one seed, one run, byte for byte.

A server process holds `ChargingService` as it is in production, with its own live state of the stations; it dies at
any commit or frame, and another one is built from what is durable. Beside it stand piles, lines, grid and meters. The
judge adds up the true load at every feeder in every second.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from unittest.mock import patch

import numpy as np

from csms.charging import dispatcher, outlets, planner, traits
from csms.charging.feeder import Feeder, FeederTree
from csms.charging.service import ChargingService
from csms.charging.settings import ChargingSettings
from csms.model.charging_profile import ChargingProfile, ProfilePurpose, RateUnit
from csms.model.command import Command, CommandResult
from csms.model.errors import StationOffline
from csms.model.event import (
    ConnectorChanged,
    Event,
    LimitChanged,
    Metered,
    SessionClosed,
    SessionOpened,
    StationBooted,
    StationConnected,
    StationDisconnected,
)
from csms.model.ids import ConnectorRef, EvseRef
from csms.model.meter import CURRENT_IMPORT, POWER_IMPORT, Sample
from csms.model.station import ConnectorStatus, StationIdentity
from csms.station.bus import EventBus
from csms.station.state import EvseState, OpenSession, StationState
from firmware_profiles import GENERIC, FirmwareProfile
from optimizer.problem import Plan, Problem
from tests.support.sim_loop import START, LoopClock, VirtualLoop, run
from tests.support.sim_network import COMMISSIONED_S, Line
from tests.support.sim_piles import KINDS, NEVER_S, VOLT, Car, Pile, seconds
from tests.support.sim_scenario import ENDLESS, PilePlan, Scenario
from tests.support.sim_store import Disk, Hold

RAMP_S, SKEW_S, SETTLE_S = 15.0, 5.0, 5.0
CALM_GRACE_S = 40.0
"""Round trip, and one ramp, for those that are connected (grid-limits B7)."""
COVERED_EVERY_S = 5
"""How often draws are compared with their upper bounds, unless a run is thorough."""
SETTLED_S = 90.0
"""So long after the last change of a cap, a base load or a car the share of the cap that is used is counted."""
SHARES = (0.0, 0.3, 1.0, 1.0)
"""What the random planner wants for a car, of all that it takes; the rounding cuts it down to the room."""
TICK_S = 0.001
"""Clocks are read in whole microseconds, the loop counts finer."""
FOLLOWERS = 0.7
"""Share of the stations that set their clocks by the server's."""
NOTHING_WRITTEN = {"upper_bound_w": 0, "until": START, "updated_at": START, "uptime_s": 0.0, "boot": ""}
BACK_S = (5.0, 15.0)
"""How long after a server is there again its stations come back."""


def second(moment_s: float) -> datetime:
    """A moment of the run."""
    return START + timedelta(seconds=moment_s)


@dataclass
class Known:
    """What the station room has made durable of one station."""

    booted_at: datetime | None = None
    last_seen_at: datetime | None = None
    status: ConnectorStatus = ConnectorStatus.AVAILABLE
    session: tuple[int, str, datetime] | None = None


@dataclass
class Report:
    """What a run has shown. `over`: (second, feeder, W above the cap) after the grace; `uncovered`: (second, station,
    draw, bound); `unwritten`: frames that left before the bound they need was durable; `lasting`: schedules that do not
    end at the floor in time; `clashes`: profiles beside others of the same place; `bounds_over`: as `over`, of the
    upper bounds; `above_floor`: stations above their floors long after the server's death. `use`: share of the usable
    cap that was drawn, in all seconds after the first minutes, and in settled ones (None: there were none)."""

    seed: int
    level: str
    over: list[tuple[int, str, float]] = field(default_factory=list)
    uncovered: list[tuple[int, str, float, int]] = field(default_factory=list)
    unwritten: list[tuple[float, str]] = field(default_factory=list)
    lasting: list[tuple[float, str]] = field(default_factory=list)
    clashes: int = 0
    bounds_over: list[tuple[int, str, float]] = field(default_factory=list)
    above_floor: list[tuple[int, str, float]] = field(default_factory=list)
    use: float | None = None
    settled_use: float | None = None
    messages: int = 0
    commits: int = 0
    crashed: bool = False
    digest: str = ""

    @property
    def over_s(self) -> int:
        """Seconds with at least one feeder above its cap."""
        return len({at_s for at_s, _, _ in self.over})


class GridCaps:
    """`csms.charging.feeder.Caps`: statements count from when they are announced; they are durable."""

    def __init__(self, scenario: Scenario) -> None:
        self._plans, self._heard = scenario.caps, dict.fromkeys(scenario.caps, 1)
        self._begins = {id_: [second(from_s) for from_s, _, _ in plan] for id_, plan in scenario.caps.items()}

    def hear(self, feeder: str, number: int) -> None:
        """A statement was acknowledged, with all before it."""
        self._heard[feeder] = max(self._heard[feeder], number + 1)

    def cap_w(self, feeder_id: str, at: datetime) -> int | None:
        """Of the statement that began last."""
        begun = bisect_right(self._begins[feeder_id], at, hi=self._heard[feeder_id])
        return self._plans[feeder_id][begun - 1][1] if begun else None

    def edges(self, feeder_id: str, since: datetime, until: datetime) -> Sequence[datetime]:
        """When announced statements begin."""
        begins, heard = self._begins[feeder_id], self._heard[feeder_id]
        return begins[bisect_right(begins, since, hi=heard) : bisect_right(begins, until, hi=heard)]

    def lowest_w(self, feeder_id: str, at: datetime) -> int | None:
        """As agreed."""
        return None


class Server:
    """One process: live state, bus and charging room, gone when it dies."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.alive = True
        self.bus = EventBus()
        self.stations: dict[str, StationState] = {
            id_: self._restored(id_, pile, world.known[id_]) for id_, pile in world.piles.items()
        }
        self.hold = Hold(world.disk, lambda what: world.point(self, what))
        self.tree = FeederTree(
            Feeder(
                id_,
                rating_w=world.ratings_w[id_],
                parent="" if id_ == "T" else "T",
                base_load_w=(max(w for _, w in world.scenario.bases[id_]),),
                lowest_cap_w=world.scenario.lowest_w[id_],
            )
            for id_ in ("T", "A", "B")
        )
        self.charging = ChargingService(
            world.clock, self, self.hold, world.solver, world.settings, self.tree, world.caps
        )
        self.charging.listen()
        self.task = world.loop.create_task(self.charging.run())

    def _restored(self, id_: str, pile: Pile, known: Known) -> StationState:
        ref = EvseRef(id_, 1)
        evse = EvseState(ref, pile.rating, registered=True, connectors={1: known.status})
        identity = StationIdentity("Sim", pile.kind.name) if known.booted_at else None
        state = StationState(id_, pile.feeder, "site", {1: evse}, identity=identity)
        state.booted, state.booted_at = known.booted_at is not None, known.booted_at
        state.last_seen_at = known.last_seen_at
        if known.session is not None:
            number, transaction_id, started_at = known.session
            evse.session = OpenSession(number, transaction_id, ref, 1, started_at)
        return state

    async def command(self, station_id: str, command: Command) -> CommandResult:
        """Ask a station."""
        if not self.alive:
            raise asyncio.CancelledError
        if self.stations[station_id].link is None:
            raise StationOffline(station_id)
        self._world.point(self, "before a frame")
        self._world.judge.frame(self, station_id, command)
        line = self._world.lines[station_id]
        self._world.note(f"-> {station_id} {brief(command)}")
        result = await line.call(command, lambda: self._world.point(self, "after a frame"))
        self._world.note(f"<- {station_id} {result.status}")
        return result

    def die(self) -> None:
        """At once: nothing of it acts any more."""
        self.alive = self.hold.alive = False
        self.task.cancel()

    def publish(self, event: Event) -> None:
        """To the charging room of this process."""
        if self.alive:
            self.bus.publish(event)


def brief(command: Command) -> str:
    """For the trace."""
    profile = getattr(command, "profile", None)
    if profile is None:
        return type(command).__name__
    return f"{profile.purpose.value} {[(p.start_s, p.limit) for p in profile.periods]} {profile.unit.value}"


class World:
    """One run. `trace`: collects lines to read. `server` None: there is none now."""

    def __init__(self, scenario: Scenario, loop: VirtualLoop, trace: list[str] | None, thorough: bool) -> None:
        self.scenario, self.loop, self.trace, self.thorough = scenario, loop, trace, thorough
        self.clock, self.chance = LoopClock(loop), random.Random(scenario.seed * 7919 + 1)
        self.settings = ChargingSettings(
            lease_s=scenario.lease_s,
            replan_s=scenario.replan_s,
            ramp_s=RAMP_S,
            skew_s=SKEW_S,
            settle_s=SETTLE_S,
            retry_s=20.0,
            reserve_share=0.0,
        )
        self.disk, self.caps = Disk(), GridCaps(scenario)
        self.piles = {
            f"{n:02}-{plan.kind.name}": made(f"{n:02}-{plan.kind.name}", plan) for n, plan in enumerate(scenario.piles)
        }
        self._plans = dict(zip(self.piles, scenario.piles, strict=True))
        self.lines = {id_: Line(loop, pile, scenario.weather, self.chance) for id_, pile in self.piles.items()}
        self.known = {id_: Known() for id_ in self.piles}
        self.ratings_w = {
            id_: sum(p.rating.power_max_w for p in self.piles.values() if id_ in ("T", p.feeder)) * 2 + 50_000
            for id_ in ("T", "A", "B")
        }
        self.server: Server | None = None
        self._outbox: dict[str, deque[Callable[[], None]]] = {id_: deque() for id_ in self.piles}
        own = random.Random(scenario.seed * 31 + 3)
        self._followers = {id_ for id_, p in self.piles.items() if own.random() < FOLLOWERS and not p.kind.clock_jumps}
        self._followed_s = dict.fromkeys(self.piles, 0.0)
        self._rebooted = dict.fromkeys(self.piles, True)
        self._sessions = self._steps = 0
        self._changed_s = 0.0
        self.rooms_changed = True
        self.report = Report(scenario.seed, scenario.level)
        self.judge = Judge(self)
        self._hash = hashlib.blake2b(digest_size=8)

    # --- the server -------------------------------------------------------------------------------------------------

    def point(self, server: Server, what: str) -> None:
        """A moment at which this process may die."""
        if not server.alive:
            raise asyncio.CancelledError
        self._steps += self.loop.now_s >= COMMISSIONED_S
        if self._steps == self.scenario.crash_at:
            self.crash(what)
            raise asyncio.CancelledError

    def crash(self, what: str) -> None:
        """The server is gone, and with it every connection."""
        assert self.server is not None
        self.note(f"!! the server dies {what}")
        self.report.crashed = True
        self.judge.server_dies(self.server)
        self.server.die()
        self.server = None
        for id_ in self.lines:
            self._ends(id_)
        if self.scenario.restart_s is not None:
            self.loop.call_later(self.scenario.restart_s, self.start)

    def start(self) -> None:
        """A server, from what is durable."""
        self.note("!! a server starts")
        self.clock.boots += self.scenario.machine_restarts
        self.judge.steps_forgotten = self.clock.stepped_s != 0
        self.server, self.rooms_changed = Server(self), True
        self._meter_bases()
        for feeder, plan in self.scenario.caps.items():
            for number, (from_s, _, notice_s) in enumerate(plan):
                if from_s - notice_s <= self.loop.now_s:
                    self.caps.hear(feeder, number)
        for id_ in self.lines:
            self.loop.call_later(self.chance.uniform(*BACK_S), self._comes_back, id_)

    def solver(self, problem: Problem) -> Plan:
        """Anything but sensible: random shares, or all that every car takes; or none in time (the production rule)."""
        if self.scenario.planner == "fair":
            raise ArithmeticError("no plan")
        most_kw = np.array([s.power_max_kw for s in problem.sessions])
        if self.scenario.planner == "shares":
            most_kw *= np.array([self.chance.choice(SHARES) for _ in problem.sessions])
        power_kw = np.repeat(most_kw[:, None], problem.slots, axis=1)
        none = np.zeros(problem.slots)
        return Plan(power_kw, power_kw.sum(axis=1) / 4, 0.0, 0.0, 0.0, none, none, np.zeros((0, problem.slots)))

    # --- stations and their lines -----------------------------------------------------------------------------------

    def _state(self, id_: str) -> StationState | None:
        return None if self.server is None else self.server.stations[id_]

    def _comes_back(self, id_: str) -> None:
        line = self.lines[id_]
        if line.up:
            return
        if self.server is None:
            self.loop.call_later(self.chance.uniform(*BACK_S), self._comes_back, id_)
            return
        line.connect()
        self.note(f"-- {id_} connects")
        line.tell(lambda: self._connected(id_))
        if self._rebooted[id_]:
            line.tell(lambda: self._booted(id_))
        line.tell(lambda: self._status(id_, self._now_status(id_)))
        for message in self._outbox[id_]:
            line.tell(message)

    def _connected(self, id_: str) -> None:
        state = self._state(id_)
        assert state is not None
        assert self.server is not None
        now = self.clock.now()
        state.link, state.last_seen_at = object(), now  # type: ignore[assignment]  # only its presence counts
        state.connected_at = self.known[id_].last_seen_at = now
        state.manners.connected(now)
        self.server.publish(StationConnected(id_, "ocpp2.0.1", now))

    def _booted(self, id_: str) -> None:
        state, now = self._state(id_), self.clock.now()
        assert state is not None
        assert self.server is not None
        self._rebooted[id_] = False
        state.identity, state.booted, state.booted_at = StationIdentity("Sim", self.piles[id_].kind.name), True, now
        self.known[id_].booted_at = now
        self._told_time(id_)
        self.server.publish(StationBooted(id_, now))

    def _told_time(self, id_: str) -> None:
        """A heartbeat or status with the station's own time in it."""
        state, now = self._state(id_), self.clock.now()
        if state is not None:
            state.manners.told_time(second(self.loop.now_s - self.piles[id_].clock_s), now)
            self._follows(id_)

    def _follows(self, id_: str) -> None:
        """An answer says what time it is; most stations set their clocks by it, some have their own source. A heartbeat
        asks for it without telling."""
        pile = self.piles[id_]
        owed_s = self.clock.stepped_s - self._followed_s[id_]
        if owed_s and id_ in self._followers:
            self.note(f"** {id_} follows by {owed_s:+.0f} s")
            self._followed_s[id_], pile.look_s = self.clock.stepped_s, self.loop.now_s
            pile.clock_s -= owed_s

    def _clock_is_set(self, step_s: float) -> None:
        self.note(f"!! the server's clock is set by {step_s:+.0f} s")
        self.clock.stepped_s += step_s
        for id_, line in self.lines.items():
            if line.up:  # its next heartbeat
                self.loop.call_later(self.chance.uniform(1, 120), line.tell, partial(self._follows, id_))

    def _now_status(self, id_: str) -> ConnectorStatus:
        pile = self.piles[id_]
        if pile.car is None:
            return ConnectorStatus.AVAILABLE
        return ConnectorStatus.CHARGING if pile.transaction_id else ConnectorStatus.PREPARING

    def _status(self, id_: str, status: ConnectorStatus) -> None:
        state = self._state(id_)
        assert state is not None
        assert self.server is not None
        self.known[id_].status = state.evses[1].connectors[1] = status
        state.last_seen_at = self.clock.now()
        state.manners.states += 1
        self._told_time(id_)
        self.server.publish(ConnectorChanged(ConnectorRef(id_, 1, 1), status, self.clock.now()))

    def _ends(self, id_: str) -> None:
        """The pile has lost its connection; the server may not know yet."""
        line, pile = self.lines[id_], self.piles[id_]
        line.end()
        if pile.kind.forgets_away:
            pile.forget(self.loop.now_s)

    def _gone(self, id_: str, connection: int) -> None:
        """The server has given the connection up."""
        state, line = self._state(id_), self.lines[id_]
        if state is None or state.link is None or line.number != connection or line.up:
            return
        self.note(f"-- {id_} is gone")
        state.link = None
        line.lose_answers()
        assert self.server is not None
        self.server.publish(StationDisconnected(id_, self.clock.now()))

    def _mishap(self, id_: str, what: str, long_s: float) -> None:
        line, pile = self.lines[id_], self.piles[id_]
        self.note(f"** {id_} {what} {long_s:.0f} s")
        if what == "jumps":
            pile.clock_s += long_s
            pile.look_s = self.loop.now_s
            return
        if what == "held":
            line.hold(long_s)
            return
        if what == "reboots":
            self._rebooted[id_] = True
            if pile.kind.forgets_boot:
                pile.forget(self.loop.now_s)
        if not line.up:
            return
        self._ends(id_)
        seen_s = self.chance.uniform(*self.scenario.weather.deaf_after_s) if what == "half_open" else 0.5
        self.loop.call_later(seen_s, self._gone, id_, line.number)
        self.loop.call_later(long_s, self._comes_back, id_)

    # --- cars -------------------------------------------------------------------------------------------------------

    def _plugs_in(self, id_: str, ready_s: float, stays_s: float, power_w: float, phases: int) -> None:
        pile = self.piles[id_]
        self._changed_s = self.loop.now_s + ready_s
        pile.car = Car(0.0, phases, 0.0)
        self._say(id_, lambda: self._status(id_, ConnectorStatus.PREPARING))
        self.loop.call_later(ready_s, self._begins, id_, power_w, stays_s)

    def _begins(self, id_: str, power_w: float, stays_s: float) -> None:
        pile = self.piles[id_]
        assert pile.car is not None
        self._sessions += 1
        number, began_s = self._sessions, self.loop.now_s
        pile.transaction_id, pile.car.power_w = f"tx{number}", power_w
        pile.look_s = pile.began_s = began_s
        self.loop.call_later(stays_s, self._leaves, id_, pile.transaction_id)
        self._owe(id_, lambda: self._opened(id_, number, began_s))
        self._say(id_, lambda: self._status(id_, ConnectorStatus.CHARGING))

    def _opened(self, id_: str, number: int, began_s: float) -> None:
        state = self._state(id_)
        assert state is not None
        assert self.server is not None
        ref, at = EvseRef(id_, 1), second(began_s)
        state.evses[1].session = OpenSession(number, f"tx{number}", ref, 1, at)
        state.evses[1].power_w = state.evses[1].power_at = None
        self.known[id_].session = (number, f"tx{number}", at)
        self.server.publish(SessionOpened(number, ref, self.clock.now()))

    def _leaves(self, id_: str, transaction_id: str) -> None:
        pile = self.piles[id_]
        if not transaction_id or pile.transaction_id != transaction_id:
            return  # it was stopped before
        number = int(pile.transaction_id.removeprefix("tx"))
        self._changed_s = self.loop.now_s
        pile.car, pile.transaction_id, pile.look_s = None, "", self.loop.now_s
        pile.step(self.loop.now_s)
        self._owe(id_, lambda: self._closed(id_, number))
        self._say(id_, lambda: self._status(id_, ConnectorStatus.AVAILABLE))

    def _closed(self, id_: str, number: int) -> None:
        state = self._state(id_)
        assert state is not None
        assert self.server is not None
        self.known[id_].session = state.evses[1].session = None
        self.server.publish(SessionClosed(number, EvseRef(id_, 1), self.clock.now()))

    def _say(self, id_: str, message: Callable[[], None]) -> None:
        """Something that is told anew after a reconnect anyway."""
        self.lines[id_].tell(message)

    def _owe(self, id_: str, message: Callable[[], None]) -> None:
        """Something of a transaction: told until it has arrived, in order, once."""
        owed = self._outbox[id_]

        def arrived() -> None:
            if owed and owed[0] is arrived:
                owed.popleft()
                message()

        owed.append(arrived)
        self.lines[id_].tell(arrived)

    # --- meters, caps, time -----------------------------------------------------------------------------------------

    def _meter_bases(self) -> None:
        if self.server is not None:
            now = self.clock.now()
            for feeder, plan in self.scenario.bases.items():
                power_w = [w for from_s, w in plan if from_s <= self.loop.now_s][-1]
                self.server.tree.base_loads.report(feeder, power_w, now, now)

    def _meters(self, id_: str) -> None:
        pile = self.piles[id_]
        if pile.transaction_id:
            own = second(self.loop.now_s - pile.clock_s)
            power_w, transaction_id, samples = pile.draw_w, pile.transaction_id, tuple(self._samples(pile, own))
            self._say(id_, lambda: self._metered(id_, transaction_id, power_w, samples, own))
        self.loop.call_later(self.scenario.meter_s, self._meters, id_)

    def _samples(self, pile: Pile, at: datetime) -> Iterator[Sample]:
        yield Sample(at, POWER_IMPORT, pile.draw_w, "W")
        if self.scenario.phases_metered and pile.car is not None and pile.rating.phases == 3:
            for n, phase in enumerate(("L1", "L2", "L3")):
                used_a = pile.draw_w / VOLT / pile.car.phases if n < pile.car.phases else 0.0
                yield Sample(at, CURRENT_IMPORT, used_a, "A", phase)

    def _metered(
        self, id_: str, transaction_id: str, power_w: float, samples: tuple[Sample, ...], at: datetime
    ) -> None:
        state = self._state(id_)
        assert state is not None
        assert self.server is not None
        evse = state.evses[1]
        state.last_seen_at = self.clock.now()
        if evse.session is None or evse.session.transaction_id != transaction_id:
            return
        evse.power_w, evse.power_at = power_w, at
        self.server.publish(Metered(evse.ref, evse.session.session_id, samples, self.clock.now()))

    def _base_changes(self) -> None:
        self._changed_s = self.loop.now_s
        self.rooms_changed = True
        self._meter_bases()
        if self.server is not None:
            self.server.charging.wake("base load")

    def _announced(self, feeder: str, number: int) -> None:
        if self.server is not None:
            self.caps.hear(feeder, number)
            self.rooms_changed = True
            self.note(f"## {feeder} {self.scenario.caps[feeder][number]}")
            self.server.publish(LimitChanged(feeder, self.clock.now()))

    def _cap_begins(self) -> None:
        self._changed_s = self.loop.now_s
        self.rooms_changed = True

    def note(self, what: str) -> None:
        """For the trace and the digest."""
        self._hash.update(what.encode())
        if self.trace is not None:
            self.trace.append(f"{self.loop.now_s:8.2f} {what}")

    def _schedule(self) -> None:
        at, plan = self.loop.call_at, self.scenario
        for feeder, caps in plan.caps.items():
            for number, (from_s, _, notice_s) in enumerate(caps):
                at(max(from_s - notice_s, 0.0), self._announced, feeder, number)
                at(from_s, self._cap_begins)
            for from_s, _ in plan.bases[feeder]:
                at(from_s, self._base_changes)
        for minute in range(1, plan.duration_s // 60):
            at(60.0 * minute, self._meter_bases)
        for n, (id_, pile) in enumerate(self._plans.items()):
            for at_s, *car in pile.cars:
                at(at_s, self._plugs_in, id_, *car)
            at(plan.meter_s + 3 * n, self._meters, id_)
        for at_s, step_s in plan.steps:
            at(at_s, self._clock_is_set, step_s)
        for at_s, n, what, long_s in plan.mishaps:
            at(at_s, self._mishap, list(self.piles)[n], what, long_s)
        if plan.full is not None:
            for at_s, full in zip(plan.full, (True, False), strict=True):
                at(at_s, setattr, self.disk, "full", full)

    def _tick(self) -> None:
        now_s = self.loop.now_s
        for pile in self.piles.values():
            if pile.look_s <= now_s:
                pile.step(now_s)
            if pile.stop_wanted:
                pile.stop_wanted = False
                self._leaves(pile.station_id, pile.transaction_id)
        self.judge.look(now_s)
        if now_s < self.scenario.duration_s:
            self.loop.call_at(now_s + 1.0, self._tick)

    async def live(self) -> Report:
        """All of it."""
        self.start()
        self._schedule()
        self.loop.call_at(1.0, self._tick)
        await asyncio.sleep(self.scenario.duration_s + 0.5)
        if self.server is not None:
            self.server.die()
            await asyncio.gather(self.server.task, return_exceptions=True)
        self.judge.close()
        self.report.messages = sum(line.messages for line in self.lines.values())
        self.report.commits = self.disk.commits
        self.report.clashes = sum(pile.clashes for pile in self.piles.values())
        self.report.digest = self._hash.hexdigest()
        return self.report

    @property
    def settled(self) -> bool:
        """Whether nothing has changed for a while."""
        return self.loop.now_s - self._changed_s >= SETTLED_S


class Judge:
    """Adds up what is really drawn, feeder by feeder, and compares it with the caps of the last `grace_s` seconds."""

    def __init__(self, world: World) -> None:
        scenario = world.scenario
        self._world = world
        self._under = {id_: [p for p in world.piles.values() if id_ in ("T", p.feeder)] for id_ in ("T", "A", "B")}
        slowest_s = max(RAMP_S, *(pile.kind.comes_down_s for pile in world.piles.values()))
        self.grace_s = slowest_s + (scenario.lease_s + SKEW_S if scenario.faulty else CALM_GRACE_S - RAMP_S)
        self._rooms: dict[str, deque[tuple[float, int]]] = {id_: deque() for id_ in self._under}
        self._rooms_w: dict[str, int] = {}
        self._floors_w: dict[str, int] = {}
        self._floors_from_s = 0.0
        self._used = [0.0, 0.0]
        self._usable = [0.0, 0.0]
        self.steps_forgotten = False

    def _room_w(self, feeder: str, now_s: float) -> int:
        world = self._world
        cap_w = world.caps.cap_w(feeder, second(now_s))
        if self.steps_forgotten and cap_w is not None:  # a new process has but the clock as it was set
            cap_w = max(cap_w, world.caps.cap_w(feeder, world.clock.now()) or world.ratings_w[feeder])
        bases = world.scenario.bases
        base_w = sum([w for at_s, w in bases[id_] if at_s <= now_s][-1] for id_ in bases if feeder in ("T", id_))
        return (world.ratings_w[feeder] if cap_w is None else cap_w) - base_w

    def look(self, now_s: float) -> None:
        """One second."""
        if self._world.rooms_changed or self.steps_forgotten:
            self._rooms_w = {feeder: self._room_w(feeder, now_s) for feeder in self._under}
            self._world.rooms_changed = False
        rooms_w, draws_w = self._rooms_w, {}
        for feeder, piles in self._under.items():
            room_w = rooms_w[feeder]
            window = self._rooms[feeder]
            while window and window[-1][1] <= room_w:
                window.pop()
            window.append((now_s, room_w))
            while window[0][0] < now_s - self.grace_s:
                window.popleft()
            draw_w = draws_w[feeder] = sum(pile.draw_w for pile in piles)
            if draw_w > window[0][1] + 1:
                self._world.report.over.append((int(now_s), feeder, draw_w - window[0][1]))
                self._world.note(f"OVER {feeder} by {draw_w - window[0][1]:.0f} W")
        if now_s >= COMMISSIONED_S + 90:
            self._use(rooms_w, draws_w["T"])
        if self._world.thorough or int(now_s) % COVERED_EVERY_S == 0:
            self._covered(now_s)

    def _use(self, rooms_w: dict[str, int], draw_w: float) -> None:
        wanted = {id_: sum(pile.car.power_w for pile in self._under[id_] if pile.car is not None) for id_ in ("A", "B")}
        usable_w = min(rooms_w["T"], sum(min(rooms_w[id_], wanted[id_]) for id_ in wanted))
        for n in (0, 1) if self._world.settled else (0,):
            self._used[n] += draw_w
            self._usable[n] += usable_w

    def frame(self, server: Server, station_id: str, command: Command) -> None:
        """A frame is about to leave: is what it allows written down (I3), and does it end at the floor (I5)?"""
        profile = getattr(command, "profile", None)
        pile, world, ref = self._world.piles[station_id], self._world, EvseRef(station_id, 1)
        if not isinstance(profile, ChargingProfile) or profile.purpose is not ProfilePurpose.TX or not pile.kind.tame:
            return
        account, now_s = server.charging._ledger.account(ref), world.loop.now_s
        ahead_s = seconds(server.charging._clock.now()) - now_s  # of the clock, where somebody set it
        first, last, leased = profile.periods[0], profile.periods[-1], len(profile.periods) > 1
        unit_w = 1 if profile.unit is RateUnit.W else VOLT * (first.phases or 3)
        begins_s = seconds(profile.start) - ahead_s if profile.start is not None else pile.began_s
        ends_s = begins_s + last.start_s if leased else NEVER_S
        if first.limit * unit_w > account.floor_w + 1:
            row = world.disk.bounds.get((station_id, 1), NOTHING_WRITTEN)
            written_ahead_s = seconds(row["updated_at"]) - row["uptime_s"]  # set back, it counts as it is written
            until_s = seconds(row["until"]) - min(written_ahead_s, ahead_s) - account.ramp.total_seconds()
            counted_w = account.counted_w(round(first.limit * unit_w))
            if row["boot"] not in ("", world.clock.uptime().boot):
                until_s = NEVER_S  # of another run of the machine, it counts as if no time had passed
            if row["upper_bound_w"] < counted_w or until_s < min(ends_s, now_s + world.settings.lease_s):
                world.report.unwritten.append((world.loop.now_s, station_id))
            known = profile.start is not None or not world.scenario.steps  # its beginning may be told late, as it was
            late = leased and known and ends_s > now_s + world.settings.lease_s + TICK_S
            if pile.kind.periods > 1 and (not leased or late or last.limit * unit_w > account.floor_w + 1):
                world.report.lasting.append((world.loop.now_s, station_id))

    def server_dies(self, server: Server) -> None:
        """From a while on all that obey must be at their floors, until another server speaks to them (I6)."""
        ledger = server.charging._ledger
        self._floors_w = {
            id_: ledger.account(EvseRef(id_, 1)).floor_counted_w
            for id_, pile in self._world.piles.items()
            if pile.kind.tame and pile.kind.name not in ENDLESS and EvseRef(id_, 1) in ledger and not self._aged(pile)
        }
        slowest_s = max(RAMP_S, *(pile.kind.comes_down_s for pile in self._world.piles.values()))
        set_back_s = sum(max(-s, 0.0) for at_s, s in self._world.scenario.steps if at_s <= self._world.loop.now_s)
        held_s = self._world.settings.lease_s + set_back_s  # by a station that followed
        self._floors_from_s = self._world.loop.now_s + held_s + slowest_s + SKEW_S

    def _aged(self, pile: Pile) -> bool:
        """Whether its limit counts from the beginning of a session that may have been told late, before a step."""
        profile = pile.acting.get(ProfilePurpose.TX)
        return profile is not None and profile.start is None and bool(self._world.scenario.steps)

    def _without_server(self, now_s: float) -> None:
        if now_s < self._floors_from_s:
            return
        for id_, floor_w in self._floors_w.items():
            draw_w = self._world.piles[id_].draw_w
            if draw_w > floor_w + 1:
                self._world.report.above_floor.append((int(now_s), id_, draw_w))

    def _covered(self, now_s: float) -> None:
        server = self._world.server
        if server is None:
            self._without_server(now_s)
            return
        ledger, now = server.charging._ledger, server.charging._clock.now()
        for feeder, bounds_w in ledger.sums_w(now).items():
            if bounds_w > self._rooms[feeder][0][1] and now_s > COMMISSIONED_S + RAMP_S:
                self._world.report.bounds_over.append((int(now_s), feeder, bounds_w))
        for id_, pile in self._world.piles.items():
            ref = EvseRef(id_, 1)
            if pile.draw_w > 0 and ref in ledger and pile.draw_w > ledger.upper_bound_w(ref, now) + 1:
                self._world.report.uncovered.append((int(now_s), id_, pile.draw_w, ledger.upper_bound_w(ref, now)))

    def close(self) -> None:
        """The run is over."""
        report = self._world.report
        report.use = self._used[0] / self._usable[0] if self._usable[0] else None
        report.settled_use = self._used[1] / self._usable[1] if self._usable[1] else None


def made(station_id: str, plan: PilePlan) -> Pile:
    """The pile of a plan."""
    return Pile(station_id, plan.feeder, plan.kind, plan.rating, plan.ramp_s, plan.clock_s)


FIRMWARE = {name: kind.firmware() for name, kind in KINDS.items()}


@contextmanager
def quiet_room(flags_known: bool) -> Iterator[None]:
    """No log, few quarter-hours to plan, and the firmware profiles of the simulated makes, or none."""

    def firmware_of(station: StationState | None) -> FirmwareProfile | None:
        if station is None or station.identity is None:
            return None
        return FIRMWARE[station.identity.model] if flags_known else GENERIC

    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with ExitStack() as stack:
            stack.enter_context(patch.object(planner, "SLOTS", 4))
            for room in (dispatcher, outlets, traits):
                stack.enter_context(patch.object(room, "firmware_of", firmware_of))
            yield
    finally:
        logging.disable(disabled)


def simulate(
    scenario: Scenario, flags_known: bool = True, trace: list[str] | None = None, thorough: bool = False
) -> Report:
    """One run. `thorough`: upper bounds are compared with draws in every second."""
    with quiet_room(flags_known):
        return run(lambda loop: World(scenario, loop, trace, thorough).live())
