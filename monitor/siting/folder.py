"""Reads an area from a folder of CSV files, plain or `.gz`, in the layout of the CHARGED data set.

`stations.csv`: station_id, longitude, latitude, pile_num, total_duration (h), total_volume (kWh), avg_power (kW); and
if known plugs and full_h, the hours in which all plugs were taken, and any counts of what is around
(`around_…`). Further files are used where they are there:
`poi.csv` (longitude, latitude), `volume.csv` and `duration.csv` (first column the time, one column for each
station, kWh and hours in each step), `candidates.csv` and `transformers.csv` (name, longitude, latitude, room_kw),
`presence.csv` (user, longitude, latitude), `sessions.csv` (station_id, start, end, energy_kwh).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from monitor.siting.area import Area, AreaBroken, Sites, Spots
from monitor.siting.cells import cells_of
from monitor.siting.plane import Array
from monitor.siting.presence import users_by_cell
from monitor.siting.stays import Stays

HALF_YEAR_H = 4392.0
"""1 April to 30 September: what a folder without series is taken to cover."""
FULL_SHARE = 0.95
"""Of all plugs in use in the mean of an hour: no car that came in it would have been sure of a plug."""
AROUND = "around_"
NEEDED = ("longitude", "latitude", "pile_num", "total_duration", "total_volume", "avg_power")


def read_area(folder: Path, span_h: float | None = None) -> Area:
    """The area of a folder; raises AreaBroken or OSError. `span_h`: what totals without series cover."""
    table = _table(folder, "stations")
    if table is None:
        raise AreaBroken(f"{folder} holds neither stations.csv nor stations.csv.gz")
    if missing := [name for name in ("station_id", *NEEDED) if name not in table]:
        raise AreaBroken(f"stations.csv has no column {', '.join(missing)}")
    names = [str(value) for value in table["station_id"]]
    if len(set(names)) < len(names):
        raise AreaBroken("stations.csv: a station_id stands twice")
    columns = {name: _numbers(table, name, "stations.csv") for name in (*NEEDED, "plugs", "full_h")}
    volume, duration = (_series(folder, name, names) for name in ("volume", "duration"))
    notes: dict[str, int] = {}
    usable = _usable(columns, notes)
    energy, busy = columns["total_volume"], columns["total_duration"]
    span, hourly, full = None, None, columns["full_h"]
    if volume is not None:
        energy, span, span_h, hourly = _summed(volume, span_h)
    open_kwh = energy
    if duration is not None:
        busy = _amounts(duration[1]).sum(axis=0)
    if duration is not None and volume is not None and duration[0] == volume[0]:
        full, open_kwh = _full_steps(volume, duration[1], columns["plugs"], full)
    stays = _stays(folder, names)
    if stays is not None:
        full = np.where(np.isfinite(full), full, stays.full_h(columns["plugs"]))
    wants_dc = np.full(len(names), np.nan) if stays is None else stays.wants_dc(len(names))
    sites = Sites(
        names, columns["longitude"], columns["latitude"], np.maximum(_amounts(columns["pile_num"]), 1.0),
        _amounts(energy), _amounts(open_kwh), _amounts(busy), _amounts(columns["avg_power"]), full, wants_dc,
        around=_around(table, counted_in(table), "stations.csv"),
    ).take(usable)  # fmt: skip
    if not len(sites):
        raise AreaBroken("stations.csv: no station has a place")
    notes["unused"] = int((sites.energy_kwh <= 0).sum())
    covered = span_h or HALF_YEAR_H
    notes["busier_than_time"] = int((sites.busy_h / sites.piles > covered).sum())
    return with_layers(
        Area(
            folder.resolve().name, sites, np.empty(0), np.empty(0), covered, span_h is not None, span, hourly,
            session_kwh=stays.session_kwh if stays else None, notes=notes,
        ),
        folder,
        counted_in(table),
    )  # fmt: skip


def with_layers(area: Area, folder: Path, counts: Sequence[str] = ()) -> Area:
    """The area with the points, candidates, transformers and users of a folder in place of its own; raises
    AreaBroken. `counts`: columns of candidates that tell what was counted around them, as for sites.
    """
    notes = dict(area.notes)
    longitude, latitude = _points(folder, notes)
    if not len(longitude):
        longitude, latitude = area.longitude, area.latitude
    return replace(
        area, longitude=longitude, latitude=latitude,
        candidates=_spots(folder, "candidates", counts) or area.candidates,
        transformers=_spots(folder, "transformers") or area.transformers,
        presence=_presence(folder) or area.presence, notes=notes,
    )  # fmt: skip


def _usable(columns: Mapping[str, Array], notes: dict[str, int]) -> Any:
    """Rows with a place on earth; counts the others."""
    placed = (np.abs(columns["longitude"]) <= 180) & (np.abs(columns["latitude"]) <= 90)
    notes["without_place"] = int((~placed).sum())
    notes["without_piles"] = int((~(columns["pile_num"] >= 1)).sum())
    return placed


def _table(folder: Path, name: str) -> dict[str, list[Any]] | None:
    for path in (folder / f"{name}.csv.gz", folder / f"{name}.csv"):
        if path.is_file():
            try:
                return dict(csv.read_csv(str(path)).to_pydict())
            except (pa.ArrowInvalid, UnicodeDecodeError) as fault:
                raise AreaBroken(f"{path.name}: {fault}") from fault
    return None


def _numbers(table: Mapping[str, Sequence[Any]], name: str, where: str) -> Array:
    """A column as numbers, NaN where there are none; raises AreaBroken for words."""
    if name not in table:
        return np.full(len(next(iter(table.values()))), np.nan)
    try:
        return np.array([np.nan if value is None else float(value) for value in table[name]])
    except (TypeError, ValueError) as fault:
        raise AreaBroken(f"{where}: column {name} holds something that is no number: {fault}") from fault


def _series(folder: Path, name: str, stations: Sequence[str]) -> tuple[list[datetime], Array] | None:
    """Times and [steps, stations]."""
    table = _table(folder, name)
    if table is None:
        return None
    times, *others = table
    if missing := set(stations) - set(others):
        raise AreaBroken(f"{name}.csv says nothing of {', '.join(sorted(missing)[:5])}")
    if len(table[times]) < 2 or not all(isinstance(moment, datetime) for moment in table[times]):
        raise AreaBroken(f"{name}.csv: two rows at least are expected, their first column being times")
    return list(table[times]), np.column_stack([_numbers(table, station, f"{name}.csv") for station in stations])


def _summed(
    volume: tuple[list[datetime], Array], span_h: float | None
) -> tuple[Array, tuple[str, str], float, Array | None]:
    """Energy of each station, first and last time, hours covered, share of each hour of the day."""
    times, values = volume
    known = _amounts(values)
    step_h = (times[1] - times[0]).total_seconds() / 3600.0
    by_hour = np.zeros(24)
    np.add.at(by_hour, [moment.hour for moment in times], known.sum(axis=1))
    hourly = by_hour / by_hour.sum() if by_hour.sum() > 0 and step_h <= 1.0 else None
    return known.sum(axis=0), (times[0].isoformat(" "), times[-1].isoformat(" ")), span_h or len(times) * step_h, hourly


def _amounts(values: Array) -> Array:
    """What is no amount (unknown, endless, negative) as nought."""
    return np.where(np.isfinite(values), np.maximum(values, 0.0), 0.0)


def _full_steps(volume: tuple[list[datetime], Array], busy: Array, plugs: Array, known: Array) -> tuple[Array, Array]:
    """Hours of steps in which all plugs of a site were in use, and its energy in the others: where the number of plugs
    is known and full time not yet."""
    times, values = volume
    step_h = (times[1] - times[0]).total_seconds() / 3600.0
    tell = np.isfinite(plugs) & ~np.isfinite(known)
    full = (_amounts(busy) >= FULL_SHARE * plugs * step_h) & tell
    full_h = np.where(tell, full.sum(axis=0) * step_h, known)
    return full_h, (_amounts(values) * ~full).sum(axis=0)


def _points(folder: Path, notes: dict[str, int]) -> tuple[Array, Array]:
    table = _table(folder, "poi")
    if table is None:
        return np.empty(0), np.empty(0)
    if missing := {"longitude", "latitude"} - table.keys():
        raise AreaBroken(f"poi.csv has no column {', '.join(sorted(missing))}")
    longitude, latitude = (_numbers(table, name, "poi.csv") for name in ("longitude", "latitude"))
    placed = (np.abs(longitude) <= 180) & (np.abs(latitude) <= 90)
    notes["points_without_place"] = int((~placed).sum())
    return longitude[placed], latitude[placed]


def _presence(folder: Path) -> dict[str, int] | None:
    table = _table(folder, "presence")
    if table is None:
        return None
    if missing := {"user", "longitude", "latitude"} - table.keys():
        raise AreaBroken(f"presence.csv has no column {', '.join(sorted(missing))}")
    longitude, latitude = (_numbers(table, name, "presence.csv") for name in ("longitude", "latitude"))
    placed = (np.abs(longitude) <= 180) & (np.abs(latitude) <= 90)
    users = [str(user) for user, kept in zip(table["user"], placed, strict=True) if kept]
    return users_by_cell(cells_of(longitude[placed], latitude[placed]), users)


def _stays(folder: Path, stations: Sequence[str]) -> Stays | None:
    """Stays at these stations; those of others and those that end before they begin are left out."""
    table = _table(folder, "sessions")
    if table is None:
        return None
    if missing := {"station_id", "start", "end"} - table.keys():
        raise AreaBroken(f"sessions.csv has no column {', '.join(sorted(missing))}")
    if not all(
        isinstance(moment, datetime) for name in ("start", "end") for moment in table[name] if moment is not None
    ):
        raise AreaBroken("sessions.csv: start and end are times like 2026-03-01 08:00:00")
    row = {name: number for number, name in enumerate(stations)}
    site = np.array([row.get(str(name), -1) for name in table["station_id"]], dtype=np.int64)
    begin, end = (np.array([_hours(moment) for moment in table[name]]) for name in ("start", "end"))
    kept = (site >= 0) & (end > begin)
    return Stays(site[kept], begin[kept], end[kept], _numbers(table, "energy_kwh", "sessions.csv")[kept])


def _hours(moment: datetime | None) -> float:
    return np.nan if moment is None else moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() / 3600.0


def counted_in(table: Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
    """Names of the columns that count what is around."""
    return tuple(sorted(name for name in table if name.startswith(AROUND)))


def _around(table: Mapping[str, Sequence[Any]], names: Sequence[str], where: str) -> Array | None:
    return np.column_stack([_amounts(_numbers(table, name, where)) for name in names]) if names else None


def _spots(folder: Path, name: str, counts: Sequence[str] = ()) -> Spots | None:
    table = _table(folder, name)
    if table is None:
        return None
    if missing := {"name", "longitude", "latitude"} - table.keys():
        raise AreaBroken(f"{name}.csv has no column {', '.join(sorted(missing))}")
    longitude, latitude, room = (
        _numbers(table, column, f"{name}.csv") for column in ("longitude", "latitude", "room_kw")
    )
    if not np.all((np.abs(longitude) <= 180) & (np.abs(latitude) <= 90)):
        raise AreaBroken(f"{name}.csv: every row needs a place in degrees")
    around = _around(table, counts, f"{name}.csv") if counts and set(counts) <= table.keys() else None
    return Spots([str(value) for value in table["name"]], longitude, latitude, room, around)
