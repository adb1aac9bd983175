"""R01 to R03: robust statistics, leads for a person and no proof of a fault. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.governance.facts import Floats, Ints
from monitor.governance.rules.catalogue import Limits
from monitor.governance.rules.groups import medians, spreads
from monitor.governance.rules.view import Verdict, View, mean_by, verdict

MAD_TO_SIGMA = 1.4826
DAY_S, HOUR_S, HOURS = 86_400, 3_600, 24
LEAST_HOUR_SHARE = 0.05
"""Powers of an hour are taken to scatter by this share of their median at least."""
LEAST_RATIO = 0.002
"""Ratios are taken to scatter by this at least."""
LEAST_SIBLINGS = 4


@dataclass(frozen=True, slots=True)
class Cells:
    """What a verdict of this module is about: a connector, and a day or hour since 1970 in local time (-1: all)."""

    connector: Ints
    time: Ints


def hourly_power(view: View) -> tuple[Cells, Verdict]:
    """R01: the mean charging power of a connector's hour against the same hour of its other days (Hampel); value: z."""
    samples, limits = view.samples, view.limits
    known = (samples.power_w > limits.charging_w) & np.isfinite(samples.at_s)
    hour = ((samples.at_s[known] + limits.zone_s) // HOUR_S).astype(np.int64)
    cells, cell = _cells(samples.connector[known], hour)
    power_w = mean_by(cell, samples.power_w[known], len(cells.connector))
    group = cells.connector * HOURS + cells.time % HOURS
    count = int(group.max()) + 1 if len(group) else 0
    centre = medians(group, power_w, count, limits.hampel_days)
    scatter = MAD_TO_SIGMA * spreads(group, power_w, centre, limits.hampel_days)
    scatter = np.fmax(scatter, LEAST_HOUR_SHARE * centre)
    value: Floats = (power_w - centre[group]) / scatter[group]
    return cells, verdict("R01", value, np.abs(value) > limits.hampel_mads)


def _cells(connector: Ints, time: Ints) -> tuple[Cells, Ints]:
    """The different pairs, and for each row which it is; rows that follow each other are mostly equal."""
    starts = np.flatnonzero(np.r_[True, (connector[1:] != connector[:-1]) | (time[1:] != time[:-1])][: len(time)])
    found, place = np.unique(np.stack((connector[starts], time[starts])), axis=1, return_inverse=True)
    return Cells(found[0], found[1]), np.repeat(place.reshape(-1), np.diff(np.r_[starts, len(time)]))


def drift(view: View, ratio: Floats) -> tuple[Cells, Verdict]:
    """R02: a two-sided CUSUM on each connector's daily median ratio of power to register; value: the sum.

    The first days that are known are the yardstick; small shifts that stay add up to the limit, single days do not.
    """
    orders, limits = view.facts.orders, view.limits
    known = np.isfinite(ratio) & np.isfinite(orders.start_s)
    day = ((orders.start_s[known] + limits.zone_s) // DAY_S).astype(np.int64)
    cells, cell = _cells(orders.connector[known], day)
    daily = medians(cell, ratio[known], len(cells.connector))
    value = np.full(len(daily), np.nan)
    for code in np.unique(cells.connector):
        own = np.flatnonzero(cells.connector == code)
        value[own] = cusum(daily[own], limits)
    return cells, verdict("R02", value, value > limits.cusum_limit)


def cusum(series: Floats, limits: Limits) -> Floats:
    """The larger of both sums after each day; NaN within the yardstick's days and when there are no others."""
    result = np.full(len(series), np.nan)
    yardstick = series[: limits.cusum_days]
    if len(series) <= limits.cusum_days:
        return result
    centre = float(np.median(yardstick))
    scatter = max(MAD_TO_SIGMA * float(np.median(np.abs(yardstick - centre))), LEAST_RATIO)
    above = below = 0.0
    for place in range(limits.cusum_days, len(series)):
        z = (float(series[place]) - centre) / scatter
        above = max(0.0, above + z - limits.cusum_slack)
        below = max(0.0, below - z - limits.cusum_slack)
        result[place] = max(above, below)
    return result


def siblings(view: View, ratio: Floats) -> tuple[Cells, Verdict]:
    """R03: a connector's median ratio against those of its station with the same rated power; value: robust z."""
    orders, limits = view.facts.orders, view.limits
    count = int(orders.connector.max()) + 1 if len(orders) else 0
    own = medians(orders.connector, ratio, count, at_least=5)
    connector, first = np.unique(orders.connector, return_index=True)
    kinds = np.stack((orders.station[first].astype(np.float64), orders.rated_w[first]))
    group = np.unique(kinds, axis=1, return_inverse=True)[1].reshape(-1)
    own = own[connector]
    size = int(group.max()) + 1 if len(group) else 0
    centre = medians(group, own, size, LEAST_SIBLINGS)
    scatter = np.fmax(MAD_TO_SIGMA * spreads(group, own, centre, LEAST_SIBLINGS), LEAST_RATIO)
    off = own - centre[group]
    value: Floats = off / scatter[group]
    broken = (np.abs(value) > limits.sibling_z) & (np.abs(off) > limits.sibling_share * centre[group])
    return Cells(connector, np.full(len(connector), -1, np.int64)), verdict("R03", value, broken)
