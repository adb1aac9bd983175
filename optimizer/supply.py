"""What a site's load costs when several sources share it: grid, sale, generators, sun, and loads that give way.

f_t(L) = min { Σ_p ½ q_p s_p² + b_p s_p : Σ_p s_p = L, low_p <= s_p <= high_p } (infimal convolution). At the
marginal price ν every source gives s_p(ν) = clip((ν − b_p) / q_p, low_p, high_p); their sum rises with ν and has two
corners per source. Sorted, and read with the axes exchanged, it is the marginal price of the load: a
`optimizer.polyline.Polyline`. Energies kWh per slot, prices money per kWh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from optimizer.arrays import BoolArray, FloatArray
from optimizer.models.flexible_load import FlexibleLoad
from optimizer.models.generator import Generator
from optimizer.polyline import Polyline, from_corners

SAME_PRICE = 1e-12
TINY = 1e-300


@dataclass(frozen=True, eq=False, slots=True)
class Source:
    """½ `curvature` s² + `price` s + `fixed` for s kWh in a slot between the limits; one number or one per slot.

    `high` (of the dearest) and `low` (of the cheapest source) may be infinite.
    """

    id: str
    price: ArrayLike
    curvature: ArrayLike = 0.0
    low: ArrayLike = 0.0
    high: ArrayLike = np.inf
    fixed: ArrayLike = 0.0


def generator_source(unit: Generator) -> Source:
    """C_g with q = 2a."""
    fixed = np.where(np.asarray(unit.committed), unit.c, 0.0)
    return Source(unit.id, unit.b, 2.0 * unit.a, unit.energy_min_kwh, unit.energy_max_kwh, fixed)


def flexible_source(load: FlexibleLoad) -> Source:
    """A load of d is a supply of −d at the cost U_d(d)."""
    low, high = -np.asarray(load.energy_max_kwh), -np.asarray(load.energy_min_kwh)
    return Source(load.id, -load.b, 2.0 * load.a, low, high, load.c)


@dataclass(frozen=True, eq=False, slots=True)
class Supply:
    """Sources in arrays [P, T] and the cost of what they give together."""

    ids: tuple[str, ...]
    price: FloatArray
    curvature: FloatArray
    low: FloatArray
    high: FloatArray
    fixed: FloatArray
    cost: Polyline

    def dispatch(self, load: FloatArray) -> FloatArray:
        """What every source gives [P, T] for a load [T]; sources of one price share what they give there."""
        price = self.cost.price(load)
        margin = SAME_PRICE * np.maximum(1.0, np.abs(price))
        ends = sum(np.where(np.isfinite(side), np.abs(side), 0.0).sum(axis=0) for side in (self.low, self.high))
        reach = np.abs(load) + 1.0 + ends
        below, above = self._given(price - margin, reach), self._given(price + margin, reach)
        least, most = below.sum(axis=0), above.sum(axis=0)
        width = np.where(most > least, most - least, 1.0)
        given = below + np.clip((load - least) / width, 0.0, 1.0) * (above - below)
        # What rounding leaves goes to the source with most room, usually the grid.
        given[np.argmax(self.high - self.low, axis=0), np.arange(len(load))] += load - given.sum(axis=0)
        return np.asarray(given, dtype=np.float64)

    def _given(self, price: FloatArray, reach: FloatArray) -> FloatArray:
        """What every source gives at a price, `reach`, more than all can give that have a limit, standing for none."""
        over = price - self.price
        wanted = np.divide(over, self.curvature, out=np.copysign(np.inf, over), where=self.curvature > 0)
        return np.asarray(np.clip(wanted, np.maximum(self.low, -reach), np.minimum(self.high, reach)))

    def costs(self, given: FloatArray) -> FloatArray:
        """Money per source and slot [P, T]."""
        return np.asarray((0.5 * self.curvature * given + self.price) * given + self.fixed)


def supply(sources: Sequence[Source], slots: int) -> Supply:
    """Sources as one cost; ValueError unless every load can be met (some source without a limit upwards, one without
    downwards) and every source is convex.
    """
    tables = [_table([getattr(s, name) for s in sources], slots) for name in ("price", "curvature", "low", "high")]
    price, curvature, low, high = tables
    fixed = _table([s.fixed for s in sources], slots)
    if (curvature < 0).any() or (low > high).any() or not np.isfinite(price).all():
        raise ValueError("sources: finite prices, curvatures >= 0 and limits in order expected")
    if not np.isinf(high).any(axis=0).all() or not np.isinf(low).any(axis=0).all():
        raise ValueError("sources: in every slot one without upper and one without lower limit expected")
    cost = _inverted(price, curvature, low, high, fixed)
    return Supply(tuple(s.id for s in sources), price, curvature, low, high, fixed, cost)


def _table(rows: list[ArrayLike], slots: int) -> FloatArray:
    return np.stack([np.broadcast_to(np.asarray(row, dtype=np.float64), (slots,)) for row in rows])


def _inverted(
    price: FloatArray, curvature: FloatArray, low: FloatArray, high: FloatArray, fixed: FloatArray
) -> Polyline:
    """The price of the load: the corners of all sources in the order of their prices.

    A source of one price without a limit ends the line: nothing is ever dearer (or, downwards, cheaper).
    """
    linear = curvature == 0
    dearest = np.min(np.where(linear & np.isposinf(high), price, np.inf), axis=0)
    cheapest = np.max(np.where(linear & np.isneginf(low), price, -np.inf), axis=0)
    begin = price + curvature * np.where(np.isfinite(low), low, 0.0)
    end = price + curvature * np.where(np.isfinite(high), high, 0.0)
    at = np.sort(np.clip(np.concatenate([begin, end]), cheapest, dearest), axis=0)
    left, right = (_given_at(at, price, curvature, low, high, side) for side in ("left", "right"))
    loads = np.stack([left.sum(axis=1), right.sum(axis=1)], axis=1).reshape(-1, at.shape[1])
    first = left[0]
    value = ((0.5 * curvature * first + price) * first + fixed).sum(axis=0)
    return from_corners(
        np.maximum.accumulate(loads.T, axis=1),
        np.repeat(at.T, 2, axis=1),
        value,
        _end_slope(cheapest, curvature, np.isneginf(low)),
        _end_slope(dearest, curvature, np.isposinf(high)),
    )


def _given_at(
    at: FloatArray, price: FloatArray, curvature: FloatArray, low: FloatArray, high: FloatArray, side: str
) -> FloatArray:
    """What every source gives [corners, P, T] just below or just above the prices `at` [corners, T]; 0 where it has
    no limit.
    """
    over = at[:, None, :] - price
    gives = over > 0 if side == "left" else over >= 0
    some = np.where(np.isfinite(low), low, np.minimum(0.0, high))
    full = np.where(np.isfinite(high), high, np.maximum(0.0, low))
    steady = np.where(gives, full, some)
    wanted = np.divide(over, curvature, out=np.zeros_like(over), where=curvature > 0)
    return np.where(curvature > 0, np.clip(wanted, low, high), steady)


def _end_slope(last: FloatArray, curvature: FloatArray, endless: BoolArray) -> FloatArray:
    """How fast the price goes on behind the last corner: not at all where one source gives endlessly at one price."""
    gives = np.where(endless & (curvature > 0), 1.0 / np.where(curvature > 0, curvature, 1.0), 0.0).sum(axis=0)
    return np.where(np.isfinite(last), 0.0, 1.0 / np.maximum(gives, TINY))
