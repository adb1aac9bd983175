"""The price of the peak: a search for the limit of the import at which its price and that of the limit agree."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.preparation import TINY, Prepared, prepare, priced_as
from optimizer.site_bill import import_kwh
from optimizer.site_solver import Solved, solve_prepared

PEAK_STEPS, PEAK_AIM, PEAK_BINDS = 25, 2e-7, 1e-5


def lowest_peak(free: Prepared, solved: Solved) -> tuple[Prepared, Solved]:
    """The best compromise with the price of the peak, from the plan without it; objective and bound count that price.

    The cost of everything else is convex in the peak allowed, and the prices of the import limit are its slope:
    tangents at both ends of a bracket meet near the best peak. The bound charges the slots by those prices (they add up
    to the price of the peak) instead of the peak; what that costs at least no plan with the peak's price can go below.
    """
    site, start = free.site, free.site.peak_so_far_kw
    high = _At(free, free, solved, max(float(import_kwh(free, solved.load(free)).max()) / site.slot_h, start))
    if high.peak_kw <= start:
        return free, solved
    low = high.lowered(start)
    best = low if low.sound and low.total < high.total else high
    for _ in range(PEAK_STEPS):
        if _settled(low, high, best.total):
            break
        middle = high.lowered(low.where(high) if low.sound else 0.5 * (low.peak_kw + high.peak_kw))
        if middle.sound and middle.total < best.total:
            best = middle
        low, high = (middle, high) if middle.slope < 0 or not middle.sound else (low, middle)
    return best.ready, replace(best.solution, objective=best.total, lower_bound=_peak_bound(low, high))


def _settled(low: _At, high: _At, best: float) -> bool:
    """Whether the tangents leave nothing to win."""
    if not low.sound:
        return high.peak_kw - low.peak_kw <= PEAK_AIM * high.peak_kw
    return low.slope >= 0 or high.slope <= 0 or low.meets(high) >= best - PEAK_AIM * abs(best)


def _peak_bound(low: _At, high: _At) -> float:
    """What the site costs at least when slots are charged for the peak, with prices between those of both ends."""
    site = low.free.site
    share = 1.0 if low.slope >= 0 else max(high.slope, 0.0) / (max(high.slope, 0.0) - low.slope)
    adder = share * low.limit_price + (1.0 - share) * high.limit_price
    adder *= min(1.0, site.peak_price / max(float(adder.sum()) * site.slot_h, TINY))
    charged = solve_prepared(priced_as(low.free, prepare(site, adder=adder)))
    return charged.lower_bound - float(adder.sum()) * site.slot_h * site.peak_so_far_kw


@dataclass(frozen=True, eq=False, slots=True)
class _At:
    """The best plan that imports at most `peak_kw`; `free` is the site without that limit."""

    free: Prepared
    ready: Prepared
    solution: Solved
    peak_kw: float

    def lowered(self, peak_kw: float) -> _At:
        """The same with another limit."""
        ready = priced_as(self.free, prepare(self.free.site, peak_kw))
        return _At(self.free, ready, solve_prepared(ready), peak_kw)

    def _imported(self) -> FloatArray:
        return import_kwh(self.ready, self.solution.load(self.ready))

    @property
    def sound(self) -> bool:
        """Whether the limit is kept and nobody goes short for it; elsewhere the total is not convex in the peak."""
        missing = self.ready.instance.energy.sum() - self.solution.found.energy.sum()
        more = float(missing) > PEAK_BINDS * max(float(self.ready.instance.energy.sum()), TINY)
        over = float(self._imported().max()) / self.free.site.slot_h - self.peak_kw
        return not more and over <= PEAK_BINDS * max(self.peak_kw, 1.0)

    @property
    def total(self) -> float:
        site = self.free.site
        return self.solution.objective + site.peak_price * (self.peak_kw - site.peak_so_far_kw)

    @property
    def limit_price(self) -> FloatArray:
        """What a kWh more of import is worth in each slot, beyond its own price, where the limit binds."""
        site, most = self.free.site, self.peak_kw * self.free.site.slot_h
        bought = np.asarray(site.price) + np.asarray(site.weight) * most
        binds = self._imported() >= most * (1.0 - PEAK_BINDS) - TINY
        return np.where(binds, np.maximum(self.solution.found.price[0] - bought, 0.0), 0.0)

    @property
    def slope(self) -> float:
        """Of the total in the peak."""
        site = self.free.site
        return site.peak_price - float(self.limit_price.sum()) * site.slot_h

    def where(self, other: _At) -> float:
        """The peak at which both tangents meet, or the middle where rounding puts that outside."""
        rise = other.total - other.slope * other.peak_kw - self.total + self.slope * self.peak_kw
        found = rise / (self.slope - other.slope)
        width = other.peak_kw - self.peak_kw
        inside = self.peak_kw + 1e-3 * width < found < other.peak_kw - 1e-3 * width
        return found if inside else 0.5 * (self.peak_kw + other.peak_kw)

    def meets(self, other: _At) -> float:
        """The total there, as the tangents have it."""
        found = (other.total - other.slope * other.peak_kw - self.total + self.slope * self.peak_kw) / (
            self.slope - other.slope
        )
        return self.total + self.slope * (found - self.peak_kw)
