"""The star: facts with a day to be found by, dimensions that say who and where. Times are UTC, energy Wh, power W."""

from __future__ import annotations

import pyarrow as pa

MOMENT = pa.timestamp("us", tz="UTC")

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
}
"""Each is one file, written anew by every load."""

KEYS: dict[str, tuple[str, ...]] = {
    "fact_session": ("session_id",),
    "fact_meter_15min": ("station_id", "evse_id", "begins_at"),
    "hour_evse": ("station_id", "evse_id", "begins_at"),
    "day_evse": ("station_id", "evse_id"),
}
"""What makes a row of a day the same again."""

KNOWN: dict[str, tuple[str, ...]] = {"fact_meter_15min": ("samples", "coalesce(energy_wh, 0)")}
"""What tells how much a row knows, the weightier first: a quarter-hour from fewer samples, or from as many without the
register before them, replaces nothing."""
