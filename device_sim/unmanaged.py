"""The same timetable through the physics alone: no central system, every car at full power from the moment it comes.

The energy that a session gets here is the most of its wish that pile, car and stay allow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from device_sim.assign import Assignment
from device_sim.pile import Pile, PileSpec
from device_sim.sessions import Visit

STEP_S = 60.0


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """`power_w[i]`: mean power of all piles in the `step_s` seconds from `start + i * step_s`."""

    start: datetime
    step_s: float
    power_w: NDArray[np.float64]
    energy_by_session_wh: dict[str, float]

    @property
    def peak_w(self) -> float:
        """The highest mean over a step."""
        return float(self.power_w.max()) if self.power_w.size else 0.0

    @property
    def energy_wh(self) -> float:
        """All sessions together."""
        return sum(self.energy_by_session_wh.values())


def unmanaged(assignment: Assignment, piles: Sequence[PileSpec], start: datetime, hours: float = 24.0) -> Unmanaged:
    """Simulate `hours` from `start`; what is before or after does not count for the curve, but for the energies."""
    power_w = np.zeros(math.ceil(hours * 3600.0 / STEP_S))
    energy: dict[str, float] = {}
    for spec in piles:
        for visit in assignment.visits.get(spec.station_id, ()):
            energy[visit.session.session_id] = _add(power_w, start.timestamp(), spec, visit)
    return Unmanaged(start.astimezone(UTC), STEP_S, power_w, energy)


def _add(power_w: NDArray[np.float64], start_s: float, spec: PileSpec, visit: Visit) -> float:
    """Add one stay to the curve; the energy it took."""
    pile = Pile(spec, visit.session.arrival_s, reaction_s=0.0)
    pile.plug(visit.car)
    pile.close(pile.at_s)
    while pile.at_s < visit.session.departure_s and not (pile.satisfied and pile.power_w == 0.0):
        index = math.floor((pile.at_s - start_s) / STEP_S)
        before_wh = pile.register_wh
        pile.advance(min(visit.session.departure_s, start_s + (index + 1) * STEP_S))
        if 0 <= index < power_w.size:
            power_w[index] += (pile.register_wh - before_wh) * 3600.0 / STEP_S
    return pile.register_wh
