"""A dispatchable unit (可调机组发电成本函数).

C_g(E) = a E² + b E + c is the cost (money per slot) of generating E (kWh per slot), a >= 0, E_min <= E <= E_max while
committed. Whether the unit runs is given (`committed`), not decided; off, it gives nothing and costs nothing. Source:
the project's founding paper, section 3, as printed in the optimiser's specification, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from optimizer.arrays import BoolArray, FloatArray
from optimizer.models import quadratic


@dataclass(frozen=True, eq=False, slots=True)
class Generator:
    """`a` (money/kWh²), `b` (money/kWh), `c` (money per slot while it runs); limits in kWh per slot.

    `committed`: in which slots it runs, one truth or one per slot. Raises ValueError for a negative `a` or limits in
    the wrong order.
    """

    id: str
    a: float
    b: float
    energy_min_kwh: ArrayLike
    energy_max_kwh: ArrayLike
    c: float = 0.0
    committed: ArrayLike = True

    def __post_init__(self) -> None:
        """Checks; limits are 0 while it is off."""
        low, high = quadratic.checked_limits(f"generator {self.id}", self.a, self.energy_min_kwh, self.energy_max_kwh)
        runs: BoolArray = np.asarray(self.committed, dtype=np.bool_)
        object.__setattr__(self, "committed", runs)
        object.__setattr__(self, "energy_min_kwh", np.where(runs, low, 0.0))
        object.__setattr__(self, "energy_max_kwh", np.where(runs, high, 0.0))

    def cost(self, energy_kwh: FloatArray) -> FloatArray:
        """C_g(E), money per slot; 0 while it is off."""
        return np.where(self.committed, quadratic.value(self.a, self.b, self.c, energy_kwh), 0.0)

    def energy_at(self, price: FloatArray) -> FloatArray:
        """What it gives when a kWh is worth `price`: clip((price − b) / 2a)."""
        return quadratic.energy_at(
            self.a, self.b, price, np.asarray(self.energy_min_kwh), np.asarray(self.energy_max_kwh)
        )
