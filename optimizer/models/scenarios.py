"""What may come: scenarios ω of uncontrolled net load, PV or availability (资源受控状态随机性函数).

ω = {P_t|ω, ω = 1 … N}, weights π_ω >= 0 of sum 1 (1/N unless given). Reduction by fast forward selection (H. Heitsch
and W. Römisch, Scenario reduction algorithms in stochastic programming, Computational Optimization and Applications
24, 2003): the scenario that lowers the transport distance most is kept next, dropped ones hand their weight to the
nearest kept one. All random draws come from a seed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from optimizer.arrays import FloatArray, IntArray


@dataclass(frozen=True, eq=False, slots=True)
class ScenarioSet:
    """`values` [N, T] in any one unit, `weights` [N] of sum 1 (equal when left out)."""

    values: FloatArray
    weights: FloatArray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        """Raises ValueError unless there is a table of numbers with a weight >= 0 per row; scales weights to 1."""
        values = np.array(self.values, dtype=np.float64)
        if values.ndim != 2 or values.size == 0 or not np.isfinite(values).all():
            raise ValueError("scenarios: a table of numbers, one row per scenario, expected")
        weights = np.array(self.weights, dtype=np.float64) if len(self.weights) else np.ones(len(values))
        if weights.shape != (len(values),) or not (weights >= 0).all() or not 0.0 < weights.sum() < np.inf:
            raise ValueError("scenarios: one weight >= 0 per scenario expected")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "weights", weights / weights.sum())

    @property
    def count(self) -> int:
        """Number of scenarios N."""
        return len(self.weights)

    def mean(self) -> FloatArray:
        """Σ π_ω P_t|ω."""
        return np.asarray(self.weights @ self.values, dtype=np.float64)

    def quantile(self, share: float) -> FloatArray:
        """Per slot the least value that is not exceeded with probability `share`."""
        order = np.argsort(self.values, axis=0, kind="stable")
        reached = np.cumsum(self.weights[order], axis=0)
        first = np.argmax(reached >= min(share, 1.0) - 1e-12, axis=0)
        slots = np.arange(self.values.shape[1])
        return np.asarray(self.values[order[first, slots], slots])

    def reduced(self, count: int) -> ScenarioSet:
        """The `count` scenarios that stand for all with the least transport distance, found one after the other."""
        if count >= self.count:
            return self
        distance = np.sqrt(np.maximum(_squared_distances(self.values), 0.0))
        kept: list[int] = []
        nearest = np.full(self.count, np.inf)
        for _ in range(max(count, 1)):
            cost = self.weights @ np.minimum(distance, nearest[:, None])
            cost[kept] = np.inf
            kept.append(int(np.argmin(cost)))
            nearest = np.minimum(nearest, distance[:, kept[-1]])
        heir = np.argmin(distance[:, kept], axis=1)
        weights = np.bincount(heir, self.weights, len(kept))
        return ScenarioSet(self.values[kept], np.asarray(weights, dtype=np.float64))

    @classmethod
    def around(
        cls, forecast: ArrayLike, deviation: ArrayLike, count: int, seed: int = 0, persistence: float = 0.9
    ) -> ScenarioSet:
        """Normal errors of standard `deviation` around a forecast [T], lasting from slot to slot (autoregressive)."""
        mean = np.asarray(forecast, dtype=np.float64)
        noise = np.random.default_rng(seed).standard_normal((count, len(mean)))
        fresh = np.sqrt(1.0 - persistence**2)
        for slot in range(1, len(mean)):
            noise[:, slot] = persistence * noise[:, slot - 1] + fresh * noise[:, slot]
        return cls(mean + np.asarray(deviation) * noise)

    @classmethod
    def drawn(cls, history: FloatArray, count: int, seed: int = 0) -> ScenarioSet:
        """Days drawn from past days [D, T], the same day never twice in a row of D draws."""
        rng = np.random.default_rng(seed)
        rounds = -(-count // len(history))
        picked: IntArray = np.concatenate([rng.permutation(len(history)) for _ in range(rounds)])[:count]
        return cls(np.asarray(history)[picked])


def _squared_distances(values: FloatArray) -> FloatArray:
    """Between all rows; differences from the mean row keep the sums from cancelling."""
    centred = values - values.mean(axis=0)
    square = np.einsum("ij,ij->i", centred, centred)
    found = square[:, None] + square - 2.0 * centred @ centred.T
    np.fill_diagonal(found, 0.0)
    return np.asarray(found)
