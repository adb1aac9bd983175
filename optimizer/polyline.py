"""A convex slot cost whose marginal price is a rising line with corners, flat stretches and jumps.

Every site of generators, flexible loads, grid prices, sales and scenarios comes down to this one shape, so what costs
time is done once, when it is built; the methods ask it no more than a search and a few products per slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.arrays import BoolArray, FloatArray, IntArray
from optimizer.slot_cost import SlotCost

TINY = 1e-300
JUMP_MIN = 1e-9
STEEP = 1e12
"""Curvature that stands for a jump of the price."""
SAME_LOAD = 1e-9
"""Corners nearer to each other than this, relative to the largest, are one load: their slope would drown the sums."""


@dataclass(frozen=True, eq=False, slots=True)
class Polyline:
    """Corners (`loads`, `prices`) [T, K], both non-decreasing; `values` [T, K] of the cost there.

    Beyond the corners the price goes on with the slopes `below` and `above` [T]. Two corners with one load are a jump
    of the price, two with one price a flat stretch.
    """

    loads: FloatArray
    prices: FloatArray
    values: FloatArray
    below: FloatArray
    above: FloatArray

    def value(self, load: FloatArray) -> FloatArray:
        """The cost: half the sum of the prices at both ends of what lies beyond the corner, times its length."""
        corner, first = self._corner(self.loads, load)
        beyond = load - _pick(self.loads, corner)
        slope = self._slope(corner, first)
        return np.asarray(
            _pick(self.values, corner) + (_pick(self.prices, corner) + 0.5 * slope * beyond) * beyond, dtype=np.float64
        )

    def price(self, load: FloatArray) -> FloatArray:
        """The marginal price; at a jump that of the next kWh more."""
        corner, first = self._corner(self.loads, load)
        beyond = load - _pick(self.loads, corner)
        return np.asarray(_pick(self.prices, corner) + self._slope(corner, first) * beyond, dtype=np.float64)

    def curvature(self, load: FloatArray) -> FloatArray:
        """The slope of the price to the right."""
        return self._slope(*self._corner(self.loads, load))

    def load(self, price: FloatArray) -> FloatArray:
        """A load at which the price is met."""
        corner, first = self._corner(self.prices, price)
        over = price - _pick(self.prices, corner)
        slope = self._slope(corner, first)
        endless = np.where(over == 0.0, 0.0, np.copysign(np.inf, over))
        return np.asarray(
            _pick(self.loads, corner) + np.divide(over, slope, out=endless, where=slope > 0), dtype=np.float64
        )

    def _corner(self, axis: FloatArray, at: FloatArray) -> tuple[IntArray, FloatArray]:
        """The last corner not beyond `at`, the first one for all that lies before it, and whether that is so."""
        passed = np.count_nonzero(axis <= at[:, None], axis=1)
        return np.maximum(passed - 1, 0), (passed == 0).astype(np.float64)

    def _slope(self, corner: IntArray, first: FloatArray) -> FloatArray:
        """Of the stretch to the right of a corner, or to the left of the first."""
        last = self.loads.shape[1] - 1
        following = np.minimum(corner + 1, last)
        width = _pick(self.loads, following) - _pick(self.loads, corner)
        rise = _pick(self.prices, following) - _pick(self.prices, corner)
        inner = np.minimum(rise / np.maximum(width, TINY), STEEP)
        slope = np.where(corner < last, inner, self.above)
        return np.where(first > 0, self.below, slope)


def _pick(table: FloatArray, column: IntArray) -> FloatArray:
    return np.asarray(table[np.arange(len(table)), column])


def from_corners(
    loads: FloatArray, prices: FloatArray, first_value: FloatArray, below: FloatArray, above: FloatArray
) -> Polyline:
    """The cost with these corners and the value `first_value` [T] at the first of them."""
    area = 0.5 * np.diff(loads, axis=1) * (prices[:, 1:] + prices[:, :-1])
    values = first_value[:, None] + np.concatenate([np.zeros((len(loads), 1)), np.cumsum(area, axis=1)], axis=1)
    return Polyline(loads, prices, values, below, above)


@dataclass(frozen=True, eq=False, slots=True)
class PriceJumps:
    """In `slot`, from the load `at` on, a kWh costs `height` more."""

    slot: IntArray
    at: FloatArray
    height: FloatArray


def without_jumps(cost: SlotCost) -> tuple[SlotCost, PriceJumps]:
    """The cost without the jumps of its price, and these; a cost that is no polyline has none."""
    if not isinstance(cost, Polyline):
        return cost, PriceJumps(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))
    width, rise = np.diff(cost.loads, axis=1), np.diff(cost.prices, axis=1)
    steps = np.where(_stands(cost, width), rise, 0.0)
    slot, corner = np.nonzero(steps > JUMP_MIN * (1.0 + np.abs(cost.prices).max()))
    jumps = PriceJumps(slot, cost.loads[slot, corner + 1], steps[slot, corner])
    kept = np.zeros_like(steps)
    kept[slot, corner] = jumps.height
    prices = cost.prices.copy()
    prices[:, 1:] -= np.cumsum(kept, axis=1)
    return from_corners(cost.loads, prices, cost.values[:, 0], cost.below, cost.above), jumps


def _stands(cost: Polyline, width: FloatArray) -> BoolArray:
    return np.asarray(width <= SAME_LOAD * (1.0 + np.abs(cost.loads).max()))


def expected(costs: Sequence[Polyline], extra: FloatArray, weights: FloatArray) -> Polyline:
    """The mean over scenarios of the cost of the load plus `extra` [N, T], with `weights` [N] of sum 1.

    One cost stands for all scenarios, or there is one for each, with equally many corners.

    As large as the scenarios have corners together, whatever stands behind them: its evaluation does not grow with
    the number of cars, and hardly with that of scenarios.
    """
    parts = [_bends(cost) for cost in costs]
    bends, jumps = (np.stack([part[side] for part in parts], axis=1) for side in (0, 1))
    shape = (len(bends), len(weights), bends.shape[2])
    share = weights[:, None]
    at = (np.stack([cost.loads for cost in costs], axis=1) - extra.T[:, :, None]).reshape(shape[0], -1)
    bend, jump = (np.broadcast_to(share * table, shape).reshape(shape[0], -1) for table in (bends, jumps))
    order = np.argsort(at, axis=1, kind="stable")
    at, bend, jump = (np.take_along_axis(table, order, axis=1) for table in (at, bend, jump))
    each = costs if len(costs) > 1 else [costs[0]] * len(weights)
    below, above = (weights @ np.stack([getattr(cost, side) for cost in each]) for side in ("below", "above"))
    begin = at[:, 0]
    climbs = np.diff(at, axis=1) * (below[:, None] + np.cumsum(bend, axis=1))[:, :-1]
    price, value = _before(each, begin, extra, weights)
    right = price[:, None] + np.cumsum(jump, axis=1)
    right[:, 1:] += np.cumsum(climbs, axis=1)
    if jump.any():
        at = np.repeat(at, 2, axis=1)
        right = np.stack([right - jump, right], axis=2).reshape(shape[0], -1)
    right = np.maximum.accumulate(right, axis=1)
    return from_corners(at, right, value, below, above)


def _bends(cost: Polyline) -> tuple[FloatArray, FloatArray]:
    """By how much the slope changes and the price jumps at every corner [T, K]."""
    width, rise = np.diff(cost.loads, axis=1), np.diff(cost.prices, axis=1)
    stands = _stands(cost, width)
    steps = np.where(stands, rise, 0.0)
    jumps = np.concatenate([np.zeros((len(steps), 1)), steps], axis=1)
    return np.diff(_slopes(cost, width, rise, stands), axis=1), jumps


def _slopes(cost: Polyline, width: FloatArray, rise: FloatArray, stands: BoolArray) -> FloatArray:
    """Slopes before, between and behind the corners [T, K + 1]; a jump has that of the stretch before it."""
    slopes = np.empty((len(width), width.shape[1] + 2))
    slopes[:, 0] = cost.below
    for k in range(width.shape[1]):
        inner = rise[:, k] / np.where(stands[:, k], 1.0, width[:, k])
        slopes[:, k + 1] = np.where(stands[:, k], slopes[:, k], inner)
    slopes[:, -1] = cost.above
    return slopes


def _before(
    costs: Sequence[Polyline], begin: FloatArray, extra: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Mean price and mean cost at the load `begin`, which with `extra` lies before all corners or at the first: by the
    line before them, for rounding may put it behind the first, and the price jumps there.
    """
    price, value = np.zeros_like(begin), np.zeros_like(begin)
    for cost, more, weight in zip(costs, extra, weights, strict=True):
        beyond = begin + more - cost.loads[:, 0]
        price += weight * (cost.prices[:, 0] + cost.below * beyond)
        value += weight * (cost.values[:, 0] + (cost.prices[:, 0] + 0.5 * cost.below * beyond) * beyond)
    return price, value
