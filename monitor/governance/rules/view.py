"""What several rules look at: samples in order of time, the pairs of neighbours in one order, nominal intervals. Pure.

A verdict says for each subject whether it could be judged, whether it broke the rule, and by how much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.governance.facts import Bools, Facts, Floats, Ints, Samples
from monitor.governance.rules.catalogue import Limits
from monitor.governance.rules.groups import medians, sums

SPAN_MS = 10**10
"""Longer spans count as this long (116 days)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule on all of its subjects; `value` is NaN where nothing was judged."""

    rule_id: str
    judged: Bools
    broken: Bools
    value: Floats


def verdict(rule_id: str, value: Floats, broken: Bools) -> Verdict:
    """A verdict that judged whatever has a value."""
    judged = np.isfinite(value)
    return Verdict(rule_id, judged, broken & judged, value)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Two samples of one order that follow each other: the row of the first, the order, and what passed between."""

    first: Ints
    order: Ints
    span_s: Floats
    rise_wh: Floats
    expected_wh: Floats
    """By the mean of both powers."""
    low_w: Floats
    high_w: Floats


@dataclass(frozen=True, slots=True)
class View:
    """The facts as the rules look at them; `samples` are sorted by order and time."""

    facts: Facts
    limits: Limits
    samples: Samples
    pairs: Pairs
    interval_s: Floats
    """The nominal interval of samples, for each order."""
    sample_count: Ints
    """For each order."""

    @property
    def count(self) -> int:
        """The number of orders."""
        return len(self.facts.orders)


def view_of(facts: Facts, limits: Limits) -> View:
    """Sort and pair once for all rules."""
    kept = facts.samples.take(facts.samples.order >= 0)
    samples = kept if _is_sorted(kept) else kept.take(np.lexsort((kept.at_s, kept.order)))
    pairs = _pairs(samples)
    count = len(facts.orders)
    per_order = np.bincount(samples.order, minlength=count).astype(np.int64)
    return View(facts, limits, samples, pairs, _intervals(facts, pairs, limits), per_order)


def _is_sorted(samples: Samples) -> bool:
    step = np.diff(samples.order)
    return bool(np.all((step > 0) | ((step == 0) & (np.diff(samples.at_s) >= 0))))


def _pairs(samples: Samples) -> Pairs:
    first = np.flatnonzero(samples.order[1:] == samples.order[:-1])
    after = first + 1
    span_s = samples.at_s[after] - samples.at_s[first]
    before_w, after_w = samples.power_w[first], samples.power_w[after]
    return Pairs(
        first,
        samples.order[first],
        span_s,
        samples.register_wh[after] - samples.register_wh[first],
        (before_w + after_w) / 2 * span_s / 3600,
        np.minimum(before_w, after_w),
        np.maximum(before_w, after_w),
    )


def _intervals(facts: Facts, pairs: Pairs, limits: Limits) -> Floats:
    """The median of an order with three or more, else that of its connector, else the default."""
    orders = facts.orders
    count = len(orders)
    own = _median_spans(pairs, count)
    lacking = np.isnan(own)
    if lacking.any() and count:
        shared = medians(orders.connector, own, int(orders.connector.max()) + 1)
        own[lacking] = shared[orders.connector[lacking]]
    return np.where(np.isnan(own), limits.interval_s, own)


def _median_spans(pairs: Pairs, count: int) -> Floats:
    """As `medians`, with three at least, to the millisecond: one sort of whole numbers is several times as fast."""
    known = np.isfinite(pairs.span_s)
    key = np.sort(pairs.order[known] * SPAN_MS + np.minimum(pairs.span_s[known] * 1000, SPAN_MS - 1).astype(np.int64))
    sizes = np.bincount(key // SPAN_MS, minlength=count)
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    result = np.full(count, np.nan)
    enough = sizes >= 3
    low = starts[enough] + (sizes[enough] - 1) // 2
    high = starts[enough] + sizes[enough] // 2
    result[enough] = (key[low] % SPAN_MS + key[high] % SPAN_MS) / 2000
    return result


def mean_by(group: Ints, values: Floats, count: int) -> Floats:
    """The mean of each group, NaN for an empty one."""
    sizes = np.bincount(group, minlength=count)
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums(group, values, count) / sizes
