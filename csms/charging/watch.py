"""Metering against what was told: does a limit act (SR-08), and what does the car really take?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from csms.charging.answers import Answers
from csms.charging.journal import Sending
from csms.charging.ladder import Happening
from csms.charging.learning import Cars
from csms.charging.outlets import Outlets
from csms.charging.proof import Verdict, allowed_w, by_offer
from csms.charging.settings import ChargingSettings
from csms.charging.traits import proofs, reaction_s
from csms.charging.trials import Trial, Trials
from csms.model.event import Metered
from csms.model.ids import EvseRef
from csms.station.metering import readings
from csms.station.state import OpenSession
from firmware_profiles import Limits

CAR_SETTLES_S = 30.0
"""A car may take this long to come up to a new limit; before that its power says nothing of its own maximum."""
INTERVAL_MIN_S = 30.0
"""Energy between two registers closer together than this says too little of the power."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Power in W as metered between `since` and `at` (the same moment for a momentary value)."""

    power_w: float
    since: datetime
    at: datetime


class Watch:
    """Looks at every metered value; remembers which limit of each outlet was seen last, and the last registers."""

    def __init__(
        self, answers: Answers, outlets: Outlets, trials: Trials, cars: Cars, settings: ChargingSettings
    ) -> None:
        self._answers, self._outlets, self._trials, self._cars = answers, outlets, trials, cars
        self._ramp_s = settings.ramp_s
        self._seen: dict[EvseRef, Sending] = {}
        self._registers: dict[EvseRef, tuple[datetime, float]] = {}

    def metered(self, event: Metered) -> tuple[Sending | None, bool]:
        """The limit that is now seen to be kept for the first time, if any, and whether a new plan is worth while."""
        evse = self._outlets.evse(event.evse)
        measured = self._measured(event)
        if evse is None or evse.session is None or event.session_id != evse.session.session_id:
            return None, False
        self._cars.observe_phases(event.evse, evse.session.session_id, event.samples)
        told = self._told(event.evse, evse.session)
        if told is None or measured is None:
            return None, False
        sending, since = told
        limits = self._outlets.limits(event.evse)
        acts_at = since + timedelta(seconds=max(self._ramp_s, reaction_s(limits)))
        self._judge(event, sending, measured, acts_at, evse.session, limits)
        if sending.session_id is None:
            return None, False
        learns = proofs(limits).power and self._learn(sending, evse.session, measured, acts_at)
        return self._first_seen(sending, measured, acts_at), learns

    def _told(self, ref: EvseRef, session: OpenSession) -> tuple[Sending, datetime] | None:
        """What the outlet should keep to: its limit, else its floor, and since when; None: that is not known."""
        if ref in self._answers.in_force:
            return self._answers.in_force[ref]
        floor = self._answers.floors.get(ref)
        if floor is None or not self._answers.at_floor(ref):
            return None
        return floor[0], max(floor[1], session.started_at)

    def _measured(self, event: Metered) -> Measured | None:
        """The newest power, else the mean power between two registers (stations that meter energy alone)."""
        evse = self._outlets.evse(event.evse)
        newest = readings(event.samples)[-1] if event.samples else None
        if evse is None or newest is None:
            return None
        if newest.power_w is not None:
            current = evse.power_at == newest.time
            return Measured(newest.power_w, newest.time, newest.time) if current else None
        if newest.register_wh is None:
            return None
        before = self._registers.get(event.evse)
        passed_s = (newest.time - before[0]).total_seconds() if before is not None else 0.0
        if before is not None and 0 <= passed_s < INTERVAL_MIN_S:
            return None
        self._registers[event.evse] = newest.time, newest.register_wh
        if before is None or passed_s < 0 or newest.register_wh < before[1]:
            return None
        return Measured((newest.register_wh - before[1]) * 3600 / passed_s, before[0], newest.time)

    def _judge(
        self,
        event: Metered,
        sending: Sending,
        measured: Measured,
        acts_at: datetime,
        session: OpenSession,
        limits: Limits,
    ) -> None:
        """What the sample says of the rung on which the limit was told."""
        ref, rung = event.evse, sending.rung
        trial = self._trials.trial(ref, session.session_id, event.at)
        power_w = self._power_w(sending, measured)
        if measured.since < acts_at:
            trial.follower.unsettled(power_w)
            return
        if proofs(limits).offered and self._offered(event, sending, acts_at):
            self._answers.happened(ref.station_id, rung, Happening.SHOWN, "offered value")
        self._follow(ref, trial, sending, power_w, proofs(limits).power)

    def _follow(self, ref: EvseRef, trial: Trial, sending: Sending, power_w: float, may_prove: bool) -> None:
        assert sending.rung is not None
        verdict, rungs = trial.sample(sending.setpoint, sending.rung, power_w)
        if verdict is Verdict.IGNORED:
            self._answers.happened(ref.station_id, sending.rung, Happening.IGNORED, "metered power")
        elif verdict is Verdict.UNMOVED and self._answers.floor_taken(ref):
            self._answers.happened(ref.station_id, sending.rung, Happening.UNMOVED)
        elif verdict is Verdict.SHOWN and may_prove:
            for rung in rungs:
                self._answers.happened(ref.station_id, rung, Happening.SHOWN, "metered power")
        self._answers.sampled(ref)

    def _power_w(self, sending: Sending, measured: Measured) -> float:
        """Where one value holds for several outlets together, what all of them draw."""
        if len(sending.refs) == 1 or sending.each:
            return measured.power_w
        evses = (self._outlets.evse(ref) for ref in sending.refs)
        return sum(evse.power_w or 0.0 for evse in evses if evse is not None)

    def _offered(self, event: Metered, sending: Sending, acts_at: datetime) -> bool:
        evse = self._outlets.evse(event.evse)
        later = [sample for sample in event.samples if sample.time >= acts_at]
        rated_w = evse.rating.power_max_w if evse is not None else 0
        return by_offer(later, sending.setpoint, rated_w) is Verdict.SHOWN

    def _first_seen(self, sending: Sending, measured: Measured, acts_at: datetime) -> Sending | None:
        known = self._seen.get(sending.ref) is sending
        if known or self._power_w(sending, measured) > allowed_w(sending.setpoint) or measured.since < acts_at:
            return None
        self._seen[sending.ref] = sending
        return sending

    def _learn(self, sending: Sending, session: OpenSession, measured: Measured, acts_at: datetime) -> bool:
        settled_at = acts_at + timedelta(seconds=max(CAR_SETTLES_S - self._ramp_s, 0.0))
        if measured.since < settled_at or len(sending.refs) > 1:
            return False
        return self._cars.observe(session.evse, session.session_id, measured.power_w, sending.setpoint, measured.at)
