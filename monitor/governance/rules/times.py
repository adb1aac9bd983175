"""Q07, Q09, Q12, Q13: gaps and clocks. Pure."""

from __future__ import annotations

import numpy as np

from monitor.governance.facts import Bools, Floats, Ints, Status
from monitor.governance.rules.groups import highest
from monitor.governance.rules.view import Verdict, View, verdict


def gaps(view: View) -> Verdict:
    """Q07: two samples of an order more than two intervals apart; value in intervals."""
    longest = highest(view.pairs.order, view.pairs.span_s, view.count) / view.interval_s
    return verdict("Q07", longest, longest > view.limits.gap_intervals)


def outside(view: View) -> Verdict:
    """Q09: samples more than 6 minutes before the begin or after the end of their order; value in seconds."""
    samples, orders = view.samples, view.facts.orders
    off_s = np.fmax(
        orders.start_s + highest(samples.order, -samples.at_s, view.count),
        highest(samples.order, samples.at_s, view.count) - orders.end_s,
    )
    return verdict("Q09", np.maximum(off_s, 0.0), off_s > view.limits.clock_s)


def impossible(view: View) -> Verdict:
    """Q13: a time of an order or of its samples in the future, before 2000, or an end before the begin; value in s."""
    orders, samples, limits = view.facts.orders, view.samples, view.limits
    latest_s = np.fmax(np.fmax(orders.start_s, orders.end_s), highest(samples.order, samples.at_s, view.count))
    earliest_s = np.fmin(np.fmin(orders.start_s, orders.end_s), -highest(samples.order, -samples.at_s, view.count))
    ahead_s = latest_s - view.facts.now_s
    behind_s = limits.oldest_s - earliest_s
    reversed_s = orders.start_s - orders.end_s
    broken = (ahead_s > limits.future_s) | (behind_s > 0) | (reversed_s > 0)
    off_s = np.maximum(np.fmax(np.fmax(ahead_s, behind_s), reversed_s), 0.0)
    return verdict("Q13", off_s, broken)


def missing(view: View) -> Verdict:
    """Q12: a connector says Charging and no sample comes for more than two intervals; value in seconds.

    Judged at both ends of each such state (between samples it is a gap, Q07) and only in orders that its beginning
    falls into; an order that ends ends the state.
    """
    orders, limits = view.facts.orders, view.limits
    begin_s, end_s, order = charging_states(view)
    patience_s = limits.gap_intervals * view.interval_s[order]
    end_s = np.fmin(end_s, orders.end_s[order])
    first_s, last_s = _samples_within(view, order, begin_s, end_s)
    silent_s = np.fmax(first_s - begin_s, end_s - last_s)
    silent_s = np.where(np.isfinite(first_s), silent_s, end_s - begin_s)
    value = np.full(view.count, np.nan)
    np.fmax.at(value, order, silent_s)
    late = np.zeros(view.count, bool)
    np.logical_or.at(late, order, silent_s > patience_s)
    return verdict("Q12", value, late)


def charging_states(view: View) -> tuple[Floats, Floats, Ints]:
    """Begin, end and order of each Charging state that has an order; the last state of a connector has no end."""
    statuses, orders = view.facts.statuses, view.facts.orders
    by_time = statuses.take(np.lexsort((statuses.at_s, statuses.connector)))
    charging = np.flatnonzero(by_time.status == Status.CHARGING)
    follows = np.minimum(charging + 1, max(len(by_time) - 1, 0))
    has_next = (follows > charging) & (by_time.connector[follows] == by_time.connector[charging])
    end_s = np.where(has_next, by_time.at_s[follows], np.nan)
    begin_s = by_time.at_s[charging]
    order = order_at(view, by_time.connector[charging], begin_s)
    found = (order >= 0) & ~(np.isnan(end_s) & np.isnan(orders.end_s[order] if len(orders) else end_s))
    return begin_s[found], end_s[found], order[found]


def order_at(view: View, connector: Ints, at_s: Floats) -> Ints:
    """The order that runs on a connector at a moment, by its begin and end; -1 for none."""
    orders = view.facts.orders
    rows = np.flatnonzero(np.isfinite(orders.start_s) & np.isfinite(orders.end_s))
    rows = rows[np.lexsort((orders.start_s[rows], orders.connector[rows]))]
    place = _search(orders.connector[rows], orders.start_s[rows], connector, at_s) - 1
    result = np.full(len(at_s), -1, np.int64)
    inside = np.flatnonzero(place >= 0)
    found = rows[place[inside]]
    right = (orders.connector[found] == connector[inside]) & (at_s[inside] <= orders.end_s[found])
    result[inside[right]] = found[right]
    return result


def _samples_within(view: View, order: Ints, begin_s: Floats, end_s: Floats) -> tuple[Floats, Floats]:
    """The first sample from `begin_s` on and the last up to `end_s` in each order; NaN when there is none between."""
    samples = view.samples
    low = _search(samples.order, samples.at_s, order, begin_s, from_left=True)
    high = _search(samples.order, samples.at_s, order, end_s) - 1
    within: Bools = high >= low
    first_s = np.full(len(order), np.nan)
    last_s = first_s.copy()
    first_s[within], last_s[within] = samples.at_s[low[within]], samples.at_s[high[within]]
    return first_s, last_s


def _search(group: Ints, at_s: Floats, wanted: Ints, wanted_s: Floats, from_left: bool = False) -> Ints:
    """Where (wanted, wanted_s) would go into rows sorted by group and time, after equal ones unless `from_left`."""
    joined = np.r_[group, wanted]
    joined_s = np.r_[at_s, wanted_s]
    asked = np.r_[np.ones(len(group), np.int64), np.full(len(wanted), 0 if from_left else 2)]
    order = np.lexsort((asked, joined_s, joined))
    before = np.cumsum(order < len(group))
    result = np.empty(len(joined), np.int64)
    result[order] = before
    return result[len(group) :]
