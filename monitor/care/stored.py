"""Areas and their loads as the warehouse holds them: feeders with a rating, and their quarter-hours.

A feeder's rating is active power as it is given in the settings, so its power factor counts as 1 here.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ibis

from monitor.care.areas import Area, Loads, loads_of
from monitor.warehouse.engine import in_process, star

LOOK_BACK = timedelta(weeks=10)
"""More says little about the coming week."""


def from_warehouse(folder: Path) -> tuple[tuple[Area, ...], dict[str, Loads]]:
    """Areas by name, and loads by area; both empty where nothing was loaded."""
    of = star(in_process(folder))
    rated = of.transformers.select("feeder_id", "rating_w").to_pyarrow().to_pylist()
    areas = tuple(
        Area(id=row["feeder_id"], rated_kva=row["rating_w"] / 1000.0, power_factor=1.0)
        for row in sorted(rated, key=lambda row: str(row["feeder_id"]))
        if row["rating_w"]
    )
    newest = of.feeders.begins_at.max().to_pyarrow().as_py()
    if newest is None:
        return areas, {}
    since = _utc(newest) - LOOK_BACK
    seen = of.feeders.filter(of.feeders.date >= ibis.literal(since.date()))
    rows: dict[str, dict[datetime, dict[str, float]]] = {}
    for row in seen.select("feeder_id", "begins_at", "base_w", "charging_w").to_pyarrow().to_pylist():
        known = row["base_w"] is not None and row["charging_w"] is not None
        load_kw = (row["base_w"] + row["charging_w"]) / 1000.0 if known else math.nan
        charging_kw = row["charging_w"] / 1000.0 if known else math.nan
        figures = {"load_kw": load_kw, "charging_kw": charging_kw, "forecast_kw": math.nan, "ambient_c": math.nan}
        rows.setdefault(row["feeder_id"], {})[_utc(row["begins_at"])] = figures
    return areas, {feeder: loads_of(quarters) for feeder, quarters in rows.items()}


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
