"""What an answer means: for the ledger (what counts now), for the ladder (which form is next), for the next round.

Every change of a station's ladder comes through here, so that the ledger always knows what is known to act.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from csms.charging.counters import Counters
from csms.charging.courier import Outcome
from csms.charging.journal import Sending
from csms.charging.ladder import Happening, Role, Rung
from csms.charging.ladders import COMPOSITE, Change, Ladders
from csms.charging.ledger import Ledger
from csms.charging.outlets import Outlets
from csms.charging.proof import Told, Verdict, by_composite
from csms.charging.settings import ChargingSettings
from csms.charging.trials import Trials
from csms.model.charging_profile import CompositeSchedule, ProfilePurpose, RateUnit
from csms.model.clock import Clock
from csms.model.ids import EvseRef

log = logging.getLogger(__name__)

Ask = Callable[[int, RateUnit], Awaitable[CompositeSchedule | None]]
"""Asks a station for the composite schedule of an EVSE in a unit."""

LOOK_EVERY = timedelta(seconds=30)

HAPPENINGS = {
    Outcome.ACCEPTED: Happening.ACCEPTED,
    Outcome.REFUSED: Happening.REFUSED,
    Outcome.ABSENT: Happening.ABSENT,
}


TX_REFUSALS = 3


@dataclass(slots=True)
class Refusals:
    """How often a rung was refused since it was last accepted, and in which sessions."""

    count: int = 0
    sessions: set[int | None] = field(default_factory=set)


class Answers:
    """Keeps what follows. `in_force`: the limit that each outlet accepted last, and when; `floors`: its floor;
    `told_w`: the last value sent in this connection."""

    def __init__(
        self,
        clock: Clock,
        ledger: Ledger,
        ladders: Ladders,
        outlets: Outlets,
        trials: Trials,
        settings: ChargingSettings,
        counters: Counters,
        obeys: Callable[[str], None],
        look_again: Callable[[], None],
    ) -> None:
        self._clock, self._ledger, self._ladders, self._outlets = clock, ledger, ladders, outlets
        self._trials, self._settings, self._counters = trials, settings, counters
        self._obeys, self._look_again = obeys, look_again
        self.in_force: dict[EvseRef, tuple[Sending, datetime]] = {}
        self.floors: dict[EvseRef, tuple[Sending, datetime]] = {}
        self.told_w: dict[EvseRef, int] = {}
        self.stale: set[EvseRef] = set()
        self.resting: dict[EvseRef, datetime] = {}
        self._floors_due: set[EvseRef] = set()
        self._refusals: dict[tuple[str, Rung], Refusals] = {}
        self._unheard: set[tuple[str, Rung]] = set()
        self._leftovers: dict[str, list[int]] = defaultdict(list)
        self._looked_at: datetime | None = None

    def look(self, now: datetime) -> None:
        """Forget rests that are over; now and then bring the ledger in step with all that is known to act."""
        self.resting = {ref: until for ref, until in self.resting.items() if until > now}
        if self._looked_at is not None and self._looked_at <= now < self._looked_at + LOOK_EVERY:
            return
        self._looked_at = now
        for station_id in dict.fromkeys(ref.station_id for ref in self._ledger.refs):
            self.changed(station_id)

    def changed(self, station_id: str) -> None:
        """Tell the ledger what is known to act at a station, and who plans when more of it obeys."""
        floor, limit = (self._ladders.acts(station_id, role) for role in Role)
        refs, now = self._outlets.of_station(station_id), self._clock.now()
        before = [self._ledger.account(ref).limit_acts for ref in refs]
        for ref in refs:
            self._ledger.trust(ref, now, floor=floor, limit=limit)
        if limit and not all(before):
            self._obeys(station_id)

    def floor_due(self, ref: EvseRef) -> bool:
        """Whether the floor must be told again."""
        return ref in self._floors_due

    def tell_again(self, ref: EvseRef) -> None:
        """What the station was told may be lost (another connection)."""
        self.told_w.pop(ref, None)
        self.stale.add(ref)
        self._floors_due.add(ref)
        self.resting.pop(ref, None)

    def session_begins(self, ref: EvseRef) -> None:
        """The station is about to hear the number of its transaction; before that it knows none."""
        self._rest(ref, self._settings.debounce_s)

    def session_over(self, ref: EvseRef, floor_again: bool) -> None:
        """The session's limit is no longer in force."""
        self.in_force.pop(ref, None)
        self.resting.pop(ref, None)
        if floor_again:
            self._floors_due.add(ref)

    def leftovers(self, sending: Sending) -> list[int]:
        """Profiles of rungs that were given up; they would go on to rule beside what is sent now."""
        return [id_ for id_ in self._leftovers.pop(sending.ref.station_id, []) if id_ != sending.profile_id]

    def withdrawn(self, sending: Sending, rest_s: float) -> None:
        """A sending that never left."""
        for ref, sequence in sending.entries:
            self._ledger.withdraw(ref, sequence)
        self._rest(sending.ref, rest_s)

    def enter(self, sending: Sending, outcome: Outcome, status: str, at: datetime) -> None:
        """An answer came, or none."""
        self._counters.sent += 1
        if sending.session_id is not None:
            self.told_w[sending.ref] = sending.setpoint.value_w
        match outcome:
            case Outcome.ACCEPTED:
                self._accepted(sending, at)
            case Outcome.REFUSED | Outcome.ABSENT:
                self._refused(sending, HAPPENINGS[outcome], status)
            case Outcome.NEVER_SENT:
                self.withdrawn(sending, self._settings.settle_s)
            case Outcome.SILENT | Outcome.UNKNOWN:
                heard = self._outlets.heard_since(sending.ref, sending.sent_at)
                self._unanswered(sending, heard and outcome is Outcome.SILENT)

    def floor_taken(self, ref: EvseRef) -> bool:
        """Whether a floor may be what holds the outlet."""
        return self._ledger.account(ref).floor_taken

    def at_floor(self, ref: EvseRef) -> bool:
        """Whether nothing above its floor may be in force: also no limit of a process before this one."""
        return self._ledger.at_floor(ref, self._clock.now())

    def sampled(self, ref: EvseRef) -> None:
        """A sample came; where it is part of a trial, the next level may be due."""
        if not self._ledger.account(ref).limit_acts or not self._ledger.account(ref).floor_acts:
            self._look_again()

    def happened(self, station_id: str, rung: Rung, happening: Happening, proof: str = "") -> list[Change]:
        """Move the ladders of a station and draw the consequences."""
        moved = self._ladders.happened(station_id, rung, happening, proof)
        for change in moved:
            if change.before.rung != change.track.rung:
                self._left(station_id, change)
            elif change.before.proven and not change.track.proven:
                self._try_anew(station_id)
        self.changed(station_id)
        if moved:
            self._look_again()
        return moved

    async def prove(self, sending: Sending, ask: Ask) -> None:
        """Ask for the composite schedule where it could prove what was just accepted."""
        rung, profile, station_id = sending.rung, sending.profile, sending.ref.station_id
        role = Role.FLOOR if sending.session_id is None else Role.LIMIT
        if profile is None or not self._ladders.wants_composite(station_id, rung, role):
            return
        told = Told(profile.periods[0].limit, rung.unit, self._rated(sending, rung.unit), sending.setpoint.phases)
        if told.limit >= told.rated:
            return
        whole = rung.purpose is ProfilePurpose.STATION_MAX
        self._counters.proof_asked += 1
        verdict = by_composite(await ask(0 if whole else sending.ref.evse_id, rung.unit), told)
        self._count(verdict)
        if verdict is Verdict.SHOWN:
            self.happened(station_id, rung, Happening.SHOWN, COMPOSITE)
        elif verdict is not Verdict.LOWER:
            log.info("composite_schedule_no_proof", extra={"evse": str(sending.ref), "verdict": verdict.value})
            self._ladders.composite_failed(station_id, rung, role, odd=verdict is Verdict.ODD)
            self.changed(station_id)

    def _count(self, verdict: Verdict) -> None:
        self._counters.proof_shown += verdict in (Verdict.SHOWN, Verdict.LOWER)
        self._counters.proof_odd += verdict is Verdict.ODD
        self._counters.proof_silent += verdict is Verdict.NOTHING

    def _rated(self, sending: Sending, unit: RateUnit) -> float:
        """What the station would say without a limit, at the least: of the outlet, or of those that share one."""
        refs = (sending.ref,) if sending.each else sending.refs
        ratings = [evse.rating for ref in refs if (evse := self._outlets.evse(ref)) is not None]
        if unit is RateUnit.A:
            return sum(rating.current_max_a for rating in ratings)
        return float(sum(rating.power_max_w for rating in ratings))

    def _accepted(self, sending: Sending, at: datetime) -> None:
        self._counters.accepted += 1
        for ref, sequence in sending.entries:
            self._ledger.acknowledge(ref, sequence, at)
        self._unheard.discard((sending.ref.station_id, sending.rung))
        self._refusals.pop((sending.ref.station_id, sending.rung), None)
        if sending.session_id is None or sending.rung.lasting:
            self._floor_installed(sending, at)
        if sending.session_id is not None:
            self._in_force(sending, at)
        self.happened(sending.ref.station_id, sending.rung, Happening.ACCEPTED)

    def _floor_installed(self, sending: Sending, at: datetime) -> None:
        """A limit that lasts ends in the floor, so it stands for it too."""
        self._counters.floors_accepted += sending.session_id is None
        for ref in sending.refs:
            self._floors_due.discard(ref)
            if self._ledger.account(ref).floor_before_w is not None:
                self.stale.add(ref)  # a limit in force ends in the floor of before
            self._ledger.confirm_floor(ref, at)
            if sending.session_id is None:
                self.floors[ref] = sending, at

    def _in_force(self, sending: Sending, at: datetime) -> None:
        twice = self._outlets.limits(sending.ref).first_after_pause_ignored
        for ref in sending.refs:
            before = self.in_force.get(ref)
            self.stale.discard(ref)
            if twice and before is not None and before[0].setpoint.value_w == 0 < sending.setpoint.value_w:
                self.stale.add(ref)
            session = self._outlets.session(ref)
            if session is not None and (ref != sending.ref or session.session_id == sending.session_id):
                self.in_force[ref] = sending, at

    def _refused(self, sending: Sending, happening: Happening, status: str) -> None:
        """The next rung, at once, unless the refusal may have another reason."""
        self._counters.refused += 1
        for ref, sequence in sending.entries:
            self._ledger.refuse(ref, sequence)
        if self._session_changed(sending):
            self._rest(sending.ref, 0.0)
            return
        if self._taken_elsewhere(sending):
            self._rest(sending.ref, self._settings.retry_s)
            return
        key = sending.ref.station_id, sending.rung
        refusals = self._refusals.setdefault(key, Refusals())
        refusals.count += 1
        refusals.sessions.add(sending.session_id)
        if not self._costs_the_rung(sending.rung, refusals, status, self._is_proven(*key)):
            self._rest(sending.ref, self._settings.settle_s if refusals.count == 1 else self._settings.retry_s)
            return
        del self._refusals[key]
        log.info("limit_refused", extra={"evse": str(sending.ref), "rung": str(sending.rung)})
        self.happened(*key, happening)

    def _taken_elsewhere(self, sending: Sending) -> bool:
        """Whether another outlet of the station has taken this very form: then it is the outlet that refuses."""
        held = [*self.floors.items(), *self.in_force.items()]
        refs = {ref for ref, (taken, _) in held if taken.rung == sending.rung and ref not in sending.refs}
        return any(ref.station_id == sending.ref.station_id for ref in refs)

    def _costs_the_rung(self, rung: Rung, refusals: Refusals, status: str, proven: bool) -> bool:
        """A transaction's profile is also refused when the station has not heard of its number yet or has just ended
        it: a form that is known to work is given up in the second session in a row, another one after three times.
        """
        if rung.purpose is ProfilePurpose.TX and status == "Rejected":
            return len(refusals.sessions) > 1 if proven else refusals.count >= TX_REFUSALS
        return refusals.count > proven

    def _unanswered(self, sending: Sending, heard: bool) -> None:
        """Whether it acts is unknown, so it keeps counting. No reply costs the rung at once where the station was heard
        in the meantime, else the second time: a single one may be the fault of the line."""
        self._counters.unanswered += 1
        for _, sequence in sending.entries:
            self._ledger.lose(sequence)
        self._rest(sending.ref, self._settings.settle_s)
        key = sending.ref.station_id, sending.rung
        if not heard and key not in self._unheard:
            self._unheard.add(key)
            return
        self._unheard.discard(key)
        self.happened(*key, Happening.SILENT)

    def _session_changed(self, sending: Sending) -> bool:
        session = self._outlets.session(sending.ref)
        return sending.session_id is not None and (session is None or session.session_id != sending.session_id)

    def _is_proven(self, station_id: str, rung: Rung) -> bool:
        tracks = [self._ladders.track(station_id, role) for role in Role]
        return any(track.proven and track.rung == rung for track in tracks)

    def _left(self, station_id: str, change: Change) -> None:
        """A rung was given up: what was installed on it goes, and everything is told again on the next one."""
        if change.before.taken and change.before.rung is not None:
            self._leftovers[station_id] += self._installed(station_id, change.before.rung)
        self._try_anew(station_id)
        for ref in self._outlets.of_station(station_id):
            self.stale.add(ref)
            if change.track.role is Role.FLOOR:
                self._ledger.lose_floor(ref)
                self.floors.pop(ref, None)

    def _try_anew(self, station_id: str) -> None:
        """What was sampled before says nothing of what comes."""
        for ref in self._outlets.of_station(station_id):
            self._trials.forget(ref)

    def _installed(self, station_id: str, rung: Rung) -> list[int]:
        known = [*self.in_force.values(), *self.floors.values()]
        ids = {s.profile_id for s, _ in known if s.ref.station_id == station_id and s.rung == rung and s.profile}
        return sorted(ids)

    def _rest(self, ref: EvseRef, delay_s: float) -> None:
        self.resting[ref] = self._clock.now() + timedelta(seconds=delay_s)
