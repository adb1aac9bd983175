"""What the figures of all audiences are made from, as expressions over roll-ups and facts; every engine gives the same.

Each takes what was asked for and gives a small table, in a fixed order. Days are local (Asia/Shanghai) where hours or
moments tell them; connectors are rolled up by UTC days.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import ibis
import ibis.expr.types as ir

from monitor.warehouse.engine import Star
from monitor.warehouse.reliability import BAD_ENDS, ENERGY_MIN_KWH
from monitor.warehouse.report import Asked
from monitor.warehouse.schema import LEVELS, OWN

DAY = timedelta(days=1)
Measure = Callable[[Star, Asked], ir.Table]


def hourly(of: Star, asked: Asked) -> ir.Table:
    """begins_at, local_date, energy_kwh of every hour in which something was metered."""
    hours = _asked_hours(of, asked)
    sums = hours.group_by("begins_at", "local_date").aggregate(energy_kwh=hours.energy_wh.sum() / 1000.0)
    return sums.order_by("begins_at")


def levels(of: Star, asked: Asked) -> ir.Table:
    """level, energy_kwh, and what it costs at the price of its hours and at the flat price, yuan."""
    hours = _asked_hours(of, asked)
    energy_kwh = hours.energy_wh / 1000.0
    return (
        hours.group_by("level")
        .aggregate(
            energy_kwh=energy_kwh.sum(),
            priced_kwh=hours.price_yuan.notnull().ifelse(energy_kwh, 0.0).sum(),
            paid_yuan=(energy_kwh * hours.price_yuan).sum().fill_null(0.0),
            flat_yuan=(energy_kwh * hours.flat_yuan).sum().fill_null(0.0),
        )
        .order_by("level")
    )


def by_feeder(of: Star, asked: Asked) -> ir.Table:
    """feeder_id, energy_kwh."""
    hours = _asked_hours(of, asked)
    return hours.group_by("feeder_id").aggregate(energy_kwh=hours.energy_wh.sum() / 1000.0).order_by("feeder_id")


def feeder_loads(of: Star, asked: Asked) -> ir.Table:
    """feeder_id, begins_at, load_w of each quarter-hour that was seen, with the feeder's rating_w."""
    seen = _between(of.feeders, "begins_at", asked)
    rated = seen.inner_join(of.transformers.select("feeder_id", "rating_w"), "feeder_id")
    shown = rated.select("feeder_id", "begins_at", "rating_w", load_w=rated.base_w + rated.charging_w)
    return shown.order_by("feeder_id", "begins_at")


def by_kind(of: Star, asked: Asked) -> ir.Table:
    """kind, energy_kwh and busy quarter-hours of its outlets."""
    hours = _with_kind(_asked_hours(of, asked), of)
    return (
        hours.group_by("kind")
        .aggregate(energy_kwh=hours.energy_wh.sum() / 1000.0, busy_quarters=hours.busy_quarters.sum())
        .order_by("kind")
    )


def outlets(of: Star, asked: Asked) -> ir.Table:
    """kind, outlets that are known, their stations, and how many stations gave energy in the period."""
    known = _with_kind(_placed(of.evses.select("station_id", "evse_id"), of, asked), of)
    active = _asked_hours(of, asked).filter(ibis._.energy_wh > 0).select("station_id").distinct().mutate(active=1)
    joined = known.left_join(active, "station_id")
    return (
        joined.group_by("kind")
        .aggregate(
            outlets=joined.count(),
            stations=joined.station_id.nunique(),
            active_stations=joined.active.notnull().ifelse(joined.station_id, ibis.null("string")).nunique(),
        )
        .order_by("kind")
    )


def by_region(of: Star, asked: Asked) -> ir.Table:
    """region_code, stations that are known, those that gave energy, and how much, kWh."""
    hours = _asked_hours(of, asked)
    energy = hours.group_by("station_id").aggregate(energy_kwh=hours.energy_wh.sum() / 1000.0)
    stations = _placed(of.stations.select("station_id"), of, asked).select("station_id", "region_code")
    joined = stations.left_join(energy, "station_id")
    kwh = joined.energy_kwh.fill_null(0.0)
    return (
        joined.group_by("region_code")
        .aggregate(stations=joined.count(), active_stations=(kwh > 0).cast("int64").sum(), energy_kwh=kwh.sum())
        .order_by("region_code")
    )


