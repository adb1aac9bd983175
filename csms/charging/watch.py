"""Metering against what was commanded: is a limit seen to act (SR-08), and what does the car really take?"""

from __future__ import annotations

from datetime import datetime, timedelta

from csms.charging.dispatcher import Dispatcher
from csms.charging.floors import NOMINAL_V
from csms.charging.journal import Sending
from csms.charging.learning import Cars
from csms.charging.outlets import Outlets
from csms.charging.settings import ChargingSettings
from csms.model.event import Metered
from csms.model.ids import EvseRef

SEEN_FACTOR = 1.05
SEEN_MARGIN_W = NOMINAL_V
"""One ampere (grid-limits B6)."""
CAR_SETTLES_S = 30.0
"""A car may take this long to come up to a new limit; before that its power says nothing of its own maximum."""


class Watch:
    """Looks at every metered value; remembers which profile of each outlet was seen last."""

    def __init__(self, dispatcher: Dispatcher, outlets: Outlets, cars: Cars, settings: ChargingSettings) -> None:
        self._dispatcher, self._outlets, self._cars = dispatcher, outlets, cars
        self._ramp = timedelta(seconds=settings.ramp_s)
        self._seen: dict[EvseRef, Sending] = {}

    def metered(self, event: Metered) -> tuple[Sending | None, bool]:
        """The profile that is now seen to act for the first time, if any, and whether a new plan is worth while."""
        evse = self._outlets.evse(event.evse)
        in_force = self._dispatcher.in_force.get(event.evse)
        if evse is None or evse.session is None or in_force is None or event.session_id != evse.session.session_id:
            return None, False
        sending, since = in_force
        self._cars.observe_phases(event.evse, evse.session.session_id, event.samples)
        if evse.power_w is None or evse.power_at not in {sample.time for sample in event.samples}:
            return None, False
        return self._first_seen(sending, evse.power_w, evse.power_at, since), self._learn(
            sending, evse.session.session_id, evse.power_w, evse.power_at, since
        )

    def _first_seen(self, sending: Sending, power_w: float, at: datetime, since: datetime) -> Sending | None:
        known = self._seen.get(sending.ref) is sending
        kept = power_w <= sending.setpoint.value_w * SEEN_FACTOR + SEEN_MARGIN_W * sending.setpoint.phases
        if known or not kept or at < since + self._ramp:
            return None
        self._seen[sending.ref] = sending
        return sending

    def _learn(self, sending: Sending, session_id: int, power_w: float, at: datetime, since: datetime) -> bool:
        if at < since + max(self._ramp, timedelta(seconds=CAR_SETTLES_S)):
            return False
        return self._cars.observe(sending.ref, session_id, power_w, sending.setpoint, at)
