"""Statistics by day as expressions, from the daily roll-up: what a page shows costs the same after three years.

Each gives a table with `date`, what it is grouped by, and its figures; nothing happened is no row.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import ibis
import ibis.expr.types as ir

from monitor.warehouse.engine import Star

QUARTERS_A_DAY = 96
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
    outlets = _placed(of.evses.select("station_id", "evse_id").union(active, distinct=True), of)
    if by == "all":
        joined = busy.cross_join(outlets.aggregate(outlets=outlets.count()))
    else:
        joined = busy.join(outlets.group_by(by).aggregate(outlets=outlets.count()), by)
    wide = joined.mutate(utilisation=joined.busy_quarters / (joined.outlets * float(QUARTERS_A_DAY)))
    return wide.order_by([name for name in ("date", by) if name in wide.columns])


STATISTICS: dict[str, Statistic] = {"energy": energy, "sessions": sessions, "utilisation": utilisation}


def _by_day(of: Star, first: date, last: date, by: str, figures: Callable[[ir.Table], dict[str, ir.Value]]) -> ir.Table:
    rows = _placed(_within(of.days, first, last), of)
    keys = ["date"] if by == "all" else ["date", by]
    return rows.group_by(keys).aggregate(**figures(rows)).order_by(keys)


def _within(days: ir.Table, first: date, last: date) -> ir.Table:
    return days.filter(days.date >= ibis.literal(first), days.date <= ibis.literal(last))


def _placed(rows: ir.Table, of: Star) -> ir.Table:
    """With what the dimensions say of an outlet, empty words where they say nothing (any more)."""
    outlets = of.evses.select("station_id", "evse_id", "kind")
    known = rows.left_join(outlets, ["station_id", "evse_id"]).drop("station_id_right", "evse_id_right")
    places = of.stations.select("station_id", "site_id", "feeder_id", "vendor", "model")
    placed = known.left_join(places, "station_id").drop("station_id_right")
    return placed.mutate(**{name: placed[name].fill_null("") for name in GROUPS[1:]})
