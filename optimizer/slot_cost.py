"""What a load costs in each slot: any convex function per slot, known by four vectorised questions.

The methods ask nothing else, so generators, flexible loads or scenarios behind the meter are one more class with the
same four answers. Loads are kWh per slot, prices money per kWh.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from optimizer.arrays import FloatArray


class SlotCost(Protocol):
    """A separable convex cost Σ_t f_t(L_t); every argument and answer is an array over all slots [T]."""

    def value(self, load: FloatArray) -> FloatArray:
        """f_t(L_t)."""
        ...

    def price(self, load: FloatArray) -> FloatArray:
        """Marginal cost f_t'(L_t), non-decreasing in the load."""
        ...

    def curvature(self, load: FloatArray) -> FloatArray:
        """f_t''(L_t) >= 0; either side's value at a bend."""
        ...

    def load(self, price: FloatArray) -> FloatArray:
        """A minimiser of f_t(L) − price_t·L, non-decreasing in the price; ±infinity where it is unbounded."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Quadratic:
    """½ w L² + π L per slot, w >= 0: valley filling (w = 1), time-of-use cost (w = 0), or both."""

    weight: FloatArray
    tariff: FloatArray

    def value(self, load: FloatArray) -> FloatArray:
        """½ w L² + π L."""
        return np.asarray((0.5 * self.weight * load + self.tariff) * load, dtype=np.float64)

    def price(self, load: FloatArray) -> FloatArray:
        """w L + π."""
        return np.asarray(self.weight * load + self.tariff, dtype=np.float64)

    def curvature(self, load: FloatArray) -> FloatArray:
        """The weight w."""
        return self.weight

    def load(self, price: FloatArray) -> FloatArray:
        """(price − π) / w; on a linear slot all or nothing."""
        over = price - self.tariff
        all_or_nothing = np.where(over > 0, np.inf, -np.inf)
        return np.divide(over, self.weight, out=all_or_nothing, where=self.weight > 0)


@dataclass(frozen=True, eq=False, slots=True)
class Scaled:
    """The same cost with the energy measured in units of `energy` kWh and prices in units of `money` per kWh."""

    cost: SlotCost
    energy: float
    money: float

    def value(self, load: FloatArray) -> FloatArray:
        """f in units of energy times money."""
        return self.cost.value(load * self.energy) / (self.energy * self.money)

    def price(self, load: FloatArray) -> FloatArray:
        """f' in units of money."""
        return self.cost.price(load * self.energy) / self.money

    def curvature(self, load: FloatArray) -> FloatArray:
        """f'' in units of money per energy."""
        return self.cost.curvature(load * self.energy) * (self.energy / self.money)

    def load(self, price: FloatArray) -> FloatArray:
        """The minimiser in units of energy."""
        return self.cost.load(price * self.money) / self.energy
