"""Carries out rounds: writes the ledger ahead, sends limits and floors, enters the answers; one command per station.

It sleeps until something happened (an answer, a new target, a limit) or a bound falls, and looks at least every
`LOOK_S` seconds. A station that fails costs nobody else anything. What an answer means for the form in which the
station is told is left to `answers`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Container, Coroutine, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from csms.charging import courier
from csms.charging.account import NEVER
from csms.charging.answers import Answers, Ask
from csms.charging.clock_step import ClockStep
from csms.charging.courier import Outcome, deliver
from csms.charging.discretise import Outlet
from csms.charging.feeder import Caps, FeederTree
from csms.charging.journal import Journal, Sending
from csms.charging.ladder import Role
from csms.charging.ladders import Ladders, News
from csms.charging.ledger import Ledger
from csms.charging.lines import LinesOf
from csms.charging.outlets import Outlets
from csms.charging.ports import Stations
from csms.charging.profiles import ending_by
from csms.charging.read_back import ReadBack
from csms.charging.rounds import Order, Situation, Target, orders
from csms.charging.settings import ChargingSettings
from csms.charging.shaping import Shaper
from csms.charging.traits import forgets_offline, limits_of, outlet
from csms.charging.trials import Trials, floor_first, floor_open, level
from csms.model.charging_profile import ProfileKind
from csms.model.clock import Clock
from csms.model.command import SetChargingProfile
from csms.model.errors import StoreUnavailable
from csms.model.event import LimitControlChanged
from csms.model.ids import EvseRef
from csms.station.state import StationState
from csms.station.wishes import firmware_of

log = logging.getLogger(__name__)

LOOK_S = 30.0
TURN_S = 0.2
"""How often somebody who waits for a station's turn looks."""
FLASH_REST = timedelta(minutes=15)
"""Between two raises by configuration key, once limits are known to act."""


