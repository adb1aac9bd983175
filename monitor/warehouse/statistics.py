"""Statistics as expressions. Those by day come from the daily roll-up: a page costs the same after three
years.

Each gives a table with what it is grouped by and its figures; nothing happened is no row. `metered`, `profile` and
`busiest` read quarter-hours themselves, all of the span.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import ibis
import ibis.expr.types as ir

from monitor.warehouse.engine import Star

QUARTERS_A_DAY, BUSIEST = 96, 10
HOUR_BITS, ZONE_H = 2, 8
"""Four quarter-hours make an hour (a shift costs a tenth of a division); Asia/Shanghai has no summer time."""
GROUPS = ("all", "site_id", "feeder_id", "station_id", "kind", "vendor", "model")
"""By what figures can be told apart."""
Statistic = Callable[[Star, date, date, str], ir.Table]


def energy(of: Star, first: date, last: date, by: str = "all") -> ir.Table:
    """kWh metered, and the highest quarter-hour of a single outlet, kW."""
    return _by_day(of, first, last, by, lambda rows: {
        "energy_kwh": rows.energy_wh.sum() / 1000.0,
        "power_max_kw": rows.power_max_w.max() / 1000.0,
    })  # fmt: skip


def sessions(of: Star, first: date, last: date, by: str = "all") -> ir.Table:
    """Sessions by the day of their start, those without a user apart; hours plugged in and hours charging."""
    return _by_day(of, first, last, by, lambda rows: {
        "sessions": rows.sessions.sum(),
        "without_user": rows.sessions_without_user.sum(),
        "plugged_h": rows.plugged_s.sum() / 3600.0,
        "charging_h": rows.charging_s.sum() / 3600.0,
    })  # fmt: skip


def utilisation(of: Star, first: date, last: date, by: str = "all") -> ir.Table:
    """Quarter-hours in which an outlet gave energy, of all that outlets had: those known now, and those that did
    something on these days. Never above 1."""
    busy = _by_day(of, first, last, by, lambda rows: {"busy_quarters": rows.busy_quarters.sum()})
    active = _within(of.days, first, last).select("station_id", "evse_id")
    outlets = _placed(of.evses.select("station_id", "evse_id").union(active, distinct=True), of, by)
    if by == "all":
        joined = busy.cross_join(outlets.aggregate(outlets=outlets.count()))
    else:
        joined = busy.join(outlets.group_by(by).aggregate(outlets=outlets.count()), by)
    wide = joined.mutate(utilisation=joined.busy_quarters / (joined.outlets * float(QUARTERS_A_DAY)))
    return wide.order_by([name for name in ("date", by) if name in wide.columns])


def metered(of: Star, first: date, last: date, by: str = "all") -> ir.Table:
    """As `energy`, but from the quarter-hours themselves: what the roll-up is judged by."""
    rows = _within(of.quarters, first, last)
    if by not in ("all", "station_id"):  # sums of sums: fewer rows meet the dimension
        outlet = ("station_id", "evse_id") if by == "kind" else ("station_id",)
        sums = {"energy_wh": rows.energy_wh.sum(), "power_max_w": rows.power_max_w.max()}
        rows = _placed(rows.group_by("date", *outlet).aggregate(**sums), of, by)
    keys = _keys("date", by)
    energy_kwh = rows.energy_wh.sum().fill_null(0.0) / 1000.0
    power_max_kw = rows.power_max_w.max().fill_null(0.0) / 1000.0
    return rows.group_by(keys).aggregate(energy_kwh=energy_kwh, power_max_kw=power_max_kw).order_by(keys)


def profile(of: Star, first: date, last: date, by: str = "all") -> ir.Table:
    """Power of an outlet by hour of the day (Asia/Shanghai), kW: mean, and the 95th percentile of
    its quarter-hours."""
    rows = _placed(_within(of.quarters, first, last), of, by)
    shifted = rows.mutate(hour=(((rows.slot >> HOUR_BITS) + ZONE_H) % 24).cast("int32"))
    keys = _keys("hour", by)
    power_kw = shifted.power_mean_w / 1000.0
    return shifted.group_by(keys).aggregate(mean_kw=power_kw.mean(), p95_kw=power_kw.quantile(0.95)).order_by(keys)


def busiest(of: Star, first: date, last: date, by: str = "all") -> ir.Table:
    """The ten outlets that gave most energy, kWh; of each group."""
    rows = _within(of.quarters, first, last)
    outlets = rows.group_by("station_id", "evse_id").aggregate(energy_kwh=rows.energy_wh.sum().fill_null(0.0) / 1000.0)
    groups = [] if by == "all" else [by]
    sums = _placed(outlets, of, by).select(*dict.fromkeys([*groups, "station_id", "evse_id", "energy_kwh"]))
    window = ibis.window(group_by=groups or None, order_by=[ibis.desc("energy_kwh"), "station_id", "evse_id"])
    ranked = sums.mutate(rank=ibis.row_number().over(window) + 1)
    return ranked.filter(ranked["rank"] <= BUSIEST).order_by([*groups, "rank"])


STATISTICS: dict[str, Statistic] = {
    "energy": energy,
    "sessions": sessions,
    "utilisation": utilisation,
    "metered": metered,
    "profile": profile,
    "busiest": busiest,
}


def _by_day(of: Star, first: date, last: date, by: str, figures: Callable[[ir.Table], dict[str, ir.Value]]) -> ir.Table:
    rows = _placed(_within(of.days, first, last), of, by)
    keys = _keys("date", by)
    return rows.group_by(keys).aggregate(**figures(rows)).order_by(keys)


def _within(days: ir.Table, first: date, last: date) -> ir.Table:
    return days.filter(days.date >= ibis.literal(first), days.date <= ibis.literal(last))


def _keys(first: str, by: str) -> list[str]:
    return [first] if by == "all" else [first, by]


def _placed(rows: ir.Table, of: Star, by: str) -> ir.Table:
    """With the column to group by, from the dimension that has it; an empty word where it says nothing (any more)."""
    if by in ("all", "station_id"):
        return rows
    keys = ["station_id", "evse_id"] if by == "kind" else ["station_id"]
    dimension = (of.evses if by == "kind" else of.stations).select(*keys, by)
    placed = rows.left_join(dimension, keys).drop(*(f"{key}_right" for key in keys))
    return placed.mutate(**{by: placed[by].fill_null("")})
