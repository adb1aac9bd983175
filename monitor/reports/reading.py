"""From the warehouse to what a report tells. Takes seconds: not for an event loop."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from monitor.reports.told import FeederLoad, Told
from monitor.warehouse.audiences import asked_of, figures_for
from monitor.warehouse.calendar import ZONE
from monitor.warehouse.engine import in_process, star
from monitor.warehouse.files import Files
from monitor.warehouse.report import Asked


def read_told(folder: Path, audience: str, asked: Asked, **more: Any) -> Told:
    """The figures of an audience with the hours and feeders beside them; `more` goes into `Told`."""
    of = star(in_process(folder))
    hours: dict[datetime, float] = defaultdict(float)
    for row in asked_of(of, "hourly", asked):
        hours[row["begins_at"].astimezone(ZONE)] += row["energy_kwh"]
    loads: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
    ratings: dict[str, float] = {}
    for row in asked_of(of, "feeder_loads", asked) if audience == "grid" else ():
        if row["rating_w"]:
            loads[row["feeder_id"]].append((row["begins_at"].astimezone(ZONE), row["load_w"] / 1000))
            ratings[row["feeder_id"]] = row["rating_w"] / 1000
    feeders = tuple(FeederLoad(name, ratings[name], tuple(points)) for name, points in sorted(loads.items()))
    report = figures_for(of, audience, asked)
    return Told(report, tuple(_filled(hours, asked)), feeders, **more)


def _filled(hours: dict[datetime, float], asked: Asked) -> list[tuple[datetime, float]]:
    """Every hour of the days, 0 where nothing was metered; nothing at all where there never was."""
    if not hours:
        return []
    count = asked.days * 24
    start = asked.since.astimezone(ZONE)
    return [(at := start + timedelta(hours=number), hours.get(at, 0.0)) for number in range(count)]


def known_days(folder: Path) -> tuple[date, date] | None:
    """The oldest and the newest local day of which something is known; None for an empty warehouse."""
    if not folder.is_dir():
        return None
    spans = [known for fact in ("day_evse", "fact_order") if (known := Files(folder).days(fact))]
    return (min(days[0] for days in spans), max(days[-1] for days in spans)) if spans else None


def newest_day(folder: Path) -> date | None:
    """The newest of them."""
    known = known_days(folder)
    return known[1] if known is not None else None