def sessions(of: Star, asked: Asked) -> ir.Table:
    """By kind, vendor and model: sessions begun, ended, succeeded, doubted; kWh, hours, money, those without a user."""
    rows = _asked_sessions(of, asked)
    good = (rows.energy_wh >= ENERGY_MIN_KWH * 1000.0) & ~rows.stop_reason.isin(sorted(BAD_ENDS))
    ended = rows.ended_at.notnull()
    return (
        rows.group_by("kind", "vendor", "model")
        .aggregate(
            sessions=rows.count(),
            ended=ended.cast("int64").sum(),
            succeeded=(ended & good).cast("int64").sum(),
            energy_kwh=rows.energy_wh.sum().fill_null(0.0) / 1000.0,
            plugged_h=rows.plugged_s.sum().fill_null(0.0) / 3600.0,
            charging_h=rows.charging_s.sum().fill_null(0.0) / 3600.0,
            without_user=rows.user_hash.isnull().cast("int64").sum(),
            electricity_yuan=rows.electricity_yuan.sum().fill_null(0.0),
            service_yuan=rows.service_yuan.sum().fill_null(0.0),
            told_yuan=rows.cost.sum().fill_null(0.0),
            doubted=(rows.doubted.fill_null("") != "").cast("int64").sum(),
            **{f"{level}_kwh": rows[f"{level}_wh"].sum().fill_null(0.0) / 1000.0 for level in LEVELS},
        )
        .order_by("kind", "vendor", "model")
    )


def vehicles(of: Star, asked: Asked) -> ir.Table:
    """vehicles: how many users there were, by their hashes."""
    rows = _asked_sessions(of, asked)
    return rows.aggregate(vehicles=rows.user_hash.nunique())


def revenue(of: Star, asked: Asked) -> ir.Table:
    """By local month: kWh, yuan for electricity and for service."""
    rows = _asked_sessions(of, asked)
    local = rows.started_at + ibis.interval(hours=8)
    months = rows.mutate(month=local.year() * 100 + local.month())
    return (
        months.group_by("month")
        .aggregate(
            energy_kwh=months.energy_wh.sum().fill_null(0.0) / 1000.0,
            electricity_yuan=months.electricity_yuan.sum().fill_null(0.0),
            service_yuan=months.service_yuan.sum().fill_null(0.0),
        )
        .order_by("month")
    )


def connectors(of: Star, asked: Asked) -> ir.Table:
    """By kind, vendor and model: connectors, hours known, occupied, faulted and unavailable, falls into a fault."""
    days = of.connectors.filter(of.connectors.date >= asked.first, of.connectors.date <= asked.last)
    rows = _with_kind(_placed(days, of, asked), of)
    named = rows.mutate(
        connector=rows.station_id + "/" + rows.evse_id.cast("string") + "/" + rows.connector_id.cast("string")
    )
    hours = {f"{name}_h": named[f"{name}_s"].sum() / 3600.0 for name in ("known", "occupied", "faulted", "unavailable")}
    return (
        named.group_by("kind", "vendor", "model")
        .aggregate(connectors=named.connector.nunique(), faults=named.faults.sum(), **hours)
        .order_by("kind", "vendor", "model")
    )


def fault_codes(of: Star, asked: Asked) -> ir.Table:
    """vendor, model, error_code, and how often a connector fell into it."""
    rows = _placed(_between(of.statuses, "begins_at", asked), of, asked)
    faults = rows.filter(rows.state == "Faulted", rows.error_code != "")
    keys = ["vendor", "model", "error_code"]
    return faults.group_by(keys).aggregate(times=faults.count()).order_by(keys)


