"""An energy-intensive load that can be moved up and down (高载能资源负荷波动效应函数).

U_d(E) = a E² + b E + c is the cost (money per slot) of running the load at E (kWh per slot), E_min <= E <= E_max,
convex for a >= 0. A benefit enters with its sign changed (`from_benefit`). Source: the project's founding paper,
section 3, as printed in the optimiser's specification, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from optimizer.arrays import FloatArray
from optimizer.models import quadratic


@dataclass(frozen=True, eq=False, slots=True)
class FlexibleLoad:
    """`a` (money/kWh²), `b` (money/kWh), `c` (money) of the cost; limits in kWh per slot, one number or one per slot.

    Raises ValueError for a negative `a` or limits in the wrong order.
    """

    id: str
    a: float
    b: float
    energy_min_kwh: ArrayLike
    energy_max_kwh: ArrayLike
    c: float = 0.0

    def __post_init__(self) -> None:
        """Checks; the limits become arrays."""
        low, high = quadratic.checked_limits(
            f"flexible load {self.id}", self.a, self.energy_min_kwh, self.energy_max_kwh
        )
        object.__setattr__(self, "energy_min_kwh", low)
        object.__setattr__(self, "energy_max_kwh", high)

    @classmethod
    def from_benefit(
        cls, name: str, a: float, b: float, energy_min_kwh: ArrayLike, energy_max_kwh: ArrayLike, c: float = 0.0
    ) -> FlexibleLoad:
        """The load whose benefit is a E² + b E + c with a <= 0."""
        return cls(name, -a, -b, energy_min_kwh, energy_max_kwh, -c)

    def cost(self, energy_kwh: FloatArray) -> FloatArray:
        """U_d(E), money per slot."""
        return quadratic.value(self.a, self.b, self.c, energy_kwh)

    def energy_at(self, price: FloatArray) -> FloatArray:
        """How much it takes when a kWh costs `price`: minimises U_d(E) + price·E, that is clip(−(price + b) / 2a)."""
        return quadratic.energy_at(
            self.a, self.b, -price, np.asarray(self.energy_min_kwh), np.asarray(self.energy_max_kwh)
        )
