"""Medians, sums and runs of many small groups without a loop over them. Pure."""

from __future__ import annotations

import numpy as np

from monitor.governance.facts import Bools, Floats, Ints


def sums(group: Ints, values: Floats | Bools, count: int) -> Floats:
    """The sum of each of `count` groups, 0 for an empty one."""
    return np.bincount(group, values, count).astype(np.float64)


def highest(group: Ints, values: Floats, count: int, empty: float = np.nan) -> Floats:
    """The largest value of each of `count` groups whose rows stand together; NaN counts as none."""
    result = np.full(count, empty)
    if len(values):
        starts = firsts(group)
        result[group[starts]] = np.fmax.reduceat(values, starts)
    return result


def lowest(group: Ints, values: Floats, count: int) -> Floats:
    """The smallest value of each of `count` groups whose rows stand together; NaN counts as none."""
    return -highest(group, -values, count)


def firsts(group: Ints) -> Ints:
    """Where each run of equal values begins."""
    return np.flatnonzero(np.r_[True, group[1:] != group[:-1]]) if len(group) else np.empty(0, np.int64)


def medians(group: Ints, values: Floats, count: int, at_least: int = 1) -> Floats:
    """The median of each of `count` groups over its known values; NaN where fewer than `at_least` are known."""
    known = np.isfinite(values) & (group >= 0)
    group, values = group[known], values[known]
    order = np.lexsort((values, group))
    group, values = group[order], values[order]
    sizes = np.bincount(group, minlength=count)
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    result = np.full(count, np.nan)
    enough = sizes >= max(1, at_least)
    low = starts[enough] + (sizes[enough] - 1) // 2
    high = starts[enough] + sizes[enough] // 2
    result[enough] = (values[low] + values[high]) / 2
    return result


def spreads(group: Ints, values: Floats, centres: Floats, at_least: int = 1) -> Floats:
    """The median distance (MAD) of each group from its centre."""
    return medians(group, np.abs(values - centres[group]), len(centres), at_least)


def highest_so_far(group: Ints, values: Floats) -> Floats:
    """The largest value of the group up to each row; rows of a group stand together, values are finite."""
    if not len(values):
        return values
    ordinal = np.cumsum(np.r_[0, group[1:] != group[:-1]])
    low = float(values.min())
    # Each group is lifted above all before it, so that one running maximum starts anew with each.
    lift = ordinal * (float(values.max()) - low + 1.0)
    return np.maximum.accumulate(values - low + lift) - lift + low


def run_sums(group: Ints, inside: Bools, values: Floats) -> Floats:
    """For each row `inside` the sum of `values` over the run of such rows of its group that it is in; 0 outside."""
    if not inside.any():
        return np.zeros(len(inside))
    starts = np.flatnonzero(np.r_[True, (inside[1:] != inside[:-1]) | (group[1:] != group[:-1])])
    totals = np.add.reduceat(np.where(inside, values, 0.0), starts)
    return np.repeat(totals, np.diff(np.r_[starts, len(inside)]))