def orders(of: Star, asked: Asked) -> ir.Table:
    """Of other operators: orders, those that gave energy, kWh, hours, money; those that physics doubts are counted."""
    rows = _between(of.orders, "started_at", asked)
    rows = rows.filter(~rows.repeated)
    if asked.region or asked.station_type:  # an order does not say where
        rows = rows.filter(ibis.literal(False))
    if asked.operator:
        rows = rows.filter(rows.operator_id == asked.operator)
    seconds = rows.ended_at.epoch_seconds() - rows.started_at.epoch_seconds()
    return (
        rows.group_by("operator_id")
        .aggregate(
            orders=rows.count(),
            succeeded=(rows.energy_wh >= ENERGY_MIN_KWH * 1000.0).cast("int64").sum(),
            doubted=(rows.doubted != "").cast("int64").sum(),
            energy_kwh=rows.energy_wh.sum().fill_null(0.0) / 1000.0,
            hours=seconds.sum().fill_null(0) / 3600.0,
            stations=rows.station_id.nunique(),
            electricity_yuan=rows.electricity_yuan.sum().fill_null(0.0),
            service_yuan=rows.service_yuan.sum().fill_null(0.0),
            money_yuan=rows.money_yuan.sum().fill_null(0.0),
        )
        .order_by("operator_id")
    )


def calls(of: Star, asked: Asked) -> ir.Table:
    """direction, partner: calls, those that were accepted, mean seconds to the answer."""
    rows = _between(of.calls, "begins_at", asked)
    if asked.operator:
        rows = rows.filter(rows.direction == "sent" if asked.operator == OWN else rows.partner == asked.operator)
    return (
        rows.group_by("direction", "partner")
        .aggregate(
            calls=rows.count(),
            accepted=(rows.state == "acked").cast("int64").sum(),
            latency_s=rows.latency_s.mean().fill_null(0.0),
        )
        .order_by("direction", "partner")
    )


def quality(of: Star, asked: Asked) -> ir.Table:
    """operator_id, source, mean of the data-quality scores of the days: of what was sent, of what orders say."""
    rows = of.qualities.filter(of.qualities.date >= asked.first, of.qualities.date <= asked.last)
    if asked.operator:
        rows = rows.filter(rows.operator_id == asked.operator)
    keys = ["operator_id", "source"]
    return rows.group_by(keys).aggregate(score=rows.total.mean()).order_by(keys)


MEASURES: dict[str, Measure] = {
    measure.__name__: measure
    for measure in (
        hourly, levels, by_feeder, feeder_loads, by_kind, outlets, by_region, sessions, vehicles, revenue, connectors,
        fault_codes, orders, calls, quality,
    )
}  # fmt: skip


def _asked_hours(of: Star, asked: Asked) -> ir.Table:
    """Hours of the outlets that are looked at, with their local date, level and prices; empty when none are."""
    rows = _between(of.hours, "begins_at", asked)
    periods = of.periods.select("begins_at", "local_date", "level", "price_yuan", "flat_yuan")
    return _placed(rows, of, asked).inner_join(periods, "begins_at")


def _asked_sessions(of: Star, asked: Asked) -> ir.Table:
    return _with_kind(_placed(_between(of.sessions, "started_at", asked), of, asked), of)


def _between(rows: ir.Table, moment: str, asked: Asked) -> ir.Table:
    """By the moment itself, and by the UTC days, so that no other day's file is read."""
    at = rows[moment]
    return rows.filter(
        rows.date >= asked.since.date(), rows.date <= asked.until.date(), at >= asked.since, at < asked.until
    )


def _placed(rows: ir.Table, of: Star, asked: Asked) -> ir.Table:
    """With vendor, model and feeder of their stations; without a filter stations that are gone count, too."""
    stations = of.stations.select("station_id", "feeder_id", "vendor", "model", "region_code", "station_type")
    joined = rows.left_join(stations, "station_id").drop("station_id_right")
    words = ("feeder_id", "vendor", "model", "region_code", "station_type")
    placed = joined.mutate(**{name: joined[name].fill_null("") for name in words})
    if not asked.own:
        placed = placed.filter(ibis.literal(False))
    if asked.region:
        placed = placed.filter(placed.region_code.startswith(asked.region))
    if asked.station_type:
        placed = placed.filter(placed.station_type == asked.station_type)
    return placed


def _with_kind(rows: ir.Table, of: Star) -> ir.Table:
    joined = rows.left_join(of.evses.select("station_id", "evse_id", "kind"), ["station_id", "evse_id"])
    kinds = joined.drop("station_id_right", "evse_id_right")
    return kinds.mutate(kind=kinds.kind.fill_null(""))
