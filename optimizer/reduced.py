"""A problem without the parts that decide themselves, scaled, in the sparse form that the methods work on.

Left out: sessions that want nothing or have no slot with room, slots without room. Every session gets one dummy
column for energy not served, so that a strictly interior point always exists. Entries are sorted by session; the
dummy is the last entry of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.objective import marginal_cost, quantities, unserved_price, usable_room
from optimizer.problem import FloatArray, Problem

IntArray = NDArray[np.int64]

# Room in slots whose cap cannot bind, as a multiple of what the sessions can take: keeps the slack strictly positive
# and well scaled.
FREE_ROOM = 1.2


@dataclass(frozen=True, eq=False, slots=True)
class Reduced:
    """min Σ_t (½ weight y² + slope y) + Σ cost·x over entries 0 <= x <= upper, row sums = energy, column sums y <=
    room.

    `rows`, `cols` place the entries; column `columns` is the dummy. One unit of x is `energy_scale` kWh, one of price
    `price_scale`.
    """

    sessions: IntArray
    slots: IntArray
    rows: IntArray
    cols: IntArray
    starts: IntArray
    upper: FloatArray
    cost: FloatArray
    energy: FloatArray
    room: FloatArray
    slope: FloatArray
    weight: FloatArray
    energy_scale: float
    price_scale: float

    @property
    def columns(self) -> int:
        """Number of slots kept."""
        return len(self.slots)

    def row_sum(self, values: FloatArray) -> FloatArray:
        """Sum per session."""
        return np.add.reduceat(values, self.starts)

    def column_sum(self, values: FloatArray) -> FloatArray:
        """Sum per slot, the dummy left out."""
        return np.asarray(np.bincount(self.cols, values, self.columns + 1)[: self.columns], dtype=np.float64)

    def at_entries(self, price: FloatArray) -> FloatArray:
        """A value per slot, repeated at the entries; 0 at the dummies."""
        return np.asarray(np.append(price, 0.0)[self.cols], dtype=np.float64)


def reduce_problem(problem: Problem) -> Reduced | None:
    """The reduced problem, or None when nothing is left to decide."""
    q = quantities(problem)
    room = usable_room(problem, q)
    live = q.window & (room > 0)
    sessions = np.flatnonzero((q.energy > 0) & live.any(axis=1))
    slots = np.flatnonzero(live[sessions].any(axis=0))
    if len(sessions) == 0:
        return None
    mask = np.column_stack([live[np.ix_(sessions, slots)], np.ones(len(sessions), dtype=np.bool_)])
    rows, cols = (part.astype(np.int64) for part in np.nonzero(mask))
    dummy = cols == len(slots)
    rate, energy = q.rate[sessions], q.energy[sessions]
    energy_scale = float(rate.max())
    top = np.minimum(FREE_ROOM * (rate[:, None] * mask[:, :-1]).sum(axis=0), room[slots])
    slope = marginal_cost(q, np.zeros(problem.slots))[slots]
    price_scale = float(np.max(np.abs(np.concatenate([slope, slope + q.weight[slots] * top])))) or 1.0
    return Reduced(
        sessions=sessions,
        slots=slots,
        rows=rows,
        cols=cols,
        starts=np.flatnonzero(np.diff(rows, prepend=-1)).astype(np.int64),
        upper=np.where(dummy, 2.0 * energy[rows], rate[rows]) / energy_scale,
        cost=np.where(dummy, unserved_price(problem)[sessions][rows], 0.0) / price_scale,
        energy=energy / energy_scale,
        room=top / energy_scale,
        slope=slope / price_scale,
        weight=q.weight[slots] * energy_scale / price_scale,
        energy_scale=energy_scale,
        price_scale=price_scale,
    )


def expand_energy(problem: Problem, reduced: Reduced, x: FloatArray) -> FloatArray:
    """Entries back to a table [N, T] in kWh per slot."""
    table = np.zeros((len(problem.sessions), problem.slots))
    kept = reduced.cols < reduced.columns
    table[reduced.sessions[reduced.rows[kept]], reduced.slots[reduced.cols[kept]]] = x[kept] * reduced.energy_scale
    return table


def default_prices(problem: Problem) -> FloatArray:
    """Slot prices where no method set any: the marginal cost of the base load, or too dear for every session where
    there is no room.
    """
    q = quantities(problem)
    base = marginal_cost(q, np.zeros(problem.slots))
    closed = q.window.any(axis=0) & (usable_room(problem, q) <= 0)
    return np.where(closed, np.maximum(base, np.max(unserved_price(problem), initial=0.0)), base)


def expand_price(problem: Problem, reduced: Reduced, price: FloatArray) -> FloatArray:
    """Prices of the kept slots put among the default ones."""
    prices = default_prices(problem)
    prices[reduced.slots] = price * reduced.price_scale
    return prices
