"""Which sites together reach the most of what is wanted: maximal covering, exactly and greedily. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_matrix, eye_array, hstack

from monitor.siting.plane import Array, Bools

GAP = 0.001
SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Choice:
    """Rows of chosen candidates by what each adds; the weight they cover, and the most that could be covered."""

    chosen: tuple[int, ...]
    covered: float
    bound: float

    @property
    def gap(self) -> float:
        """By how much the choice may fall short of the best one, as a share."""
        return max(self.bound / self.covered - 1.0, 0.0) if self.covered > 0 else 0.0


def covered(reach: Bools, weight: Array, chosen: tuple[int, ...] | list[int]) -> float:
    """The weight of cells within reach of one that is chosen; `reach` [cells, candidates]."""
    return float(weight[reach[:, list(chosen)].any(axis=1)].sum()) if len(chosen) else 0.0


def greedy(reach: Bools, weight: Array, count: int) -> Choice:
    """One after the other, each time the one that adds most. At least 1 - 1/e of the best, which gives the bound."""
    return _greedy(reach, weight, count, range(reach.shape[1]))


def _greedy(reach: Bools, weight: Array, count: int, allowed: range | list[int]) -> Choice:
    left, chosen = weight.astype(float).copy(), []
    candidates = np.array(allowed, dtype=int)
    for _ in range(min(count, len(candidates))):
        gains = left @ reach[:, candidates]
        best = int(np.argmax(gains))
        if gains[best] <= 0:
            break
        chosen.append(int(candidates[best]))
        left[reach[:, candidates[best]]] = 0.0
    found = covered(reach, weight, chosen)
    return Choice(tuple(chosen), found, min(found / (1.0 - np.exp(-1.0)), float(weight[reach.any(axis=1)].sum())))


def best(reach: Bools, weight: Array, count: int) -> Choice:
    """By a mixed-integer program to a gap of 0.1 % or for a minute; never less than the greedy choice."""
    quick = greedy(reach, weight, count)
    cells = np.flatnonzero((weight > 0) & reach.any(axis=1))
    if not len(cells) or reach.shape[1] <= count:
        return quick
    sites, wanted = reach.shape[1], len(cells)
    gain = np.concatenate([np.zeros(sites), weight[cells] / weight[cells].sum()])
    met = hstack([-csr_matrix(reach[cells].astype(float)), eye_array(wanted)], format="csr")
    number = csr_matrix(np.concatenate([np.ones(sites), np.zeros(wanted)]))
    found = milp(
        -gain,
        constraints=[LinearConstraint(met, -np.inf, 0.0), LinearConstraint(number, -np.inf, float(count))],
        integrality=np.concatenate([np.ones(sites), np.zeros(wanted)]),
        bounds=Bounds(0.0, 1.0),
        options={"mip_rel_gap": GAP, "time_limit": SECONDS_MAX},
    )
    if found.x is None:
        return quick
    total = float(weight[cells].sum())
    bound = min(-float(found.mip_dual_bound) * total, quick.bound)
    exact = _greedy(reach, weight, count, [int(row) for row in np.flatnonzero(found.x[:sites] > 0.5)])
    winner = exact if exact.covered >= quick.covered else quick
    return Choice(winner.chosen, winner.covered, max(bound, winner.covered))
