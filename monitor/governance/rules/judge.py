"""All rules on all facts, and of each broken order the primary cause. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from monitor.governance.facts import Facts, Ints
from monitor.governance.rules import meters, orders, robust, times
from monitor.governance.rules.catalogue import CAUSES, Limits
from monitor.governance.rules.orders import StationDays
from monitor.governance.rules.robust import Cells
from monitor.governance.rules.view import Verdict, View, view_of


@dataclass(frozen=True, slots=True)
class Judgement:
    """Verdicts by rule id; what the rows of Q18 (`days`) and of R01 to R03 (`cells`) are."""

    verdicts: Mapping[str, Verdict]
    days: StationDays
    cells: Mapping[str, Cells]
    primary: Ints
    """For each order the place of its primary cause in `CAUSES`, -1 for a sound one."""

    def cause(self, order: int) -> str:
        """The id of the rule that explains best what is wrong with an order; empty for a sound one."""
        place = int(self.primary[order])
        return CAUSES[place] if place >= 0 else ""


def judge(facts: Facts, limits: Limits | None = None) -> Judgement:
    """Judge; what is NaN is compared with nothing."""
    with np.errstate(invalid="ignore", divide="ignore"):
        view = view_of(facts, limits or Limits())
        faults = meters.pair_faults(view)
        found = meters.integral(view, faults)
        by_order = _on_orders(view, faults, found)
        days = orders.station_days(view)
        others = (orders.transitions(view), orders.signs_of_life(view), orders.daily_count(view, days))
        leads = (robust.hourly_power(view), robust.drift(view, found.ratio), robust.siblings(view, found.ratio))
    verdicts = {v.rule_id: v for v in (*by_order, *others, *(lead for _, lead in leads))}
    cells = {lead.rule_id: where for where, lead in leads}
    return Judgement(dict(sorted(verdicts.items())), days, cells, primary_causes(verdicts, len(facts.orders)))


def _on_orders(view: View, faults: meters.PairFaults, found: meters.Integral) -> tuple[Verdict, ...]:
    return (
        meters.order_energy(view),
        meters.power_integral(view, found),
        meters.charge_falls(view),
        meters.backward(view),
        meters.stuck(view, faults),
        meters.nameplate(view),
        times.gaps(view),
        orders.overlaps(view),
        times.outside(view),
        orders.duplicates(view),
        times.missing(view),
        times.impossible(view),
        meters.orderless(view),
        orders.money(view),
        meters.charge_energy(view),
    )


def primary_causes(verdicts: Mapping[str, Verdict], count: int) -> Ints:
    """The first of `CAUSES` that each order breaks, -1 for none.

    A power above the nameplate (Q06) whose integral is off as well (Q02) is a wrong power and no wrong load: the
    register, which would show the load, says otherwise.
    """
    result = np.full(count, -1, np.int64)
    for place in reversed(range(len(CAUSES))):
        result[verdicts[CAUSES[place]].broken] = place
    power = CAUSES.index("Q06")
    result[(result == power) & verdicts["Q02"].broken] = CAUSES.index("Q02")
    return result
