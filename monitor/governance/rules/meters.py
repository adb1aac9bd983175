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
    stuck_wh: Floats
    """What the lower power promised while the register stood still around this pair (a coarse one often does)."""
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
    still = (pairs.rise_wh <= 0) & ~backward & (pairs.low_w > limits.charging_w)
    stuck_wh = run_sums(pairs.order, still, pairs.low_w * pairs.span_s / 3600)
    leap = pairs.rise_wh > rated_w * pairs.span_s / 3600 + limits.stuck_wh
    return PairFaults(backward, stuck_wh, stuck_wh > limits.stuck_wh, pairs.high_w > rated_w, leap)


def order_energy(view: View) -> Verdict:
    """Q01: |order energy - register difference| above max(0.3 kWh, 2.5 %); value in Wh."""
    orders, limits = view.facts.orders, view.limits
    rise_wh = orders.meter_stop_wh - orders.meter_start_wh
    off_wh = np.abs(orders.energy_wh - rise_wh)
    return verdict("Q01", off_wh, off_wh > np.maximum(limits.energy_wh, limits.energy_share * np.abs(rise_wh)))


@dataclass(frozen=True, slots=True)
class Integral:
    """Integrated power / register rise of each order, and the share by which it may be wrong without a fault."""

    ratio: Floats
    unsure_share: Floats


def integral(view: View, faults: PairFaults) -> Integral:
    """NaN where the register rose less than 1 kWh.

    Only sound pairs are integrated: none that runs backward, is stuck, leaps or has a gap; and no single spike of
    power (Q06). Unsure are one step of the register, and power that changed between two samples nobody knows when.
    """
    pairs, limits, count = view.pairs, view.limits, view.count
    spike = faults.above & (HALF_LIMIT * sums(pairs.order, faults.above, count) < _pair_count(view))[pairs.order]
    gap = pairs.span_s > limits.gap_intervals * view.interval_s[pairs.order]
    sound = ~(faults.backward | faults.stuck | faults.leap | spike | gap)
    sound &= np.isfinite(pairs.rise_wh) & np.isfinite(pairs.expected_wh)
    order = pairs.order[sound]
    rise_wh = sums(order, pairs.rise_wh[sound], count)
    expected_wh = sums(order, pairs.expected_wh[sound], count)
    change_w = (pairs.high_w - pairs.low_w)[sound]
    unsure_wh = limits.register_step_wh + sums(order, change_w * pairs.span_s[sound] / 7200, count)
    enough = rise_wh >= limits.integral_rise_wh
    known_wh = np.where(enough, rise_wh, np.nan)
    return Integral(expected_wh / known_wh, unsure_wh / known_wh)


def power_integral(view: View, found: Integral) -> Verdict:
    """Q02: the ratio of `integral` above 6 MAD and 5 % away from the median of its connector, and not merely unsure.

    The value is the distance from that median as a share of it.
    """
    limits = view.limits
    centre, mad = _usual(view, found.ratio)
    off = np.abs(found.ratio - centre)
    share = np.maximum(limits.integral_share, found.unsure_share)
    return verdict("Q02", off / centre, (off > limits.integral_mads * mad) & (off > share * centre))


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
    told = np.isfinite(samples.soc_percent)
    order, soc, power_w = samples.order[told], samples.soc_percent[told], samples.power_w[told]
    below = np.where(power_w <= limits.charging_w, 0.0, highest_so_far(order, soc) - soc)
    fall = highest(order, below, view.count)
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
    lost_wh = highest(pairs.order, faults.stuck_wh, view.count, empty=0.0)
    known = sums(pairs.order, np.isfinite(pairs.rise_wh) & np.isfinite(pairs.low_w), view.count) > 0
    return verdict("Q05", np.where(known, lost_wh, np.nan), lost_wh > view.limits.stuck_wh)


def nameplate(view: View) -> Verdict:
    """Q06: a power above 1.1 x rated; value as a share of the rated power."""
    highest_w = highest(view.samples.order, view.samples.power_w, view.count)
    share = highest_w / view.facts.orders.rated_w
    return verdict("Q06", share, share > view.limits.nameplate_share)


def orderless(view: View) -> Verdict:
    """Q14: more than 0.3 kWh of a connector's register lie in no order; value in Wh, of the order that follows.

    The register and not the clock says which order follows, so that a wrong time hides no order; but one that began
    earlier has another meter. Copies of an order (Q10) are passed over.
    """
    orders = view.facts.orders
    first = np.unique(orders.key, return_index=True)[1]
    rows = first[np.isfinite(orders.meter_start_wh[first]) & np.isfinite(orders.meter_stop_wh[first])]
    rows = rows[np.lexsort((orders.meter_start_wh[rows], orders.connector[rows]))]
    before, after = rows[:-1], rows[1:]
    reached_wh = highest_so_far(orders.connector[rows], orders.meter_stop_wh[rows])[:-1]
    next_one = orders.connector[before] == orders.connector[after]
    next_one &= orders.start_s[after] >= orders.start_s[before]
    value = np.full(view.count, np.nan)
    between_wh = orders.meter_start_wh[after] - reached_wh
    value[after[next_one]] = between_wh[next_one]
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
