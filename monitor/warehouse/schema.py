"""The star: facts with a day to be found by, dimensions that say who and where. Times are UTC, energy Wh, power W."""

from __future__ import annotations

import pyarrow as pa

MOMENT = pa.timestamp("us", tz="UTC")
OWN = "own"
"""The operator of this central system, as the one set of facts calls it."""
LEVELS = ("sharp", "peak", "flat", "valley", "deep")
"""Levels of a tariff's hours, dearest first."""

FACTS: dict[str, pa.Schema] = {
    "fact_session": pa.schema(
        [
            ("session_id", pa.int64()),
            ("station_id", pa.string()),
            ("evse_id", pa.int32()),
            ("started_at", MOMENT),
            ("ended_at", MOMENT),
            ("plugged_s", pa.float64()),
            ("charging_s", pa.float64()),
            ("energy_wh", pa.float64()),
            ("start_register_wh", pa.float64()),
            ("end_register_wh", pa.float64()),
            ("stop_reason", pa.string()),
            ("user_hash", pa.string()),
            ("cost", pa.float64()),
            ("vehicle_class", pa.string()),
            ("doubted", pa.string()),
            ("tariff_id", pa.string()),
            *((f"{level}_wh", pa.float64()) for level in LEVELS),
            ("electricity_yuan", pa.float64()),
            ("service_yuan", pa.float64()),
        ]
    ),
    "fact_order": pa.schema(
        [
            ("operator_id", pa.string()),
            ("order_id", pa.string()),
            ("source", pa.string()),
            ("station_id", pa.string()),
            ("connector_id", pa.string()),
            ("started_at", MOMENT),
            ("ended_at", MOMENT),
            ("energy_wh", pa.float64()),
            *((f"{level}_wh", pa.float64()) for level in LEVELS),
            ("electricity_yuan", pa.float64()),
            ("service_yuan", pa.float64()),
            ("money_yuan", pa.float64()),
            ("stop_reason", pa.string()),
            ("doubted", pa.string()),
            ("repeated", pa.bool_()),
        ]
    ),
    # `slot`: which quarter-hour of the UTC day, so that none of millions of moments has to be taken apart.
    "fact_meter_15min": pa.schema(
        [
            ("station_id", pa.string()),
            ("evse_id", pa.int32()),
            ("begins_at", MOMENT),
            ("slot", pa.int32()),
            ("energy_wh", pa.float64()),
            ("power_mean_w", pa.float64()),
            ("power_max_w", pa.float64()),
            ("soc_min", pa.float64()),
            ("soc_max", pa.float64()),
            ("samples", pa.int64()),
        ]
    ),
    "fact_status": pa.schema(
        [
            ("change_id", pa.int64()),
            ("station_id", pa.string()),
            ("evse_id", pa.int32()),
            ("connector_id", pa.int32()),
            ("begins_at", MOMENT),
            ("state", pa.string()),
            ("error_code", pa.string()),
            ("cause", pa.string()),
        ]
    ),
    "fact_alarm": pa.schema(
        [
            ("alarm_id", pa.string()),
            ("source", pa.string()),
            ("operator_id", pa.string()),
            ("station_id", pa.string()),
            ("kind", pa.string()),
            ("level", pa.int32()),
            ("count", pa.int64()),
            ("raised_at", MOMENT),
            ("confirmed_at", MOMENT),
            ("cleared_at", MOMENT),
        ]
    ),
    "fact_limit": pa.schema(
        [
            ("source", pa.string()),
            ("feeder_id", pa.string()),
            ("limit_id", pa.string()),
            ("version", pa.int64()),
            ("power_w", pa.int64()),
            ("direction", pa.string()),
            ("received_at", MOMENT),
            ("issued_at", MOMENT),
            ("valid_from", MOMENT),
            ("valid_to", MOMENT),
            ("cancelled", pa.bool_()),
            ("reason", pa.string()),
        ]
    ),
    "fact_call": pa.schema(
        [
            ("call_id", pa.string()),
            ("direction", pa.string()),
            ("partner", pa.string()),
            ("interface", pa.string()),
            ("begins_at", MOMENT),
            ("state", pa.string()),
            ("code", pa.int64()),
            ("attempts", pa.int64()),
            ("latency_s", pa.float64()),
        ]
    ),
    "fact_feeder_15min": pa.schema(
        [
            ("feeder_id", pa.string()),
            ("begins_at", MOMENT),
            ("base_w", pa.float64()),
            ("charging_w", pa.float64()),
            ("looks", pa.int64()),
        ]
    ),
    "fact_quality": pa.schema(
        [
            ("operator_id", pa.string()),
            ("station_id", pa.string()),
            ("source", pa.string()),
            ("total", pa.float64()),
            ("grade", pa.string()),
        ]
    ),
    "day_connector": pa.schema(
        [
            ("station_id", pa.string()),
            ("evse_id", pa.int32()),
            ("connector_id", pa.int32()),
            ("known_s", pa.float64()),
            ("occupied_s", pa.float64()),
            ("faulted_s", pa.float64()),
            ("unavailable_s", pa.float64()),
            ("faults", pa.int64()),
            ("ends_in", pa.string()),
        ]
    ),
    "hour_evse": pa.schema(
        [
            ("station_id", pa.string()),
            ("evse_id", pa.int32()),
            ("begins_at", MOMENT),
            ("energy_wh", pa.float64()),
            ("power_max_w", pa.float64()),
            ("busy_quarters", pa.int64()),
        ]
    ),
    "day_evse": pa.schema(
        [
            ("station_id", pa.string()),
            ("evse_id", pa.int32()),
            ("energy_wh", pa.float64()),
            ("power_max_w", pa.float64()),
            ("busy_quarters", pa.int64()),
            ("sessions", pa.int64()),
            ("sessions_without_user", pa.int64()),
            ("plugged_s", pa.float64()),
            ("charging_s", pa.float64()),
        ]
    ),
}
"""Each lies in `<name>/date=YYYY-MM-DD/`: the UTC day of its beginning. `hour_evse` and `day_evse` are rolled up from
the others, so that a page costs the same whatever lies behind it."""

