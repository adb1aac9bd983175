"""Areas and their loads as the warehouse holds them: feeders with a rating, and their quarter-hours; and what the
forecasts of the central system say of them.

A feeder's rating is active power as it is given in the settings, so its power factor counts as 1 here. Its load is the
charging of all stations under it and the base loads of it and of all feeders below.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ibis
import numpy as np

from monitor.care.areas import QUARTER, WEEK, Area, Loads, loads_of
from monitor.store.forecast import FILE_NAME, ForecastValue, open_forecasts
from monitor.warehouse.engine import in_process, star

LOOK_BACK = timedelta(weeks=10)
"""More says little about the coming week."""
DAY = timedelta(days=1)
RUN_AGE_MAX = timedelta(hours=6)
"""A forecast of a day that was made so long before it began is no forecast of that day any more."""
KW_OF_KWH = 4.0
"""A kWh in a quarter-hour."""
BASE, CHARGING = "base:", "feeder:"
"""Series of the forecasts: base load right at a feeder, charging of the stations right at it."""
NOTHING_KW = 0.1
Said = Mapping[str, Mapping[datetime, ForecastValue]]


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
    base: dict[str, dict[datetime, float]] = {}
    charging: dict[str, dict[datetime, float]] = {}
    for row in seen.select("feeder_id", "begins_at", "base_w", "charging_w").to_pyarrow().to_pylist():
        at = _utc(row["begins_at"])
        base.setdefault(row["feeder_id"], {})[at] = _kw(row["base_w"])
        charging.setdefault(row["feeder_id"], {})[at] = _kw(row["charging_w"])
    below = below_of(folder)
    return areas, {feeder: _loads(base, charging[feeder], below.get(feeder, (feeder,))) for feeder in base}


def below_of(folder: Path) -> dict[str, tuple[str, ...]]:
    """By feeder: it and all that hang below it."""
    rows = star(in_process(folder)).transformers
    parents = {row["feeder_id"]: row["parent"] or "" for row in rows.to_pyarrow().to_pylist()}
    found: dict[str, list[str]] = {feeder: [] for feeder in parents}
    for feeder in parents:
        above, seen = feeder, set[str]()
        while above in parents and above not in seen:
            seen.add(above)
            found[above].append(feeder)
            above = parents[above]
    return {feeder: tuple(names) for feeder, names in found.items()}


def _loads(
    base: Mapping[str, Mapping[datetime, float]], charging: Mapping[datetime, float], below: Sequence[str]
) -> Loads:
    """A quarter-hour is known when the charging and the base load of every feeder of the tree is that ever told any."""
    telling = [base[feeder] for feeder in below if feeder in base]
    rows = {}
    for at, cars in charging.items():
        load = cars + sum(one.get(at, math.nan) for one in telling)
        rows[at] = {"load_kw": load, "charging_kw": cars if math.isfinite(load) else math.nan,
                    "forecast_kw": math.nan, "ambient_c": math.nan}  # fmt: skip
    return loads_of(rows)


def with_forecasts(told: Mapping[str, Loads], below: Mapping[str, Sequence[str]], data_dir: Path) -> dict[str, Loads]:
    """Loads with what the central system's forecasts said of them day by day, and say of the coming days."""
    if not (data_dir / FILE_NAME).is_file() or not told:
        return dict(told)
    ends = {feeder: _end(loads) for feeder, loads in told.items()}
    names = {name for feeder in told for one in below.get(feeder, (feeder,)) for name in (BASE + one, CHARGING + one)}
    said = asyncio.run(_read(data_dir, names, min(ends.values()) - LOOK_BACK, max(ends.values())))
    return {feeder: _forecast(loads, below.get(feeder, (feeder,)), said) for feeder, loads in told.items()}


async def _read(data_dir: Path, names: Iterable[str], since: datetime, newest: datetime) -> dict[datetime, Said]:
    """By when it was said, one run for each day back from the newest: series -> step -> value."""
    store = await open_forecasts(data_dir)
    try:
        runs = [_utc(run) for run in await store.runs(since)]
        days = (newest - n * DAY for n in range((newest - since) // DAY + 1))
        wanted = {run for day in days if (run := _run_of(runs, day)) is not None}
        found: dict[datetime, dict[str, dict[datetime, ForecastValue]]] = {}
        for row in await store.values_of(sorted(wanted), sorted(names)):
            found.setdefault(_utc(row.made_at), {}).setdefault(row.series, {})[_utc(row.target_at)] = row
        return dict(found)
    finally:
        await store.close()


def _run_of(runs: Sequence[datetime], day: datetime) -> datetime | None:
    """The last run that was there when a day began, if it was fresh."""
    known = [run for run in runs if day - RUN_AGE_MAX <= run <= day]
    return max(known, default=None)


def _end(loads: Loads) -> datetime:
    return loads.begins_at + len(loads.load_kw) * QUARTER


def _forecast(loads: Loads, below: Sequence[str], said: Mapping[datetime, Said]) -> Loads:
    past, end, runs = len(loads.load_kw), _end(loads), list(said)
    length = past + WEEK
    forecast, above, cars = (np.full(length, np.nan) for _ in range(3))
    for back in range(past // 96 + 1):
        begin = end - back * DAY
        run = _run_of(runs, begin)
        if run is None or not _tells(said[run], below, loads):
            continue
        last = WEEK if back == 0 else 96
        for n in range(last):
            place = past - back * 96 + n
            step = _step(said[run], below, begin + n * QUARTER)
            if step is not None and 0 <= place < length:
                forecast[place], above[place], cars[place] = step
    ambient = np.full(length, np.nan)
    ambient[: min(len(loads.ambient_c), length)] = loads.ambient_c[:length]
    return replace(loads, forecast_kw=forecast, above_kw=above, charging_to_come_kw=cars[past:], ambient_c=ambient)


def _tells(said: Said, below: Sequence[str], loads: Loads) -> bool:
    """Whether a run has what the load is made of: a forecast of its charging alone is none of it."""
    parts = {CHARGING: loads.charging_kw, BASE: loads.load_kw - loads.charging_kw}
    drawn = (prefix for prefix, part in parts.items() if np.nanmax(part, initial=0.0) > NOTHING_KW)
    return all(any(prefix + one in said for one in below) for prefix in drawn)


def _step(said: Said, below: Sequence[str], at: datetime) -> tuple[float, float, float] | None:
    """(load, how far the upper end of its band lies above it, charging in it) of a step, kW; None where a series that
    the run has does not reach so far. Bands of parts add up as if all went wrong together.
    """
    names = [name for one in below for name in (CHARGING + one, BASE + one) if name in said]
    rows = [(name, said[name].get(at)) for name in names]
    if not rows or any(row is None for _, row in rows):
        return None
    known = [(name, row) for name, row in rows if row is not None]
    load = sum(row.expected_kwh for _, row in known)
    width = sum((row.high_kwh if row.high_kwh is not None else math.nan) - row.expected_kwh for _, row in known)
    cars = sum(row.expected_kwh for name, row in known if name.startswith(CHARGING))
    return KW_OF_KWH * load, KW_OF_KWH * max(width, 0.0) if math.isfinite(width) else math.nan, KW_OF_KWH * cars


def _kw(watts: float | None) -> float:
    return math.nan if watts is None else watts / 1000.0


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
