"""A car that may also feed back (V2G): a battery that comes, goes, and has to leave with enough.

Its energy follows the formula of `optimizer.models.storage` between arrival and departure. What it lacks at departure
is not forbidden but dear, as for every other car: the higher `priority`, the dearer. Cars that only charge are
`optimizer.problem.EvSession`; they are solved far faster.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.conductors import LINES, known_lines
from optimizer.models.storage import EFFICIENCY


@dataclass(frozen=True, slots=True)
class V2gSession:
    """Window of slots [arrival_slot, departure_slot); energies of its battery in kWh, powers in kW.

    `energy_wanted_kwh` at departure; below `energy_floor_kwh` it is never discharged. `lines`: the conductors that it
    is on, as many as its `phases`, 1, 2 or 3 (left out: the first of them). `power_min_kw` is the least power other
    than 0, used when a plan is rounded. Raises ValueError when these do not fit together.
    """

    id: str
    arrival_slot: int
    departure_slot: int
    energy_start_kwh: float
    energy_wanted_kwh: float
    energy_max_kwh: float
    charge_max_kw: float
    discharge_max_kw: float
    energy_floor_kwh: float = 0.0
    charge_efficiency: float = EFFICIENCY
    discharge_efficiency: float = EFFICIENCY
    wear_per_kwh: float = 0.0
    priority: int = 0
    phases: int = 3
    power_min_kw: float = 0.0
    feeder: str = ""
    lines: str = ""

    def __post_init__(self) -> None:
        """Checks."""
        if not 0 <= self.arrival_slot < self.departure_slot:
            raise ValueError(f"car {self.id}: it must arrive before it leaves")
        if not 0.0 <= self.energy_start_kwh <= self.energy_max_kwh < np.inf:
            raise ValueError(f"car {self.id}: energy_start_kwh must lie between 0 and what the battery holds")
        if not 0.0 <= self.energy_wanted_kwh <= self.energy_max_kwh:
            raise ValueError(f"car {self.id}: energy_wanted_kwh must lie between 0 and what the battery holds")
        if not 0.0 <= self.energy_floor_kwh <= self.energy_max_kwh:
            raise ValueError(f"car {self.id}: energy_floor_kwh must lie between 0 and what the battery holds")
        if self.phases not in (1, 2, 3):
            raise ValueError(f"car {self.id}: 1, 2 or 3 phases, got {self.phases}")
        if not self.lines:
            object.__setattr__(self, "lines", LINES[: self.phases])
        known_lines(f"car {self.id}", self.lines)
        if len(self.lines) != self.phases:
            raise ValueError(f"car {self.id}: lines {self.lines} are not {self.phases} phases")
        for name in ("charge_efficiency", "discharge_efficiency"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"car {self.id}: {name} must lie above 0 and at most at 1")
        for name in ("charge_max_kw", "discharge_max_kw", "wear_per_kwh", "power_min_kw"):
            if not 0.0 <= getattr(self, name) < np.inf:
                raise ValueError(f"car {self.id}: {name} must be a number from 0 up")

    @property
    def floor_kwh(self) -> float:
        """The least energy while it is here: a car that arrives emptier than its floor is charged, not forbidden."""
        return min(self.energy_floor_kwh, self.energy_start_kwh)

    def reachable_kwh(self, slot_h: float) -> float:
        """The most that it can have when it leaves, charging all the time."""
        gain = self.charge_efficiency * self.charge_max_kw * (self.departure_slot - self.arrival_slot) * slot_h
        return min(self.energy_max_kwh, self.energy_start_kwh + gain)
