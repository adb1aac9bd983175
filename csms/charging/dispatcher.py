"""Carries out rounds: writes the ledger ahead, sends the profiles, enters the answers; one command per station.

It sleeps until something happened (an answer, a new target, a limit) or a bound falls, and looks at least every
`LOOK_S` seconds. A station that fails costs nobody else anything. The later fail-safe steps (reading the composite
schedule back, the escalation ladder) belong into `_enter`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from csms.charging.counters import Counters
from csms.charging.courier import Outcome, deliver
from csms.charging.discretise import Setpoint
from csms.charging.feeder import Caps, FeederTree
from csms.charging.journal import Journal, Sending
from csms.charging.ledger import Ledger
from csms.charging.outlets import Outlets
from csms.charging.ports import Stations
from csms.charging.profiles import floor_profile, other_unit, tx_profile, usual_unit
from csms.charging.rounds import Order, Situation, Target, orders
from csms.charging.settings import ChargingSettings
from csms.charging.traits import known_unit, rules_for
from csms.model.charging_profile import RateUnit
from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.model.ids import EvseRef

log = logging.getLogger(__name__)

LOOK_S = 30.0


class Dispatcher:
    """Drives the outlets towards their targets. `in_force`: what each outlet has accepted last, and when."""

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
        counters: Counters,
        floor_installed: Callable[[EvseRef], None],
    ) -> None:
        self._clock, self._stations, self._journal = clock, stations, journal
        self._floor_installed = floor_installed
        self._ledger, self._outlets, self._tree, self._caps = ledger, outlets, tree, caps
        self._settings, self._counters = settings, counters
        self.targets: dict[EvseRef, Target] = {}
        self.in_force: dict[EvseRef, tuple[Sending, datetime]] = {}
        self._stale: set[EvseRef] = set()
        self._floors_due: set[EvseRef] = set()
        self._resting: dict[EvseRef, datetime] = {}
        self._units: dict[str, RateUnit] = {}
        self._other_unit: set[EvseRef] = set()
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

    def station_up(self, station_id: str, restarted: bool) -> None:
        """A station connected (its profiles are sent again, SR-09) or restarted (they may be lost); let it settle."""
        self._quiet_until[station_id] = self._clock.now() + timedelta(seconds=self._settings.settle_s)
        for ref in [ref for ref in self._ledger.refs if ref.station_id == station_id]:
            self._stale.add(ref)
            self._floors_due.add(ref)
            self._resting.pop(ref, None)
            if restarted:
                self._ledger.lose_floor(ref)
        self.wake()

    def session_over(self, ref: EvseRef) -> None:
        """The transaction and its profile are gone."""
        self.targets.pop(ref, None)
        self.in_force.pop(ref, None)
        self._resting.pop(ref, None)
        self._other_unit.discard(ref)
        if ref in self._ledger:
            self._ledger.end_session(ref, self._clock.now())
        self.wake()

    def room_w(self) -> dict[str, int]:
        """Watts for charging at every feeder now."""
        return self._tree.rooms_w(self._caps, self._clock.now(), self._settings.lead_s, self._settings.reserve_share)

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
        known = [self._ledger.next_change(now), *self._quiet_until.values(), *self._resting.values()]
        delays_s = [(at - now).total_seconds() for at in known if at is not None and at > now]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._clock.wall_s(min([LOOK_S, *delays_s]))):
                await self._wake.wait()

    async def _guarded_round(self) -> None:
        try:
            await self.round()
        except Exception:
            log.exception("charging_round_failed")
            await asyncio.sleep(self._clock.wall_s(LOOK_S))

    async def round(self) -> None:
        """Look once: enrol new outlets, install floors, then what the targets and the room ask for."""
        now = self._clock.now()
        self._outlets.refresh()
        self._ledger.expire(now)
        self._resting = {ref: until for ref, until in self._resting.items() if until > now}
        floors = self._floors(now)
        taken = self._busy | {floor.ref.station_id for floor in floors}
        situation = Situation(
            now,
            self.room_w(),
            lambda station_id: station_id not in taken and self._settled(station_id, now),
            self.reachable,
            self._stale,
            self._resting,
        )
        found = orders(self._live_targets(), self._ledger, situation, self._settings.lease)
        await self._send([*floors, *(self._tx_sending(order, now) for order in found)], now)

    def _live_targets(self) -> dict[EvseRef, Target]:
        """Targets whose session still runs."""
        live = {}
        for ref, target in self.targets.items():
            session = self._outlets.session(ref)
            if session is not None and session.session_id == target.session_id:
                live[ref] = target
        return live

    def _settled(self, station_id: str, now: datetime) -> bool:
        return self.reachable(station_id) and now >= self._quiet_until.get(station_id, now)

    def reachable(self, station_id: str) -> bool:
        """Whether a station is connected and known to have started."""
        station = self._stations.stations.get(station_id)
        return station is not None and station.online and station.booted

    def _floors(self, now: datetime) -> list[Sending]:
        """A floor profile for each outlet that is not known to have it, one per station."""
        found: dict[str, Sending] = {}
        for ref in self._ledger.refs:
            needed = ref in self._floors_due or not self._ledger.account(ref).floor_known
            free = ref.station_id not in found and ref.station_id not in self._busy and ref not in self._resting
            if needed and free and self._settled(ref.station_id, now):
                floor = self._outlets.floor(ref)
                profile = floor_profile(ref.evse_id, floor, self._unit(ref, floor), now)
                found[ref.station_id] = Sending(ref, profile, floor, now)
        return list(found.values())

    def _tx_sending(self, order: Order, now: datetime) -> Sending:
        profile = tx_profile(
            order.ref.evse_id,
            order.target.transaction_id,
            order.setpoint,
            self._outlets.floor(order.ref),
            self._unit(order.ref, order.setpoint),
            now,
            self._settings.lease_s,
            rules_for(self._stations.stations.get(order.ref.station_id), self._settings.profiles),
        )
        return Sending(order.ref, profile, order.setpoint, now, order.sequence, order.target.session_id, order.raises)

    def _unit(self, ref: EvseRef, setpoint: Setpoint) -> RateUnit:
        station = self._stations.stations.get(ref.station_id)
        unit = self._units.get(ref.station_id) or known_unit(station) or usual_unit(setpoint)
        return other_unit(unit) if ref in self._other_unit else unit

    async def _send(self, sendings: list[Sending], now: datetime) -> None:
        """Write ahead, then send. While the store takes nothing only decreases go out."""
        if not sendings:
            return
        stations = {sending.ref.station_id for sending in sendings}
        self._busy |= stations
        try:
            await self._journal.write_ahead(sendings, self._ledger, now)
        except StoreUnavailable as fault:
            log.error("upper_bounds_not_stored", extra={"fault": str(fault)})
            sendings = self._without_raises(sendings)
            self._busy -= stations - {sending.ref.station_id for sending in sendings}
        for sending in sendings:
            self._spawn(sending)

    def _without_raises(self, sendings: list[Sending]) -> list[Sending]:
        for sending in sendings:
            if sending.raises and sending.sequence is not None:
                self._ledger.withdraw(sending.ref, sending.sequence)
                self._rest(sending.ref, LOOK_S)
        return [sending for sending in sendings if not sending.raises]

    def _spawn(self, sending: Sending) -> None:
        task = asyncio.create_task(self._deliver(sending), name=f"profile {sending.ref}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, sending: Sending) -> None:
        """Send one profile and enter the answer; the station's turn ends here whatever happens."""
        self._counters.sent += 1
        outcome, status = Outcome.UNKNOWN, "error"
        try:
            outcome, status = await deliver(self._clock, self._stations, sending)
        except Exception:
            log.exception("profile_not_delivered", extra={"evse": str(sending.ref)})
        finally:
            at = self._clock.now()
            self._enter(sending, outcome, at)
            self._busy.discard(sending.ref.station_id)
            self.wake()
        known = outcome in (Outcome.ACCEPTED, Outcome.REFUSED)
        await self._record(sending, status, at if known else None)

    async def _record(self, sending: Sending, status: str, at: datetime | None) -> None:
        try:
            await self._journal.answered(sending, status, at)
        except StoreUnavailable as fault:
            log.error("profile_answer_not_stored", extra={"evse": str(sending.ref), "fault": str(fault)})

    def _enter(self, sending: Sending, outcome: Outcome, at: datetime) -> None:
        match outcome:
            case Outcome.ACCEPTED:
                self._accepted(sending, at)
            case Outcome.REFUSED:
                self._refused(sending)
            case Outcome.NEVER_SENT:
                if sending.sequence is not None:
                    self._ledger.withdraw(sending.ref, sending.sequence)
                self._rest(sending.ref, self._settings.settle_s)
            case Outcome.UNKNOWN:
                self._counters.unanswered += 1
                if sending.sequence is not None:
                    self._ledger.lose(sending.sequence)
                self._rest(sending.ref, self._settings.settle_s)

    def _accepted(self, sending: Sending, at: datetime) -> None:
        self._counters.accepted += 1
        self._units[sending.ref.station_id] = sending.profile.unit
        self._other_unit.discard(sending.ref)
        if sending.sequence is None:
            self._counters.floors_accepted += 1
            self._floors_due.discard(sending.ref)
            self._ledger.confirm_floor(sending.ref, at)
            self._floor_installed(sending.ref)
            return
        self._stale.discard(sending.ref)
        self._ledger.acknowledge(sending.ref, sending.sequence, at)
        session = self._outlets.session(sending.ref)
        if session is not None and session.session_id == sending.session_id:
            self.in_force[sending.ref] = sending, at

    def _refused(self, sending: Sending) -> None:
        """Try the other unit once, then leave the outlet alone for a while (ocpp-in-the-field 9, step rule 2)."""
        self._counters.refused += 1
        if sending.sequence is not None:
            self._ledger.refuse(sending.ref, sending.sequence)
        if sending.ref in self._other_unit:
            self._other_unit.discard(sending.ref)
            self._rest(sending.ref, self._settings.retry_s)
            log.warning("profile_refused", extra={"evse": str(sending.ref), "purpose": sending.profile.purpose.value})
        else:
            self._other_unit.add(sending.ref)

    def _rest(self, ref: EvseRef, delay_s: float) -> None:
        self._resting[ref] = self._clock.now() + timedelta(seconds=delay_s)