DIMENSIONS: dict[str, pa.Schema] = {
    "dim_station": pa.schema(
        [
            ("station_id", pa.string()),
            ("site_id", pa.string()),
            ("feeder_id", pa.string()),
            ("vendor", pa.string()),
            ("model", pa.string()),
            ("firmware", pa.string()),
            ("protocol", pa.string()),
            ("operator_id", pa.string()),
            ("region_code", pa.string()),
            ("station_type", pa.string()),
        ]
    ),
    "dim_evse": pa.schema(
        [
            ("station_id", pa.string()),
            ("evse_id", pa.int32()),
            ("kind", pa.string()),
            ("phases", pa.int32()),
            ("power_max_w", pa.int64()),
        ]
    ),
    "dim_site": pa.schema(
        [
            ("site_id", pa.string()),
            ("name", pa.string()),
            ("operator_id", pa.string()),
            ("region_code", pa.string()),
            ("longitude", pa.float64()),
            ("latitude", pa.float64()),
            ("station_type", pa.string()),
        ]
    ),
    "dim_operator": pa.schema([("operator_id", pa.string()), ("name", pa.string())]),
    "dim_region": pa.schema([("region_code", pa.string()), ("name", pa.string()), ("parent", pa.string())]),
    "dim_feeder": pa.schema([("feeder_id", pa.string()), ("parent", pa.string()), ("rating_w", pa.float64())]),
    "dim_vehicle_class": pa.schema([("vehicle_class", pa.string()), ("title", pa.string())]),
    "dim_date": pa.schema(
        [
            ("date", pa.date32()),
            ("weekday", pa.int32()),
            ("working", pa.bool_()),
            ("holiday", pa.bool_()),
            ("month", pa.int32()),
            ("season", pa.string()),
        ]
    ),
    "dim_tariff_period": pa.schema(
        [
            ("begins_at", MOMENT),
            ("local_date", pa.date32()),
            ("local_hour", pa.int32()),
            ("tariff_id", pa.string()),
            ("level", pa.string()),
            ("price_yuan", pa.float64()),
            ("flat_yuan", pa.float64()),
        ]
    ),
}
"""Each is one file, written anew by every load."""

KEYS: dict[str, tuple[str, ...]] = {
    "fact_session": ("session_id",),
    "fact_meter_15min": ("station_id", "evse_id", "begins_at"),
    "fact_order": ("operator_id", "order_id", "source"),
    "fact_status": ("change_id",),
    "fact_alarm": ("alarm_id",),
    "fact_limit": ("source", "feeder_id", "limit_id", "version"),
    "fact_call": ("call_id",),
    "fact_feeder_15min": ("feeder_id", "begins_at"),
    "fact_quality": ("operator_id", "station_id", "source"),
    "day_connector": ("station_id", "evse_id", "connector_id"),
    "hour_evse": ("station_id", "evse_id", "begins_at"),
    "day_evse": ("station_id", "evse_id"),
}
"""What makes a row of a day the same again."""

KNOWN: dict[str, tuple[str, ...]] = {"fact_meter_15min": ("samples", "coalesce(energy_wh, 0)")}
"""What tells how much a row knows, the weightier first: a quarter-hour from fewer samples, or from as many without the
register before them, replaces nothing."""
