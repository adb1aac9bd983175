"""Sessions of subjects from a CSV file (plain or `.gz`) or from the warehouse.

A file has a head line; `start`, `energy_kwh` and the column of the subjects (`user`, `vehicle` or `pile`) are needed,
`dc` (1 or 0) is used if it is there; they may have other names. Hours are those that the times are written in; times in
UTC, as the warehouse's, are moved to a zone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from pyarrow import csv

from monitor.portraits.facts import Array, Ints, Sessions, SessionsBroken

Of = Literal["user", "vehicle", "pile"]
NAMES = ("user", "vehicle", "pile", "start", "energy_kwh", "dc")
DAY_S = 86400.0


def read_file(path: Path, of: Of, columns: Mapping[str, str], zone: ZoneInfo | None = None) -> Sessions:
    """Sessions of a file; raises SessionsBroken or OSError. `columns`: our name -> the file's.

    Rows without a subject, a time or an energy are left out.
    """
    try:
        table = csv.read_csv(str(path), convert_options=_as_words(path)).to_pydict()
    except (pa.ArrowInvalid, UnicodeDecodeError) as fault:
        raise SessionsBroken(f"{path.name}: {fault}") from fault
    found = {name: columns.get(name, name) for name in NAMES}
    if missing := [found[name] for name in (of, "start", "energy_kwh") if found[name] not in table]:
        raise SessionsBroken(f"{path.name} has no column {', '.join(missing)}; --column says how it is called")
    rows = {name: table[called] for name, called in found.items() if called in table}
    return _sessions(rows, of, zone)


def _as_words(path: Path) -> csv.ConvertOptions:
    """All columns as text: ids that look like numbers stay as they are."""
    with csv.open_csv(str(path)) as reader:
        return csv.ConvertOptions(column_types=dict.fromkeys(reader.schema.names, pa.string()))


def read_warehouse(folder: Path, of: Of, zone: ZoneInfo) -> Sessions:
    """Sessions of the warehouse's days; users are its hashes."""
    from monitor.warehouse.engine import in_process, star

    if of == "vehicle":
        raise SessionsBroken("OCPP does not tell vehicles: only users and piles are in the warehouse")
    tables = star(in_process(folder))
    sessions, evses = tables.sessions, tables.evses.select("station_id", "evse_id", "kind")
    joined = sessions.left_join(evses, ["station_id", "evse_id"])
    rows = joined.select("station_id", "user_hash", "started_at", "energy_wh", "kind").to_pyarrow().to_pydict()
    return _sessions(
        {
            "user": rows["user_hash"],
            "pile": rows["station_id"],
            "start": rows["started_at"],
            "energy_kwh": [None if value is None else value / 1000.0 for value in rows["energy_wh"]],
            "dc": [None if kind is None else float(kind == "dc") for kind in rows["kind"]],
        },
        of,
        zone,
    )


def _sessions(rows: Mapping[str, Sequence[Any]], of: Of, zone: ZoneInfo | None) -> Sessions:
    starts = [_moment(value, zone) for value in rows["start"]]
    energy = _numbers(rows["energy_kwh"])
    kept = np.array([bool(who) and at is not None for who, at in zip(rows[of], starts, strict=True)])
    kept &= np.isfinite(energy)
    moments = [at for at, use in zip(starts, kept, strict=True) if use and at is not None]
    names, subject = _codes([str(who) for who, use in zip(rows[of], kept, strict=True) if use])
    since = np.array([at.timestamp() / DAY_S for at in moments])
    hour = np.array([at.hour for at in moments], dtype=np.int64)
    dc = _numbers(rows["dc"])[kept] if "dc" in rows else np.full(len(moments), np.nan)
    user = np.full(len(moments), -1, dtype=np.int64)
    if "user" in rows:
        whom = [who for who, use in zip(rows["user"], kept, strict=True) if use]
        known = np.array([bool(who) for who in whom], dtype=np.bool_)
        user[known] = _codes([str(who) for who in whom if who])[1]
    return Sessions(names, subject, hour, since - since.min() if len(since) else since, energy[kept], dc, user, of)


def _codes(words: Sequence[str]) -> tuple[list[str], Ints]:
    """Different words in order, and which of them each is."""
    names = sorted(set(words))
    place = {name: number for number, name in enumerate(names)}
    return names, np.array([place[word] for word in words], dtype=np.int64)


def _moment(value: Any, zone: ZoneInfo | None) -> datetime | None:
    """A time as it is written, or in a zone; without a zone of its own it is taken as it stands."""
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC)
    return at.astimezone(zone) if zone else at


def _numbers(values: Sequence[Any]) -> Array:
    def number(value: Any) -> float:
        try:
            return float(value)
        except (TypeError, ValueError):
            return np.nan

    return np.array([number(value) for value in values])
