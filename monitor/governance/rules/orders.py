"""Q08, Q10, Q11, Q15, Q17, Q18: orders among each other, money, states, signs of life. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.governance.facts import Bools, Floats, Ints, Status
from monitor.governance.rules.groups import firsts, highest_so_far, medians, spreads
from monitor.governance.rules.view import Verdict, View, verdict

_S = Status
FOLLOWERS = {
    _S.AVAILABLE: set(_S) - {_S.FINISHING},
    _S.PREPARING: set(_S) - {_S.RESERVED, _S.UNAVAILABLE},
    _S.CHARGING: set(_S) - {_S.PREPARING, _S.RESERVED},
    _S.SUSPENDED_EV: set(_S) - {_S.PREPARING, _S.RESERVED},
    _S.SUSPENDED_EVSE: set(_S) - {_S.PREPARING, _S.RESERVED},
    _S.FINISHING: {_S.AVAILABLE, _S.PREPARING, _S.UNAVAILABLE, _S.FAULTED},
    _S.RESERVED: {_S.AVAILABLE, _S.PREPARING, _S.UNAVAILABLE, _S.FAULTED},
    _S.UNAVAILABLE: set(_S) - {_S.FINISHING, _S.RESERVED},
    _S.FAULTED: set(_S),
}
"""What may follow a state: the table of OCPP 1.6 section 4.9."""
LEGAL: Bools = np.array([[b in FOLLOWERS[a] or a == b for b in _S] for a in _S])
"""From, to; the same state again is a repeat and no transition."""
DAY_S = 86_400
WEEK = 7


def overlaps(view: View) -> Verdict:
    """Q08: two orders at one time on one connector; both are named. Value: seconds in common.

    An order whose number is used twice (Q10) is compared once; orders with reversed times are not compared.
    """
    orders, limits = view.facts.orders, view.limits
    value = np.full(view.count, np.nan)
    usable = (orders.end_s >= orders.start_s) & (orders.start_s >= limits.oldest_s)
    usable[copies_of(orders.key) > 0] = False
    rows = np.flatnonzero(usable)
    if len(rows) == 0:
        return verdict("Q08", value, np.zeros(view.count, bool))
    rows = rows[np.lexsort((orders.start_s[rows], orders.connector[rows]))]
    connector, end_s = orders.connector[rows], orders.end_s[rows]
    latest_s = highest_so_far(connector, end_s)
    holder = np.maximum.accumulate(np.where(end_s >= latest_s, np.arange(len(rows)), 0))
    value[rows] = 0.0
    same = np.flatnonzero(connector[1:] == connector[:-1]) + 1
    common_s = np.minimum(latest_s[same - 1], end_s[same]) - orders.start_s[rows[same]]
    np.maximum.at(value, rows[same], common_s)
    np.maximum.at(value, rows[holder[same - 1]], common_s)
    return verdict("Q08", value, value > limits.overlap_s)


def copies_of(key: Ints) -> Ints:
    """How many rows before each have its number."""
    order = np.argsort(key, kind="stable")
    starts = firsts(key[order])
    place = np.arange(len(key)) - np.repeat(starts, np.diff(np.r_[starts, len(key)]))
    result = np.empty(len(key), np.int64)
    result[order] = place
    return result


def duplicates(view: View) -> Verdict:
    """Q10: an order number that a row before already used; value: how many rows before."""
    copies = copies_of(view.facts.orders.key).astype(np.float64)
    return verdict("Q10", copies, copies > 0)


def transitions(view: View) -> Verdict:
    """Q11: a state that cannot follow the one before; one verdict for each told state, its value the state before."""
    statuses = view.facts.statuses
    order = np.lexsort((statuses.at_s, statuses.connector))
    before, after = order[:-1], order[1:]
    same = statuses.connector[before] == statuses.connector[after]
    before, after = before[same], after[same]
    value = np.full(len(statuses), np.nan)
    broken = np.zeros(len(statuses), bool)
    value[after] = statuses.status[before]
    broken[after] = ~LEGAL[statuses.status[before], statuses.status[after]]
    return verdict("Q11", value, broken)


def money(view: View) -> Verdict:
    """Q15: |fee - price x energy| above what rounding explains; value in yuan."""
    orders, limits = view.facts.orders, view.limits
    energy_kwh = orders.energy_wh / 1000
    off_yuan = np.abs(orders.fee_yuan - orders.price_yuan_per_kwh * energy_kwh)
    parts = np.maximum(orders.periods, 1) + 1
    return verdict("Q15", off_yuan, off_yuan > limits.money_yuan * parts + limits.price_yuan_per_kwh * energy_kwh)


def signs_of_life(view: View) -> Verdict:
    """Q17: a sign of life while a station is claimed to be offline, or none for long while it is claimed online.

    The value: for how many seconds of the claim the signs of life contradict it.
    """
    claims, beats, limits = view.facts.claims, view.facts.heartbeats, view.limits
    value = np.full(len(claims), np.nan)
    broken = np.zeros(len(claims), bool)
    by_time = beats.take(np.lexsort((beats.at_s, beats.station)))
    for row in range(len(claims)):
        low, high = np.searchsorted(by_time.station, (claims.station[row], claims.station[row] + 1))
        at_s = by_time.at_s[low:high]
        from_s, to_s = claims.from_s[row], claims.to_s[row]
        inside = at_s[(at_s > from_s) & (at_s < to_s)]
        if claims.online[row]:
            value[row] = np.diff(np.r_[from_s, inside, to_s]).max()
            broken[row] = value[row] > limits.heartbeat_s
        else:
            value[row] = inside[-1] - inside[0] if len(inside) > 1 else 0.0
            broken[row] = len(inside) > 0
    return verdict("Q17", value, broken)


@dataclass(frozen=True, slots=True)
class StationDays:
    """Stations and days (days since 1970 in local time) with their counted orders; days without orders count too."""

    station: Ints
    day: Ints
    orders: Ints


def station_days(view: View) -> StationDays:
    """From each station's first day with orders to its last."""
    orders = view.facts.orders
    known = np.isfinite(orders.start_s) & (orders.start_s >= view.limits.oldest_s)
    known &= orders.start_s <= view.facts.now_s + view.limits.future_s
    station = orders.station[known]
    day = ((orders.start_s[known] + view.limits.zone_s) // DAY_S).astype(np.int64)
    stations, days, counts = [], [], []
    for code in np.unique(station):
        own = day[station == code]
        found = np.bincount(own - own.min())
        stations.append(np.full(len(found), code))
        days.append(own.min() + np.arange(len(found)))
        counts.append(found)
    if not stations:
        nothing = np.empty(0, np.int64)
        return StationDays(nothing, nothing, nothing)
    return StationDays(np.concatenate(stations), np.concatenate(days), np.concatenate(counts).astype(np.int64))


def daily_count(view: View, found: StationDays) -> Verdict:
    """Q18: a robust z of the square root of a day's orders against the station's same weekdays; value: z.

    The root makes counts of any size scatter alike (Poisson: by one half), which is also the least scatter assumed. How
    much a station scatters is seen over all of its days: the few days of one weekday say too little.
    """
    limits = view.limits
    root = np.sqrt(found.orders.astype(np.float64))
    group = found.station * WEEK + found.day % WEEK
    count = int(group.max()) + 1 if len(group) else 0
    centre = medians(group, root, count, at_least=limits.count_weeks)
    off = root - centre[group]
    stations = int(found.station.max()) + 1 if len(found.station) else 0
    scatter = np.fmax(1.4826 * spreads(found.station, off, np.zeros(stations), limits.count_weeks), 0.5)
    value: Floats = off / scatter[found.station]
    return verdict("Q18", value, np.abs(value) > limits.count_z)
