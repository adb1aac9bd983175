"""The charging room's front: hears what happens, plans again, lets the dispatcher carry it out, says how things stand.

Nothing in here is needed for the cap to hold: rounds of the dispatcher keep it without a plan.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any

from csms.charging.answers import Answers
from csms.charging.clock_step import ClockStep
from csms.charging.compliance import Compliance, standing
from csms.charging.counters import Counters
from csms.charging.cut_off import CutOff
from csms.charging.dispatcher import Dispatcher
from csms.charging.drill import Drill, WithLimit, losses, rehearse
from csms.charging.feeder import QUARTER_HOUR, Caps, FeederTree, NoCaps
from csms.charging.journal import Journal, Sending
from csms.charging.ladders import Ladders
from csms.charging.learning import Cars
from csms.charging.ledger import Ledger
from csms.charging.lines import NONE
from csms.charging.outlets import Outlets
from csms.charging.planner import Firsts, Urges
from csms.charging.planning import Planning
from csms.charging.plans import CurrentPlan, Solved
from csms.charging.ports import Alerting, ChargingStore, Forecasts, Solver, Stations
from csms.charging.read_back import ReadBack
from csms.charging.settings import ChargingSettings
from csms.charging.simulation import Simulation, simulation
from csms.charging.status import FeederLoad, FeederStatus, LadderStatus, ladder_status, uncontrollable_w, unproven_w
from csms.charging.steady_clock import CapsByBothTimes, OtherTimes, SteadyClock
from csms.charging.tree_change import Hanging
from csms.charging.tree_desk import Leaving
from csms.charging.trials import Trials
from csms.charging.watch import Watch
from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.model.event import (
    Event,
    LimitChanged,
    LimitControlChanged,
    LimitsTouched,
    Metered,
    SessionClosed,
    SessionCutOff,
    SessionNeedsChanged,
    SessionOpened,
    StationBooted,
    StationConnected,
    StationDisconnected,
)
from csms.model.ids import EvseRef
from csms.model.limit import Limit
from csms.station.metering import readings
from csms.store import changes

log = logging.getLogger(__name__)

RESTORE_AGAIN_S = 5.0
ROOM_REST_S = 30.0
"""Between two plans that are made because a limit begins or ends: many may do so one after the other."""


class ChargingService:
    """Smart charging of all stations under all feeders. Build it before stations connect, then `await run()`."""

    def __init__(
        self,
        clock: Clock,
        stations: Stations,
        store: ChargingStore,
        solver: Solver,
        settings: ChargingSettings,
        feeders: FeederTree,
        limits: Caps | None = None,
        alerts: Alerting | None = None,
    ) -> None:
        self._clock = steady = SteadyClock(clock)
        self._stations, self._store, self._settings = stations, store, settings
        self._times = times = OtherTimes(steady)
        self._tree, self._caps = feeders, CapsByBothTimes(limits or NoCaps(), times)
        self._cars, self._ledger = Cars(settings.patience_s), Ledger(settings.ramp_s, settings.skew_s)
        self._outlets = Outlets(
            steady, stations.stations, self._ledger, feeders, settings.floors, self._cars, self._caps
        )
        self._journal = Journal(store, steady.uptime)
        self.counters = Counters()
        self._ladders, trials = Ladders(stations.stations, steady), Trials()
        self._answers = Answers(
            steady,
            self._ledger,
            self._ladders,
            self._outlets,
            trials,
            settings,
            self.counters,
            self._obeys,
            self._look_again,
        )
        self._read_back = ReadBack(
            steady,
            stations,
            self._ledger,
            self._outlets,
            self._ladders,
            settings.lease_s,
            settings.skew_s,
            self.counters,
            self._journal.above_bound,
            alerts,
        )
        self._dispatcher = Dispatcher(
            steady,
            stations,
            self._journal,
            self._ledger,
            self._outlets,
            feeders,
            self._caps,
            settings,
            self._ladders,
            trials,
            self._answers,
            self._read_back,
            ClockStep(steady, self._ledger, self._journal, feeders, times, stations, self._outlets, alerts),
        )
        self._planning = Planning(
            steady, self._dispatcher, self._outlets, self._ledger, feeders, self._caps, solver, settings, self.counters
        )
        self._cut_off = CutOff(
            steady,
            stations,
            self._outlets,
            self._ledger,
            feeders,
            self._caps,
            settings.cut_off_after_s,
            self._dispatcher.turn,
            alerts,
        )
        self._watch = Watch(self._answers, self._outlets, trials, self._cars, settings)
        self._planners = asyncio.Semaphore(settings.plans_at_once)
        self._causes: set[str] = set()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def listen(self) -> None:
        """Hear what happens at the stations; before the first of them connects, and only if `run` will run."""
        self._stations.bus.subscribe(self._heard)

    async def run(self) -> None:
        """Until cancelled."""
        await self._restore()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._dispatcher.run(), name="charging-dispatcher")
                group.create_task(self._plan_again_and_again(), name="charging-planner")
                group.create_task(self._cut_off.run(), name="charging-cut-off")
        finally:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def wake(self, cause: str) -> None:
        """Plan again soon; `cause` stands in the plan."""
        self._causes.add(cause)
        self._wake.set()

    def cap_w(self, feeder_id: str, at: datetime) -> int:
        """The cap of a feeder: rating and limits from outside. KeyError for an unknown feeder."""
        return self._tree.cap_w(feeder_id, self._caps, at)

    def current_plan(self, feeder_id: str) -> CurrentPlan | None:
        """The plan in force of the tree this feeder belongs to; None before the first one."""
        return self._planning.plans.get(self._tree.path(feeder_id)[-1])

    def status(self, feeder_id: str) -> FeederStatus:
        """How things stand at a feeder. KeyError for an unknown one."""
        now = self._clock.now()
        feeder = self._tree.feeder(feeder_id)
        targets = self._dispatcher.targets
        under = [ref for ref in self._ledger.refs if feeder_id in self._ledger.account(ref).places]
        return FeederStatus(
            feeder_id=feeder_id,
            parent_id=feeder.parent or None,
            cap_w=self.cap_w(feeder_id, now),
            base_w=self._tree.base_load_w(feeder_id, now),
            room_w=self._dispatcher.room_w()[feeder_id],
            upper_bound_w=sum(self._ledger.upper_bound_w(ref, now) for ref in under),
            planned_w=sum(targets[ref].setpoint.value_w for ref in under if ref in targets),
            metered_w=self._outlets.metered_w(feeder_id),
            unproven_w=unproven_w(self._ledger, under),
            uncontrollable_w=uncontrollable_w(self._ladders, self._ledger, under),
        )

    def compliance(self, feeder_id: str) -> Compliance:
        """How far a feeder has come with its cap. KeyError for an unknown one."""
        now = self._clock.now()
        under = [ref for ref in self._ledger.refs if feeder_id in self._ledger.account(ref).places]
        found = standing(under, self._ledger, self._ladders, now, self._dispatcher.reachable)
        return Compliance(
            feeder_id=feeder_id,
            cap_w=self.cap_w(feeder_id, now),
            base_w=self._tree.base_load_w(feeder_id, now),
            room_w=self._dispatcher.room_w()[feeder_id],
            settled_w=found.settled_w,
            movable_w=found.movable_w,
            upper_bound_w=found.upper_bound_w,
            metered_w=self._outlets.metered_w(feeder_id),
            waiting=found.waiting,
            unreachable=found.unreachable,
            uncontrollable=found.uncontrollable,
            stations=len({ref.station_id for ref in under}),
        )

    async def drill(self, limit: Limit) -> Drill:
        """What would happen if this limit came now: a rehearsal, and the energy that each car would get with and
        without it. Nobody is told anything. KeyError for an unknown feeder.
        """
        caps, settings, root = WithLimit(self._caps, limit), self._settings, self._tree.path(limit.feeder_id)[-1]
        tree = copy.copy(self._tree)
        there = {station_id for station_id in self._stations.stations if self._dispatcher.reachable(station_id)}
        found = await asyncio.to_thread(
            rehearse,
            copy.deepcopy(self._ledger),
            dict(self._dispatcher.targets),
            limit.feeder_id,
            lambda at: tree.rooms_w(caps, at, settings.lead_s, settings.reserve_share),
            there.__contains__,
            settings.lease,
            self._clock.now(),
            lambda at: tree.lines_ma(at, settings.lead_s, settings.reserve_share),
        )
        plain, under = [await self._planning.foresee(root, which) for which in (self._caps, caps)]
        return Drill(found, losses(plain, under))

    def heed(self, urges: Urges) -> None:
        """From now on plans move charging to where more load is wanted."""
        self._planning.urges = urges

    def serve_first(self, firsts: Firsts) -> None:
        """From now on plans serve some sessions before the others."""
        self._planning.firsts = firsts

    def expect(self, forecasts: Forecasts) -> None:
        """From now on plans keep in mind what is expected."""
        self._planning.forecasts = forecasts

    async def simulate(self, limit: Limit, slots: int) -> Simulation:
        """What this limit would do to the plan of the next `slots` quarter-hours; nobody is told. KeyError for an
        unknown feeder.
        """
        feeder_id, caps, now = limit.feeder_id, WithLimit(self._caps, limit), self._clock.now()
        root = self._tree.path(self._tree.feeder(feeder_id).id)[-1]
        plain, under = [await self._planning.foresee(root, which) for which in (self._caps, caps)]
        paths = {str(ref): self._ledger.account(ref).path for ref in self._ledger.refs}
        starts = [now + QUARTER_HOUR * n for n in range(slots)]
        return simulation(
            plain, under, lambda id_: feeder_id in paths.get(id_, ()), self._tree, caps, feeder_id, starts
        )

    async def foresee(self, feeder_id: str) -> Solved | None:
        """What would be planned now for the cars under a feeder; nobody is told. None when no session runs there.
        KeyError for an unknown feeder.
        """
        return await self._planning.foresee(self._tree.feeder(feeder_id).id, self._caps)

    def floors_w(self, feeder_id: str) -> int:
        """What the stations under a feeder may draw whatever is ordered."""
        under = [ref for ref in self._ledger.refs if feeder_id in self._ledger.account(ref).path]
        return sum(self._ledger.account(ref).floor_counted_w for ref in under)

    def floor_w(self, ref: EvseRef) -> int:
        """The same of one outlet; 0 for one that is not known."""
        return self._ledger.account(ref).floor_counted_w if ref in self._ledger else 0

    def drawn_w(self, feeder_id: str) -> int:
        """Base load and metered charging. KeyError for an unknown feeder."""
        return self._tree.base_load_w(feeder_id, self._clock.now()) + self._outlets.metered_w(feeder_id)

    def loads(self) -> dict[str, FeederLoad]:
        """Every feeder, parents before children."""
        now = self._clock.now()
        drawn_w, bound_w = (dict.fromkeys(self._tree.ids, 0) for _ in range(2))
        for ref in self._ledger.refs:
            account, own_bound_w = self._ledger.account(ref), self._ledger.upper_bound_w(ref, now)
            for feeder_id in account.path:
                drawn_w[feeder_id] += round(self._outlets.power_w(ref))
            for feeder_id in account.places:
                bound_w[feeder_id] += own_bound_w
        found = {}
        for feeder_id in self._tree.ids:
            base_w = self._tree.base_load_w(feeder_id, now)
            sums_w = drawn_w[feeder_id] + base_w, bound_w[feeder_id] + base_w
            found[feeder_id] = FeederLoad(self.cap_w(feeder_id, now), *sums_w)
        return found

    def ladder(self, station_id: str) -> LadderStatus:
        """How far limits of a station are known to act."""
        refs = self._outlets.of_station(station_id)
        return ladder_status(station_id, self._ladders, self._ledger, refs, self._clock.now())

    def hanging(self) -> list[Hanging]:
        """Every outlet with its feeder and its floor."""
        self._outlets.refresh()
        return self._outlets.hanging()

    def phases_a(self, feeder_id: str) -> tuple[float, ...]:
        """The most that charging may put on each phase of a feeder now."""
        return tuple(ma / 1000 for ma in self._ledger.sums_ma(self._clock.now()).get(feeder_id, NONE))

    def leaving(self) -> dict[str, list[Leaving]]:
        """By feeder: stations that count there until what they were told there is replaced or over."""
        found: dict[str, dict[str, datetime]] = {}
        for account in map(self._ledger.account, self._ledger.refs):
            for id_ in account.left:
                until = found.setdefault(id_, {})
                station_id = account.ref.station_id
                until[station_id] = max(account.left_until, until.get(station_id, account.left_until))
        return {id_: [Leaving(*pair) for pair in sorted(ends.items())] for id_, ends in found.items()}

    def tree_changed(self) -> None:
        """Bring the ledger in step with the tree; carry out and plan anew. Whoever hangs elsewhere now is told again
        soon, so that it counts in both places no longer than it takes."""
        self._outlets.refresh()
        for ref in self._ledger.refs:
            if self._ledger.account(ref).left:
                self._dispatcher.tell_again(ref)
        self._dispatcher.wake()
        self.wake("feeders")

    def climb_again(self, station_id: str) -> None:
        """Begin the ladder of a station at its top."""
        self._ladders.again(station_id)
        self._answers.changed(station_id)
        self._dispatcher.station_up(station_id, restarted=False)

    def statuses(self) -> list[FeederStatus]:
        """Every feeder, parents before children."""
        return [self.status(feeder_id) for feeder_id in self._tree.ids]

    async def _restore(self) -> None:
        """Every outlet starts at the bound that the last process wrote down (B5)."""
        while True:
            try:
                await self._journal.restore_ladders(self._ladders)
                self._outlets.refresh()
                booted = {id_: station.booted_at for id_, station in self._stations.stations.items()}
                step = await self._journal.restore(self._ledger, booted, self._clock.now())
                self._times.stepped(step)
                self._read_back.begin()
                return self._answers.look(self._clock.now())
            except StoreUnavailable as fault:
                log.error("upper_bounds_not_read", extra={"fault": str(fault)})
                await asyncio.sleep(self._clock.wall_s(RESTORE_AGAIN_S))

    def _heard(self, event: Event) -> None:
        match event:
            case Metered():  # first, for nearly all are
                self._metered(event)
            case SessionOpened(evse=evse):
                self._answers.session_begins(evse)
                self.wake("arrival")
            case SessionClosed(evse=evse):
                self._dispatcher.session_over(evse)
                self._cars.forget(evse)
                self.wake("departure")
            case SessionNeedsChanged(evse=evse):
                self._dispatcher.tell_again(evse)
                self.wake("needs")
            case StationConnected(station_id=station_id):
                self._back(station_id, restarted=False)
            case StationBooted(station_id=station_id):
                self._back(station_id, restarted=True)
            case LimitsTouched(station_id=station_id):
                self._dispatcher.overruled(station_id)
            case StationDisconnected():
                self.wake("station lost")
            case LimitControlChanged() | SessionCutOff():
                pass
            case LimitChanged():
                self._dispatcher.wake()
                self.wake("limit")
            case _:
                self._dispatcher.wake()

    def _back(self, station_id: str, restarted: bool) -> None:
        """Whoever has a car there is part of the plan again."""
        self._dispatcher.station_up(station_id, restarted)
        if any(self._outlets.session(ref) is not None for ref in self._outlets.of_station(station_id)):
            self.wake("station back")

    def _look_again(self) -> None:
        self._dispatcher.wake()

    def _obeys(self, station_id: str) -> None:
        """A station's limits are known to act now."""
        if any(self._outlets.session(ref) is not None for ref in self._outlets.of_station(station_id)):
            self.wake("station ready")

    def _metered(self, event: Metered) -> None:
        station = self._stations.stations.get(event.evse.station_id)
        if station is not None and station.manners.doubtful and event.samples:
            station.manners.told_time(readings(event.samples)[-1].time, event.at)
        seen, replan = self._watch.metered(event)
        if replan:
            self.wake("car")
        if seen is not None:
            self.counters.seen += 1
            self._spawn(self._note_seen(seen, event.at))

    async def _note_seen(self, sending: Sending, at: datetime) -> None:
        try:
            await self._journal.seen(sending, at)
        except StoreUnavailable as fault:
            log.error("profile_seen_not_stored", extra={"evse": str(sending.ref), "fault": str(fault)})

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _plan_again_and_again(self) -> None:
        while True:
            cause = await self._next_cause()
            await asyncio.gather(*(self._guarded_plan(root, cause) for root in self._tree.roots))

    async def _next_cause(self) -> str:
        """Wait for a cause and for others that come right after it, for another room by a limit, or for the period."""
        now = self._clock.now()
        next_room = self._next_room(now)
        wait_s = self._settings.replan_s
        with contextlib.suppress(TimeoutError):
            if next_room is not None:
                wait_s = min(wait_s, max((next_room - now).total_seconds(), ROOM_REST_S))
            async with asyncio.timeout(self._clock.wall_s(wait_s)):
                await self._wake.wait()
        if self._wake.is_set():
            await asyncio.sleep(self._clock.wall_s(self._settings.debounce_s))
        cause = ", ".join(sorted(self._causes)) or "period"
        self._causes.clear()
        self._wake.clear()
        return cause

    def _next_room(self, now: datetime) -> datetime | None:
        """When a limit known today leaves another room: it counts early where it is lower, and ends in time."""
        lead, ahead = timedelta(seconds=self._settings.lead_s), timedelta(seconds=self._settings.replan_s)
        edges = {edge for id_ in self._tree.ids for edge in self._caps.edges(id_, now, now + lead + ahead)}
        moments = {edge - lead for edge in edges} | edges
        return min((moment for moment in moments if moment > now), default=None)

    async def _guarded_plan(self, root: str, cause: str) -> None:
        """Trees of feeders have no cap in common; as many are planned together as the solver can use."""
        async with self._planners:
            await self._plan_and_store(root, cause)

    async def _plan_and_store(self, root: str, cause: str) -> None:
        try:
            plan = await self._planning.plan(root, cause)
            if plan is not None:
                await self._store.writer.commit([changes.add_plan(plan.row())])
        except StoreUnavailable as fault:
            log.error("plan_not_stored", extra={"feeder": root, "fault": str(fault)})
        except Exception:
            log.exception("planning_failed", extra={"feeder": root})
            await asyncio.sleep(self._clock.wall_s(RESTORE_AGAIN_S))
