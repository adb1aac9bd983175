"""A battery (储能资源能量状态转换函数).

E_t = E_{t−1} + η_c P^c_t Δt − P^d_t Δt / η_d, with 0 <= P^c <= P^c_max, 0 <= P^d <= P^d_max, E_min <= E_t <= E_max
and E_T >= E_end (what it began with unless given). P^c and P^d are measured at the meter. Source: the project's
founding paper, section 3; it prints 1/η_s for the discharge, read as η_d. Reference efficiencies 0.95 and 0.95.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.conductors import known_lines

EFFICIENCY = 0.95


@dataclass(frozen=True, slots=True)
class Storage:
    """Energies kWh, powers kW; `energy_end_kwh` None: as much as at the start.

    `wear_per_kwh`: what a kWh discharged costs besides its energy. `feeder`: the feeder it hangs on, empty for the
    site; `lines`: its conductors. `power_min_kw`, `power_step_kw`: the least power other than 0 and the steps of its
    set-points, used when a plan is rounded. Raises ValueError for an energy outside its limits, an efficiency outside
    (0, 1] or unknown lines.
    """

    id: str
    energy_max_kwh: float
    energy_start_kwh: float
    charge_max_kw: float
    discharge_max_kw: float
    energy_min_kwh: float = 0.0
    energy_end_kwh: float | None = None
    charge_efficiency: float = EFFICIENCY
    discharge_efficiency: float = EFFICIENCY
    wear_per_kwh: float = 0.0
    feeder: str = ""
    lines: str = "123"
    power_min_kw: float = 0.0
    power_step_kw: float = 0.0

    def __post_init__(self) -> None:
        """Checks."""
        known_lines(f"storage {self.id}", self.lines)
        for name in ("energy_start_kwh", "energy_end_kwh"):
            value = getattr(self, name)
            if value is not None and not self.energy_min_kwh <= value <= self.energy_max_kwh:
                raise ValueError(f"storage {self.id}: {name} must lie between its least and largest energy")
        for name in ("charge_efficiency", "discharge_efficiency"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"storage {self.id}: {name} must lie above 0 and at most at 1")
        powers = ("charge_max_kw", "discharge_max_kw", "power_min_kw", "power_step_kw")
        for name in ("energy_min_kwh", *powers, "wear_per_kwh"):
            if not 0.0 <= getattr(self, name) < np.inf:
                raise ValueError(f"storage {self.id}: {name} must be a number from 0 up")

    @property
    def end_kwh(self) -> float:
        """The least energy at the end."""
        return self.energy_start_kwh if self.energy_end_kwh is None else self.energy_end_kwh

    def energy_kwh(self, charge_kw: FloatArray, discharge_kw: FloatArray, slot_h: float) -> FloatArray:
        """E_t at the end of every slot."""
        gained = self.charge_efficiency * charge_kw - discharge_kw / self.discharge_efficiency
        return np.asarray(self.energy_start_kwh + np.cumsum(gained) * slot_h)
