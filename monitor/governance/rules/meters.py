"""Q01 to Q06, Q14, Q16: registers, power and charge. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.governance.facts import Bools, Floats
from monitor.governance.rules.groups import highest, highest_so_far, medians, run_sums, spreads, sums
from monitor.governance.rules.view import Verdict, View, verdict

HALF_LIMIT = 2
"""A reading above the nameplate in every second pair is the measuring and no spike."""


@dataclass(frozen=True, slots=True)
class PairFaults:
    """What is wrong with single pairs of samples; later rules judge what earlier ones leave."""

    backward: Bools
    stuck: Bools
    above: Bools
    """A power reading above the nameplate."""
    leap: Bools
    """A register that rose faster than the nameplate allows: it makes up for something."""


def pair_faults(view: View) -> PairFaults:
    """Judge each pair alone; a comparison with what is not known is false."""
    pairs, limits = view.pairs, view.limits
    rated_w = view.facts.orders.rated_w[pairs.order] * limits.nameplate_share
    backward = pairs.rise_wh < -limits.backward_wh
    stuck = (pairs.rise_wh <= 0) & ~backward & (pairs.low_w > limits.charging_w)
    leap = pairs.rise_wh > rated_w * pairs.span_s / 3600 + limits.stuck_wh
    return PairFaults(backward, stuck, pairs.high_w > rated_w, leap)


def order_energy(view: View) -> Verdict:
    """Q01: |order energy - register difference| above max(0.3 kWh, 2.5 %); value in Wh."""
    orders, limits = view.facts.orders, view.limits
    rise_wh = orders.meter_stop_wh - orders.meter_start_wh
    off_wh = np.abs(orders.energy_wh - rise_wh)
    return verdict("Q01", off_wh, off_wh > np.maximum(limits.energy_wh, limits.energy_share * np.abs(rise_wh)))


def integral_ratio(view: View, faults: PairFaults) -> Floats:
    """Integrated power / register rise of each order; NaN where the register rose less than 1 kWh.

    Only sound pairs are integrated: none that runs backward, is stuck, leaps or has a gap; and no single spike of
    power (Q06).
    """
    pairs, limits, count = view.pairs, view.limits, view.count
    spike = faults.above & (HALF_LIMIT * sums(pairs.order, faults.above, count) < _pair_count(view))[pairs.order]
    gap = pairs.span_s > limits.gap_intervals * view.interval_s[pairs.order]
    sound = ~(faults.backward | faults.stuck | faults.leap | spike | gap)
    sound &= np.isfinite(pairs.rise_wh) & np.isfinite(pairs.expected_wh)
    rise_wh = sums(pairs.order[sound], pairs.rise_wh[sound], count)
    expected_wh = sums(pairs.order[sound], pairs.expected_wh[sound], count)
    enough = rise_wh >= limits.integral_rise_wh
    ratio = np.full(count, np.nan)
    ratio[enough] = expected_wh[enough] / rise_wh[enough]
    return ratio


def power_integral(view: View, ratio: Floats) -> Verdict:
    """Q02: the ratio of `integral_ratio` above 6 MAD and 5 % away from the median of its connector.

    The value is the distance from that median as a share of it.
    """
    limits = view.limits
    centre, mad = _usual(view, ratio)
    off = np.abs(ratio - centre)
    return verdict("Q02", off / centre, (off > limits.integral_mads * mad) & (off > limits.integral_share * centre))


def _pair_count(view: View) -> Floats:
    return np.bincount(view.pairs.order, minlength=view.count).astype(np.float64)


def _usual(view: View, ratio: Floats) -> tuple[Floats, Floats]:
    """Median and MAD of each order's connector (5 and 20 orders at least), else of all."""
    connector = view.facts.orders.connector
    if not np.isfinite(ratio).any():
        return ratio, ratio
    count = int(connector.max()) + 1
    overall = float(np.nanmedian(ratio))
    centres = medians(connector, ratio, count, at_least=5)
    centres = np.where(np.isnan(centres), overall, centres)
    mads = spreads(connector, ratio, centres, at_least=20)
    mads = np.where(np.isnan(mads), float(np.nanmedian(np.abs(ratio - centres[connector]))), mads)
    return centres[connector], mads[connector]