class Dispatcher:
    """Drives the outlets towards their targets."""

    def __init__(
        self,
        clock: Clock,
        stations: Stations,
        journal: Journal,
        ledger: Ledger,
        outlets: Outlets,
        tree: FeederTree,
        caps: Caps,
        settings: ChargingSettings,
        ladders: Ladders,
        trials: Trials,
        answers: Answers,
        read_back: ReadBack,
        clock_step: ClockStep,
    ) -> None:
        self._clock, self._stations, self._journal = clock, stations, journal
        self._ledger, self._outlets, self._tree, self._caps = ledger, outlets, tree, caps
        self._settings, self._ladders, self._trials, self._answers = settings, ladders, trials, answers
        self._read_back, self._clock_step = read_back, clock_step
        self._shaper = Shaper(stations.stations, ladders, ledger, outlets, settings, answers.told_w)
        self.targets: dict[EvseRef, Target] = {}
        self._busy: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._quiet_until: dict[str, datetime] = {}
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Something changed: look now."""
        self._wake.set()

    def aim(self, root: str, targets: Mapping[EvseRef, Target]) -> None:
        """Replace the targets under a root feeder."""
        self.targets = {r: t for r, t in self.targets.items() if root not in self._ledger.account(r).path} | dict(
            targets
        )
        self.wake()

    def tell_again(self, ref: EvseRef) -> None:
        """A car that said what it needs is told its limit, also when that stays as it is (K15.FR.07, K15.FR.08)."""
        if ref in self._ledger:
            self._answers.stale.add(ref)
        self.wake()

    def station_up(self, station_id: str, restarted: bool) -> None:
        """A station connected or restarted: what it was told is told again (SR-09), once it has settled (SR-06). Only a
        configuration key stays in its flash memory."""
        self._let_settle(station_id)
        self._read_back.again(station_id)
        forgot = restarted or forgets_offline(firmware_of(self._stations.stations.get(station_id)))
        rung = self._ladders.rung(station_id, Role.LIMIT)
        flash = rung is not None and rung.purpose is None
        for ref in self._outlets_of(station_id):
            if not flash:
                self._answers.tell_again(ref)
            if forgot and not flash:
                self._ledger.lose_profiles(ref)
        self.wake()

    def overruled(self, station_id: str) -> None:
        """A person told a station other limits, or took some away: nothing of ours counts there until it is told
        again, which is when the person has been quiet for as long as a station needs to settle."""
        self._let_settle(station_id)
        for ref in self._outlets_of(station_id):
            self._answers.tell_again(ref)
            self._ledger.lose_profiles(ref)
        self.wake()

    def _let_settle(self, station_id: str) -> None:
        self._quiet_until[station_id] = self._clock.now() + timedelta(seconds=self._settings.settle_s)

    def _outlets_of(self, station_id: str) -> list[EvseRef]:
        return [ref for ref in self._ledger.refs if ref.station_id == station_id]

    def session_over(self, ref: EvseRef) -> None:
        """The transaction and its profile are gone; a limit that outlives it goes down to the floor."""
        self.targets.pop(ref, None)
        self._trials.forget(ref)
        self._ladders.another_session(ref.station_id)
        rung = self._ladders.rung(ref.station_id, Role.LIMIT)
        lasting = rung is not None and rung.lasting
        self._answers.session_over(ref, floor_again=lasting and rung is not None and rung.purpose is not None)
        if ref in self._ledger:
            self._ledger.end_session(ref, self._clock.now(), lasting)
        self.wake()

    def room_w(self) -> dict[str, int]:
        """Watts for charging at every feeder now."""
        now = self._clock.now()
        self._tree.base_loads.look(now)
        return self._tree.rooms_w(self._caps, now, self._settings.lead_s, self._settings.reserve_share)

    def lines_ma(self) -> LinesOf:
        """Milliampere for charging now, on each conductor of feeders that count currents."""
        return self._tree.lines_ma(self._clock.now(), self._settings.lead_s, self._settings.reserve_share)

    async def run(self) -> None:
        """Until cancelled; then nothing is on the way any more."""
        try:
            while True:
                await self._sleep()
                self._wake.clear()
                await self._guarded_round()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _sleep(self) -> None:
        now = self._clock.now()
        known = [self._ledger.next_change(now), *self._quiet_until.values(), *self._answers.resting.values()]
        soonest = min((at for at in known if at is not None and at > now), default=None)
        delay_s = LOOK_S if soonest is None else min(LOOK_S, (soonest - now).total_seconds())
        alarm = asyncio.get_running_loop().call_later(self._clock.wall_s(delay_s), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            alarm.cancel()

    async def _guarded_round(self) -> None:
        try:
            await self.round()
        except Exception:
            log.exception("charging_round_failed")
            await asyncio.sleep(self._clock.wall_s(LOOK_S))

    async def round(self) -> None:
        """Look once: enrol new outlets, ask who is new, install floors, then what targets and room ask for."""
        self._heed_clock()
        now = self._clock.now()
        self._outlets.refresh()
        self._ledger.expire(now)
        self._answers.look(now)
        room_w = self.room_w()
        there = {id_ for id_ in self._stations.stations if self.reachable(id_)}
        free = {id_ for id_ in there - self._busy if self._is_quiet(id_, now)}
        self._ask(free)
        self._ask_what_holds(free)
        targets = self._live_targets(now, room_w)
        situation = self._situation(now, room_w, free, there)
        floors = self._floors(free, targets, situation)
        free -= {floor.ref.station_id for floor in floors}
        found = orders(targets, self._ledger, situation, self._settings.lease)
        limits = [limit for order in found if (limit := self._limit(order, now, situation)) is not None]
        await self._send([*floors, *limits], now)
        self._keep_ladders()

    def _heed_clock(self) -> None:
        """Where somebody set the clock by more than leases allow for, nobody knows whether stations follow: all are
        told again."""
        step = self._clock_step.take()
        if step is None:
            return
        self._quiet_until.clear()
        self._answers.resting.clear()
        if abs(step.total_seconds()) > self._settings.skew_s:
            for ref in self._ledger.refs:
                self._answers.tell_again(ref)
        self._spawn(self._clock_step.tell(step), "clock step")

    def _keep_ladders(self) -> None:
        """Write down what was learned; what is lost in a crash is only learned again."""
        news = self._ladders.take_news()
        if news.stations or news.odd:
            self._spawn(self._keep(news), "ladders")

    async def _keep(self, news: News) -> None:
        rows = [row for station_id in sorted(news.stations) for row in self._ladders.rows(station_id)]
        try:
            await self._journal.ladders(rows, news)
        except StoreUnavailable as fault:
            log.error("ladders_not_stored", extra={"stations": len(news.stations), "fault": str(fault)})
            self._ladders.put_back(news)
            return
        for change in news.changes:
            if change.before.state is not change.track.state:
                told = LimitControlChanged(change.station_id, change.track.role, change.track.state, change.at)
                self._stations.bus.publish(told)

    def _situation(self, now: datetime, room_w: Mapping[str, int], free: set[str], there: set[str]) -> Situation:
        return Situation(
            now,
            room_w,
            free.__contains__,
            there.__contains__,
            self._answers.stale,
            self._answers.resting,
            lambda ref, lease_s: self._shaper.lease(ref, lease_s, now),
            self.lines_ma(),
        )

    def _live_targets(self, now: datetime, room_w: Mapping[str, int]) -> dict[EvseRef, Target]:
        """Targets whose session still runs, and trials at outlets whose limits are not known to act."""
        live = {}
        for ref, target in self.targets.items():
            session = self._outlets.session(ref)
            same = session is not None and session.session_id == target.session_id
            if same and self._ledger.account(ref).limit_acts and not self._floor_is_shown_first(ref, target, now):
                live[ref] = target
        return self._slowed(self._shared(live | self._tried(now, room_w, live)), now)

    def _slowed(self, targets: dict[EvseRef, Target], now: datetime) -> dict[EvseRef, Target]:
        """A configuration key is written to flash memory: raises wait for a while, decreases never do."""
        for ref, target in targets.items():
            told = self._answers.in_force.get(ref)
            rung = told[0].rung if told is not None else None
            trying = not self._ledger.account(ref).limit_acts
            if told is None or rung is None or rung.purpose is not None or trying:
                continue
            kept = self._outlets.at_most(ref, self._ledger.told_w(ref))
            if target.setpoint.value_w > kept.value_w and now < told[1] + FLASH_REST:
                targets[ref] = replace(target, setpoint=kept)
        return targets

    def _station(self, ref: EvseRef) -> StationState:
        return self._stations.stations[ref.station_id]

    def _floor_is_shown_first(self, ref: EvseRef, target: Target, now: datetime) -> bool:
        account = self._ledger.account(ref)
        if account.commanded is not None or not floor_open(account):
            return False
        trial = self._trials.trial(ref, target.session_id, now)
        return floor_first(trial, self._outlets.floor(ref), now)

    def _tried(self, now: datetime, room_w: Mapping[str, int], live: Mapping[EvseRef, Target]) -> dict[EvseRef, Target]:
        """Trial levels at outlets whose limits are not known to act."""
        sums_w = self._ledger.sums_w(now)
        left_w = {id_: room_w[id_] - sums_w.get(id_, 0) for id_ in room_w}
        tried: dict[EvseRef, Target] = {}
        for account in self._ledger.accounts:
            ref = account.ref
            if account.limit_acts or ref in live or (session := self._outlets.session(ref)) is None:
                continue
            if self._ladders.rung(ref.station_id, Role.LIMIT) is None:
                continue
            trial = self._trials.trial(ref, session.session_id, now)
            at = self._outlet(ref)
            tried[ref] = Target(session.session_id, session.transaction_id, at, level(trial, account, at, now, left_w))
        return tried

    def _outlet(self, ref: EvseRef) -> Outlet:
        evse, limits = self._outlets.evse(ref), limits_of(self._station(ref))
        assert evse is not None
        return outlet(evse.rating, evse.rating.phases, self._ledger.account(ref).floor_w, limits)

    def _shared(self, targets: dict[EvseRef, Target]) -> dict[EvseRef, Target]:
        """Where one value holds for each outlet of a station, the lowest target is everybody's."""
        lowest: dict[str, Target] = {}
        shared = [ref for ref in targets if self._is_shared(ref)]
        for ref in shared:
            known = lowest.get(ref.station_id)
            if known is None or targets[ref].setpoint.value_w < known.setpoint.value_w:
                lowest[ref.station_id] = targets[ref]
        for ref in shared:
            own = targets[ref]
            value = own.outlet.at_most(lowest[ref.station_id].setpoint.value_w)
            targets[ref] = replace(own, setpoint=value)
        return targets

    def _is_shared(self, ref: EvseRef) -> bool:
        if len(self._station(ref).evses) == 1:
            return False
        rung = self._ladders.rung(ref.station_id, Role.LIMIT)
        reach = self._shaper.reach(ref, rung) if rung is not None else None
        return reach is not None and reach.each and len(reach.refs) > 1

    def _is_quiet(self, station_id: str, now: datetime) -> bool:
        return now >= self._quiet_until.get(station_id, now)

    def reachable(self, station_id: str) -> bool:
        """Whether a station is connected and known to have started."""
        station = self._stations.stations.get(station_id)
        return station is not None and station.online and station.booted

    def _ask(self, free: set[str]) -> None:
        """A station of which nothing is known says first what it takes; that is a hint, so any answer will do."""
        for station_id in self._stations.stations:
            if station_id in free and self._ladders.not_asked(station_id):
                self._take_turn(station_id, free)
                self._spawn(self._declare(station_id), f"declaration {station_id}")

    def _ask_what_holds(self, free: set[str]) -> None:
        """After a restart a station says what holds it before it is told anything else (B5)."""
        for station_id in sorted(self._read_back.waiting):
            if station_id in free and not self._ladders.not_asked(station_id):
                self._take_turn(station_id, free)
                self._spawn(self._read(station_id), f"read back {station_id}")

    def _take_turn(self, station_id: str, free: set[str]) -> None:
        self._busy.add(station_id)
        free.discard(station_id)

    async def _read(self, station_id: str) -> None:
        try:
            await self._read_back.read(station_id)
        except Exception:
            log.exception("not_read_back", extra={"station": station_id})
        finally:
            self._end_turn(station_id)

    async def _declare(self, station_id: str) -> None:
        try:
            self._ladders.declare(station_id, await courier.declaration(self._clock, self._stations, station_id))
        finally:
            self._busy.discard(station_id)
            self._answers.changed(station_id)
            self.wake()

    def _floors(self, free: Container[str], targets: Mapping[EvseRef, Target], situation: Situation) -> list[Sending]:
        """A floor for each outlet that is not known to have it, one per station; not where a limit that ends in it is
        about to be told."""
        found: dict[str, Sending] = {}
        for account in self._ledger.accounts:
            ref, station_id = account.ref, account.ref.station_id
            needed = not account.floor_taken or self._answers.floor_due(ref)
            if not needed or station_id not in free or station_id in found or ref in self._answers.resting:
                continue
            rung = self._ladders.rung(station_id, Role.FLOOR)
            limit_instead = ref in targets and rung == self._ladders.rung(station_id, Role.LIMIT)
            if rung is not None and not limit_instead:
                found[station_id] = self._shaper.floor(ref, rung, situation.now, situation)
        return list(found.values())

    def _limit(self, order: Order, now: datetime, situation: Situation) -> Sending | None:
        rung = self._ladders.rung(order.ref.station_id, Role.LIMIT)
        if rung is None:
            self._ledger.withdraw(order.ref, order.sequence)
            return None
        return self._shaper.limit(order, rung, now, situation)

    async def _send(self, sendings: list[Sending], now: datetime) -> None:
        """Write ahead, then send. While the store takes nothing only decreases go out, and prolong nothing."""
        if not sendings:
            return
        stations = {sending.ref.station_id for sending in sendings}
        self._busy |= stations
        for sending in sendings:
            for ref, sequence in sending.entries:
                self._ledger.form(ref, sequence, sending.rung.rank, sending.rung.kind is ProfileKind.RELATIVE)
        try:
            await self._journal.write_ahead(sendings, self._ledger, now)
        except StoreUnavailable as fault:
            log.error("upper_bounds_not_stored", extra={"fault": str(fault)})
            sendings = self._unwritten(sendings, now)
            self._busy -= stations - {sending.ref.station_id for sending in sendings}
        for sending in sendings:
            self._spawn(self._deliver(sending), f"limit {sending.ref}")

    def _unwritten(self, sendings: list[Sending], now: datetime) -> list[Sending]:
        """What may leave all the same: another process must not count less than what a station then holds."""
        leaving = []
        for sending in sendings:
            ends = None if sending.raises else self._covered_until(sending, now)
            if ends is None:
                self._answers.withdrawn(sending, LOOK_S)
            elif isinstance(sending.command, SetChargingProfile):
                profile = ending_by(sending.command.profile, ends - self._ledger.account(sending.ref).behind)
                leaving.append(replace(sending, command=SetChargingProfile(sending.command.evse_id, profile)))
            else:
                leaving.append(sending)
        return leaving

    def _covered_until(self, sending: Sending, now: datetime) -> datetime | None:
        """Until when what stands written covers a limit without its being renewed; None: it does not."""
        ends = []
        for ref, sequence in sending.entries:
            account = self._ledger.account(ref)
            value_w = account.sent[sequence].value_w
            counted_w = account.counted_w(value_w)
            end = self._journal.covered_until(ref, value_w, counted_w)
            if end is None and counted_w > account.floor_w:
                return None
            ends.append(now if end is None else end)
        return min(ends, default=now + NEVER)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, sending: Sending) -> None:
        """Send one limit, enter the answer, look for a proof; the station's turn ends here whatever happens."""
        outcome, status, at = Outcome.UNKNOWN, "error", self._clock.now()
        try:
            try:
                outcome, status = await self._carry(sending)
            finally:
                at = self._clock.now()
                self._answers.enter(sending, outcome, status, at)
            if outcome is Outcome.ACCEPTED:
                await self._answers.prove(sending, self._ask_schedule(sending.ref.station_id))
        except Exception:
            log.exception("limit_not_delivered", extra={"evse": str(sending.ref)})
        finally:
            self._end_turn(sending.ref.station_id)
        known = outcome not in (Outcome.NEVER_SENT, Outcome.SILENT, Outcome.UNKNOWN)
        await self._record(sending, status, at if known else None)

    async def _carry(self, sending: Sending) -> tuple[Outcome, str]:
        for profile_id in self._answers.leftovers(sending):
            await courier.clear(self._clock, self._stations, sending.ref.station_id, profile_id)
        return await deliver(self._clock, self._stations, sending)

    def _ask_schedule(self, station_id: str) -> Ask:
        """Asks what the station will do, where that could prove a limit (SR-08)."""
        return partial(courier.composite, self._clock, self._stations, station_id)

    @contextlib.asynccontextmanager
    async def turn(self, station_id: str) -> AsyncIterator[None]:
        """Wait until nothing is on its way to a station, and keep it so: one command at a time."""
        while station_id in self._busy:  # noqa: ASYNC110 - an answer ends it, or its time-out
            await asyncio.sleep(self._clock.wall_s(TURN_S))
        self._busy.add(station_id)
        try:
            yield
        finally:
            self._end_turn(station_id)

    def _end_turn(self, station_id: str) -> None:
        self._busy.discard(station_id)
        self.wake()

    async def _record(self, sending: Sending, status: str, at: datetime | None) -> None:
        try:
            await self._journal.answered(sending, status, at)
        except StoreUnavailable as fault:
            log.error("limit_answer_not_stored", extra={"evse": str(sending.ref), "fault": str(fault)})
