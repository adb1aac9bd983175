"""Who goes short when the caps are too low for all: rules, as prices of unserved energy.

Priority: a higher class is served as if it were alone, within a class the most energy is served. Earliest departure:
in each class who leaves first comes first. Equal share: within a class everybody gets the same part of what it wants as
far as the caps make cars compete. There a kWh less costs the more the larger the part is that a car already goes
without, β u + ½ b u² with b = Δ / energy: what all caps together can serve is a polymatroid, and on it every strictly
convex cost of the unserved parts has the same minimiser, the fairest there is (Fujishige, 1980).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np

from optimizer.arrays import FloatArray, IntArray
from optimizer.instance import Instance

Fairness: TypeAlias = Literal["priority", "earliest departure", "equal share"]
FAIRNESS: tuple[Fairness, ...] = ("priority", "earliest departure", "equal share")
STEEP = 30.0
"""So many times the spread of slot prices the last kWh of a car is dearer than its first: shares of those who compete
differ by 1/30 at most for the sake of cheaper slots.
"""


def classes(priority: IntArray, depart: IntArray, rule: Fairness) -> IntArray:
    """Classes [N], higher ones first served."""
    if rule != "earliest departure":
        return priority
    order = np.unique(np.stack([priority, -depart]), axis=1, return_inverse=True)[1]
    return np.asarray(order, dtype=np.int64).ravel()


def with_equal_share(instance: Instance, priority: IntArray) -> Instance:
    """The instance with unserved prices that rise; classes stay strictly apart."""
    if not len(priority):
        return instance
    lowest = float(instance.unserved.min())
    _, rank = np.unique(priority, return_inverse=True)
    rise = STEEP * lowest
    bend: FloatArray = np.divide(rise, instance.energy, out=np.zeros_like(instance.energy), where=instance.energy > 0)
    dear = np.asarray(lowest + (rise + lowest) * rank, dtype=np.float64)
    return replace(instance, unserved=dear, bend=bend)