def charge_falls(view: View) -> Verdict:
    """Q03: the state of charge falls more than 2 points below its highest while power flows; value in points."""
    samples, limits = view.samples, view.limits
    seen = np.isfinite(samples.soc_percent) & ~(samples.power_w <= limits.charging_w)
    order, soc = samples.order[seen], samples.soc_percent[seen]
    fall = highest(order, highest_so_far(order, soc) - soc, view.count)
    return verdict("Q03", fall, fall > limits.soc_fall_points)


def backward(view: View) -> Verdict:
    """Q04: the register falls by more than 0.05 kWh between samples or from begin to end of the order; value in Wh."""
    orders = view.facts.orders
    fall_wh = np.fmax(
        highest(view.pairs.order, -view.pairs.rise_wh, view.count), orders.meter_start_wh - orders.meter_stop_wh
    )
    return verdict("Q04", np.maximum(fall_wh, 0.0), fall_wh > view.limits.backward_wh)


def stuck(view: View, faults: PairFaults) -> Verdict:
    """Q05: no increase while power > 0.5 kW, for as long as the power makes 0.2 kWh; value: that energy in Wh."""
    pairs = view.pairs
    lost_wh = run_sums(pairs.order, faults.stuck, pairs.expected_wh, view.count)
    known = sums(pairs.order, np.isfinite(pairs.rise_wh) & np.isfinite(pairs.low_w), view.count) > 0
    return verdict("Q05", np.where(known, lost_wh, np.nan), lost_wh > view.limits.stuck_wh)


def nameplate(view: View) -> Verdict:
    """Q06: a power above 1.1 x rated; value as a share of the rated power."""
    highest_w = highest(view.samples.order, view.samples.power_w, view.count)
    share = highest_w / view.facts.orders.rated_w
    return verdict("Q06", share, share > view.limits.nameplate_share)


def orderless(view: View) -> Verdict:
    """Q14: the register rose by more than 0.3 kWh between an order and the next one of its connector; value in Wh.

    The next order is the one that is named. Copies of an order (Q10) and orders with impossible times are passed over.
    """
    orders = view.facts.orders
    usable = np.isfinite(orders.start_s) & np.isfinite(orders.meter_start_wh) & np.isfinite(orders.meter_stop_wh)
    usable[np.setdiff1d(np.arange(len(orders)), np.unique(orders.key, return_index=True)[1])] = False
    rows = np.flatnonzero(usable)
    rows = rows[np.lexsort((orders.meter_start_wh[rows], orders.start_s[rows], orders.connector[rows]))]
    before, after = rows[:-1], rows[1:]
    value = np.full(view.count, np.nan)
    same = orders.connector[before] == orders.connector[after]
    between_wh = orders.meter_start_wh[after] - orders.meter_stop_wh[before]
    value[after[same]] = between_wh[same]
    return verdict("Q14", value, value > view.limits.orderless_wh)


def charge_energy(view: View) -> Verdict:
    """Q16: energy against state of charge times capacity outside of a band (losses, rounding); value: the ratio."""
    samples, orders, limits = view.samples, view.facts.orders, view.limits
    rise = highest(samples.order, samples.soc_percent, view.count) + highest(
        samples.order, -samples.soc_percent, view.count
    )
    enough = (rise >= limits.soc_points) & (orders.capacity_wh > 0)
    ratio = np.full(view.count, np.nan)
    ratio[enough] = orders.energy_wh[enough] / (rise[enough] / 100 * orders.capacity_wh[enough])
    return verdict("Q16", ratio, (ratio < limits.soc_share_low) | (ratio > limits.soc_share_high))
