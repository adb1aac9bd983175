"""Roll-ups of outlets by hour and by day as expressions: a page costs the same after three years. Pure."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

BUSY_WH = 1.0
"""Less than this in a quarter-hour is what an idle pile uses itself."""
OUTLET = ("station_id", "evse_id")


def hour_evse(quarters: ir.Table) -> ir.Table:
    """An outlet's hours: Wh, highest power in W, quarter-hours in which it gave energy."""
    known = _metered(quarters)
    return _summed(known.mutate(begins_at=known.begins_at.truncate("h")), (*OUTLET, "begins_at"))


def day_evse(quarters: ir.Table, sessions: ir.Table) -> ir.Table:
    """An outlet's day; sessions count on the day of their start, seconds plugged in and charging with them."""
    nothing = {"sessions": 0, "sessions_without_user": 0, "plugged_s": 0.0, "charging_s": 0.0}
    metered = _metered(quarters).mutate(**{name: ibis.literal(zero) for name, zero in nothing.items()})
    begun = sessions.select(
        *OUTLET,
        energy_wh=ibis.literal(0.0),
        power_max_w=ibis.literal(0.0),
        busy_quarters=ibis.literal(0),
        sessions=ibis.literal(1),
        sessions_without_user=sessions.user_hash.isnull().cast("int64"),
        plugged_s=sessions.plugged_s.fill_null(0.0),
        charging_s=sessions.charging_s.fill_null(0.0),
    )
    metered = metered.select(begun.columns)
    whole = dict.fromkeys(("busy_quarters", "sessions", "sessions_without_user"), "int64")
    return _summed(metered.cast(whole).union(begun.cast(whole)), OUTLET, *nothing)


def _metered(quarters: ir.Table) -> ir.Table:
    energy_wh = quarters.energy_wh.fill_null(0.0)
    return quarters.select(
        *OUTLET,
        "begins_at",
        energy_wh=energy_wh,
        power_max_w=quarters.power_max_w.fill_null(0.0),
        busy_quarters=(energy_wh > BUSY_WH).cast("int64"),
    )


def _summed(rows: ir.Table, keys: tuple[str, ...], *more: str) -> ir.Table:
    sums = {name: rows[name].sum() for name in ("energy_wh", "busy_quarters", *more)}
    return rows.group_by(keys).aggregate(power_max_w=rows.power_max_w.max(), **sums).order_by(keys)
