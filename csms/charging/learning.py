"""What metering tells of a car: its own maximum (or taper), the phases it uses, whether it has stopped drawing.

A car that stays well under its limit for a while gets no more room than it uses and a little on top; one that takes all
that it is offered is offered more again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from csms.charging.discretise import Setpoint
from csms.charging.lines import NOMINAL_V
from csms.model.ids import EvseRef
from csms.model.meter import CURRENT_IMPORT, Sample
from csms.model.station import CurrentKind

MARGIN = 1.05
MARGIN_W = 200.0
BINDING = 0.93
"""From this share of the limit on, the limit is taken to be what holds the car back."""
MORE = 1.03
IDLE_W = 100.0
PHASE_ACTIVE_A = 1.0


@dataclass(slots=True)
class Car:
    """The car of one session. None: not known yet. `slack_since`: since when it has drawn less than it was offered."""

    session_id: int
    power_max_w: float | None = None
    phases: int | None = None
    slack_since: datetime | None = None
    idle: bool = False
    seen_phases: dict[int, float] = field(default_factory=dict)


class Cars:
    """All cars that charge now. `patience_s`: how long a car must stay under its limit to be believed."""

    def __init__(self, patience_s: float = 60.0) -> None:
        self._patience = timedelta(seconds=patience_s)
        self._cars: dict[EvseRef, Car] = {}

    def car(self, ref: EvseRef, session_id: int) -> Car:
        """What is known of the car of this session; another session starts anew."""
        known = self._cars.get(ref)
        if known is None or known.session_id != session_id:
            known = self._cars[ref] = Car(session_id)
        return known

    def forget(self, ref: EvseRef) -> None:
        """The session has ended."""
        self._cars.pop(ref, None)

    def observe(self, ref: EvseRef, session_id: int, power_w: float, told: Setpoint, at: datetime) -> bool:
        """A power measured while `told` had been in force for a while; True when a new plan would use what it says."""
        car = self.car(ref, session_id)
        before = (car.power_max_w, car.idle)
        if told.value_w > 0 and not self._binding(car, power_w, told):
            self._slack(car, power_w, at)
        elif told.value_w > 0:
            _bound(car, power_w, told)
        return _worth_planning(before, (car.power_max_w, car.idle), told)

    def observe_phases(self, ref: EvseRef, session_id: int, samples: Iterable[Sample]) -> None:
        """Currents by phase tell on how many phases the car charges."""
        active = {s.phase[:2]: s.value for s in samples if s.measurand == CURRENT_IMPORT and s.phase[:2] in PHASES}
        used = sum(value > PHASE_ACTIVE_A for value in active.values())
        if used and len(active) == len(PHASES):
            self.car(ref, session_id).phases = used

    def _binding(self, car: Car, power_w: float, told: Setpoint) -> bool:
        """Whether the limit holds the car back; an AC car on fewer phases reaches only its share of the limit."""
        if told.kind is CurrentKind.DC:
            return power_w >= BINDING * told.value_w
        if car.phases is not None:
            return power_w >= BINDING * told.limit_a * NOMINAL_V * min(car.phases, told.phases)
        for phases in range(1, told.phases + 1):
            reach_w = told.limit_a * NOMINAL_V * phases
            if BINDING * reach_w <= power_w <= (2 - BINDING) * reach_w:
                _count_phases(car, phases, told.limit_a)
                return True
        return False

    def _slack(self, car: Car, power_w: float, at: datetime) -> None:
        car.slack_since = car.slack_since or at
        if at - car.slack_since < self._patience:
            return
        car.power_max_w = max(power_w, 0.0) * MARGIN + MARGIN_W
        car.idle = power_w < IDLE_W


PHASES = ("L1", "L2", "L3")
TWO_LIMITS_A = 1.5


def _count_phases(car: Car, phases: int, limit_a: float) -> None:
    """The same number of phases at two clearly different limits is no coincidence."""
    first_a = car.seen_phases.setdefault(phases, limit_a)
    if abs(first_a - limit_a) >= TWO_LIMITS_A:
        car.phases = phases


def _bound(car: Car, power_w: float, told: Setpoint) -> None:
    """Held by the limit: offer more again, but only where the car takes clearly more than it was learned to take."""
    car.slack_since, car.idle = None, False
    if car.power_max_w is not None and power_w > MORE * (car.power_max_w - MARGIN_W) / MARGIN:
        car.power_max_w = None if told.value_w > car.power_max_w * 1.5 else max(car.power_max_w, told.value_w * 1.5)


def _worth_planning(before: tuple[float | None, bool], after: tuple[float | None, bool], told: Setpoint) -> bool:
    """Whether a tenth of the limit or more changes hands."""
    if before[1] != after[1] or (before[0] is None) != (after[0] is None):
        return True
    if before[0] is None or after[0] is None:
        return False
    return abs(before[0] - after[0]) >= 0.1 * max(told.value_w, 1)
