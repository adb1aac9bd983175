"""The price of the peak: a search for the limit of the import at which its price and that of the limit agree.

With prices λ_tω >= 0 on what is bought in a slot and scenario, the site costs at least D(λ) + (c − h Σ π_ω λ_tω)·P,
where P is the peak, c its price and D(λ) the bound of the site with these prices on top of its own: a line in P,
whatever λ is. Every plan under a limit has such prices, those of the limit. A falling and a rising line meet below
every plan; there the next limit is tried. With scenarios the peak is the highest of any of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.preparation import TINY, Prepared, prepare, priced_as
from optimizer.site_bill import import_kwh
from optimizer.site_solver import Solved, as_seen_by, lower_bound, solve_prepared

STEPS, AIM, INNER_AIM = 40, 3e-7, 1e-7
"""The search ends when the best plan is proven to `AIM`; each plan by itself has to be proven to `INNER_AIM`."""
BINDS = 1e-5
"""An import above the limit by this share of it is rounding."""
MISSING = 5e-7
"""So is this share of the energy that is not served."""
INSIDE = 1e-3
"""The next limit keeps this share of the bracket's width from its ends."""
NEAR = 1e-5
"""So near to a jump of the price, relative to the load, the load stands at it."""


@dataclass(frozen=True, slots=True)
class _Line:
    """No plan with the peak P costs less than `value` + `slope`·(P − peak)."""

    peak: float
    value: float
    slope: float

    def at(self, peak: float) -> float:
        return self.value + self.slope * (peak - self.peak)

    def meets(self, other: _Line) -> float:
        """Where both are equal."""
        return self.peak + (other.at(self.peak) - self.value) / (self.slope - other.slope)


@dataclass(frozen=True, eq=False, slots=True)
class _Tried:
    """The best plan that imports at most `peak_kw`; `total` counts the price of the peak. `sound`: the limit is kept
    and no more goes unserved for it.
    """

    ready: Prepared
    solution: Solved
    peak_kw: float
    total: float
    sound: bool
    line: _Line


def lowest_peak(free: Prepared, solved: Solved) -> tuple[Prepared, Solved]:
    """The best compromise with the price of the peak, from the plan without it; objective and bound count it."""
    site, start = free.site, free.site.peak_so_far_kw
    peak = float(import_kwh(free, solved.load(free)).max()) / site.slot_h
    if peak <= start:
        return free, solved
    served = float(solved.found.energy.sum())
    high = _tried(free, free, solved, peak, served)
    best, bound = high, high.line.at(start)
    low, limit = None, start
    for _ in range(STEPS):
        middle = _lowered(free, limit, served)
        best = middle if middle.sound and middle.total < best.total else best
        low, high = (middle, high) if middle.line.slope < 0 else (low, middle)
        bound = max(bound, _proven(low, high, start))
        if best.total - bound <= AIM * max(1.0, abs(best.total)) or high.peak_kw <= start:
            break
        limit = _between(low, high, start)
    return best.ready, replace(best.solution, objective=best.total, lower_bound=bound)


def _proven(low: _Tried | None, high: _Tried, start: float) -> float:
    """What both lines leave possible from the peak so far on."""
    if low is None:
        return high.line.at(start)
    return high.line.at(max(low.line.meets(high.line), start))


def _between(low: _Tried | None, high: _Tried, start: float) -> float:
    """Where the lines meet, or the middle where that is no progress."""
    first = start if low is None else low.peak_kw
    width = high.peak_kw - first
    found = np.nan if low is None else low.line.meets(high.line)
    inside = first + INSIDE * width < found < high.peak_kw - INSIDE * width
    return float(found) if inside else first + 0.5 * width


def _lowered(free: Prepared, peak_kw: float, served: float) -> _Tried:
    ready = priced_as(free, prepare(free.site, peak_kw))
    return _tried(free, ready, solve_prepared(ready, INNER_AIM), peak_kw, served)


def _tried(free: Prepared, ready: Prepared, solved: Solved, peak_kw: float, served: float) -> _Tried:
    site = free.site
    short = served - float(solved.found.energy.sum()) > MISSING * max(served, TINY)
    over = float(import_kwh(ready, solved.load(ready)).max()) / site.slot_h - peak_kw
    price = _limit_price(ready, solved, peak_kw)
    charged = priced_as(free, prepare(site, adder=price))
    slope = site.peak_price - float(ready.weights @ price.sum(axis=1)) * site.slot_h
    least = lower_bound(charged, as_seen_by(charged, ready, solved.found))
    line = _Line(0.0, least - site.peak_price * site.peak_so_far_kw, slope)
    return _Tried(
        ready=ready,
        solution=solved,
        peak_kw=peak_kw,
        total=solved.objective + site.peak_price * (peak_kw - site.peak_so_far_kw),
        sound=not short and over <= BINDS * max(peak_kw, 1.0),
        line=line,
    )


def _limit_price(ready: Prepared, solved: Solved, peak_kw: float) -> FloatArray:
    """What a kWh more of import is worth in every scenario and slot [Ω, T], beyond its own price.

    The price of a slot is the mean of what it is in each scenario: the marginal cost there, at a jump anything between
    both sides. What is above them all comes from the scenario with the highest load, for which there is no more. Where
    the connection is no stronger than the peak, that limit is to blame.
    """
    site, price = ready.site, solved.found.price[0]
    load = solved.load(ready) + ready.extra
    near = NEAR * np.maximum(np.abs(load), 1.0)
    left, right = (np.stack([ready.supply.cost.price(row) for row in load + side]) for side in (-near, near))
    spread = ready.weights @ (right - left)
    share = np.clip((price - ready.weights @ left) / np.maximum(spread, TINY), 0.0, 1.0)
    each = left + share * (right - left)
    rest = price - ready.weights @ each
    worst = np.argmax(ready.extra, axis=0), np.arange(site.slots)
    each += np.minimum(rest, 0.0)
    each[worst] += np.maximum(rest, 0.0) / np.maximum(ready.weights[worst[0]], TINY)
    bought = np.asarray(site.price) + np.asarray(site.weight) * peak_kw * site.slot_h
    return np.where(np.asarray(site.import_max_kw) > peak_kw * (1.0 + BINDS), np.maximum(each - bought, 0.0), 0.0)
