"""When a car may be there: scenarios ω of its arrival and departure (资源受控状态随机性函数).

ω = {[a_ω, d_ω), ω = 1 … N}, weights π_ω >= 0 of sum 1. A plan that uses the slots [a, d) only is carried out whole in
every scenario with a_ω <= a and d <= d_ω, so the longest window with Σ π_ω of those >= the confidence asked for is
what the car can be planned in (a chance constraint for arrival and departure together).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from optimizer.arrays import FloatArray, IntArray
from optimizer.models.vehicle import V2gSession
from optimizer.problem import EvSession

Car = TypeVar("Car", EvSession, V2gSession)
ENOUGH = 1e-12


@dataclass(frozen=True, eq=False, slots=True)
class Availability:
    """`arrive`, `depart` [N]: slots of each scenario, [arrive, depart); `weights` [N] of sum 1 (equal when left out).

    Raises ValueError when lengths differ, a car leaves before it comes or a weight is negative.
    """

    arrive: IntArray
    depart: IntArray
    weights: FloatArray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        """Checks, and scales the weights to 1."""
        arrive, depart = (np.array(side, dtype=np.int64) for side in (self.arrive, self.depart))
        weights = np.array(self.weights, dtype=np.float64) if len(self.weights) else np.ones(len(arrive))
        if not arrive.shape == depart.shape == weights.shape or arrive.ndim != 1 or len(arrive) == 0:
            raise ValueError("availability: one arrival, departure and weight per scenario expected")
        if (arrive != self.arrive).any() or (depart != self.depart).any():
            raise ValueError("availability: whole slots expected")
        if (arrive < 0).any() or (depart <= arrive).any():
            raise ValueError("availability: 0 <= arrive < depart expected in every scenario")
        if not (weights >= 0).all() or not 0.0 < weights.sum() < np.inf:
            raise ValueError("availability: weights >= 0 expected")
        for name, value in (("arrive", arrive), ("depart", depart), ("weights", weights / weights.sum())):
            object.__setattr__(self, name, value)

    def presence(self, slots: int) -> FloatArray:
        """Probability that the car is there, per slot [T]."""
        slot = np.arange(slots)
        there = (slot >= self.arrive[:, None]) & (slot < self.depart[:, None])
        return np.asarray(self.weights @ there)

    def window(self, confidence: float) -> tuple[int, int]:
        """The longest [arrive, depart) in which the car is all the time with probability `confidence`, the earliest of
        those; when there is none, the slot in which it is most probably there.
        """
        best = (0, 0)
        for first in np.unique(self.arrive).tolist():
            last = self._departure(self.arrive <= first, confidence)
            if last - first > best[1] - best[0]:
                best = (first, last)
        if best[1] > best[0]:
            return best
        likely = int(np.argmax(self.presence(int(self.depart.max()))))
        return likely, likely + 1

    def _departure(self, come: np.ndarray, confidence: float) -> int:
        """The latest departure that scenarios among those that have `come` reach with the confidence; −1 for none."""
        order = np.argsort(-self.depart, kind="stable")
        reached = np.cumsum(np.where(come, self.weights, 0.0)[order])
        enough = np.flatnonzero(reached >= confidence - ENOUGH)
        return int(self.depart[order[enough[0]]]) if len(enough) else -1

    def narrowed(self, car: Car, confidence: float) -> Car:
        """The car in the part of its window that is sure enough; its own window when nothing of it is."""
        first, last = self.window(confidence)
        first, last = max(first, car.arrival_slot), min(last, car.departure_slot)
        return replace(car, arrival_slot=first, departure_slot=last) if first < last else car
