"""Charging sessions from CSV files, plain or gzip. Three forms are known by their header line:

- own: `session_id, arrival, departure, energy_kwh`, optionally `station_id`, `declared_departure`,
  `declared_energy_kwh`; moments are ISO 8601 with an offset;
- ACN-Data: `arrival, departure, requested_energy (kWh), delivered_energy (kWh), station_id, session_id,
  estimated_departure, claimed`; the car takes what was delivered, the driver declared what was requested;
- ACN-Sim: `arrival_5min, departure_5min, est_departure_5min, station_id, requested_kwh, max_kw, battery_kwh, init_kwh,
  session_id`; indices of 5 minutes from 2019-03-01 00:00 in Los Angeles.

A row that cannot be is an error with its line and column; `skip_bad_rows` counts such rows instead.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from device_sim.car import Car

ACN_ZONE = ZoneInfo("America/Los_Angeles")
ACNSIM_START = datetime(2019, 3, 1, tzinfo=ACN_ZONE)
ACNSIM_STEP = timedelta(minutes=5)
ENERGY_MAX_KWH = 1_000.0
STAY_MAX = timedelta(days=60)
GZIP_MAGIC = b"\x1f\x8b"
ERRORS_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Session:
    """One stay of one car; moments are UTC. `declared_*`: what the driver said, None if nothing."""

    session_id: str
    arrival: datetime
    departure: datetime
    energy_wh: float
    declared_departure: datetime | None = None
    declared_energy_wh: float | None = None
    source_station: str = ""

    @property
    def arrival_s(self) -> float:
        """Arrival in seconds since 1970."""
        return self.arrival.timestamp()

    @property
    def departure_s(self) -> float:
        """Departure in seconds since 1970."""
        return self.departure.timestamp()

    @property
    def mean_power_w(self) -> float:
        """The power that brings the energy within the stay."""
        return self.energy_wh * 3600.0 / (self.departure - self.arrival).total_seconds()


@dataclass(frozen=True, slots=True)
class Visit:
    """A session that has a pile, the car that comes for it and the card its driver shows."""

    session: Session
    car: Car
    tag: str = "SIM-DRIVER"


@dataclass(frozen=True, slots=True)
class BadRow:
    """What is wrong where; lines count from 1, the header is line 1."""

    line: int
    column: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column!r}: {self.reason}"


class BadSessions(ValueError):
    """A file of sessions that cannot be used; `rows` says why, row by row."""

    def __init__(self, path: Path, rows: Sequence[BadRow]) -> None:
        shown = [str(row) for row in rows[:ERRORS_SHOWN_MAX]]
        more = [f"and {len(rows) - len(shown)} more"] if len(rows) > len(shown) else []
        super().__init__(f"{path.name}: " + "; ".join(shown + more))
        self.rows = tuple(rows)


@dataclass(frozen=True, slots=True)
class SessionFile:
    """What a file held: sessions by arrival, the rows that were left out, the zone they lived in if it is known."""

    sessions: tuple[Session, ...]
    skipped: tuple[BadRow, ...] = ()
    zone: tzinfo | None = None


class _Fault(Exception):
    """`args`: column, reason."""


Row = Mapping[str, str]


def read_sessions(path: Path, skip_bad_rows: bool = False) -> SessionFile:
    """Read a CSV file. Raises OSError, or BadSessions unless bad rows are to be skipped."""
    reader = csv.DictReader(io.StringIO(_text(path), newline=""))
    parse = _form(path, reader.fieldnames or [])
    sessions: list[Session] = []
    bad: list[BadRow] = []
    seen: set[str] = set()
    for row in reader:
        try:
            sessions.append(_checked(parse(_complete(row)), seen))
        except _Fault as fault:
            bad.append(BadRow(reader.line_num, *fault.args))
    if bad and not skip_bad_rows:
        raise BadSessions(path, bad)
    if not sessions:
        raise BadSessions(path, bad or [BadRow(2, "", "there is no session in the file")])
    ordered = sorted(sessions, key=lambda s: (s.arrival, s.session_id))
    return SessionFile(tuple(ordered), tuple(bad), None if parse is _own else ACN_ZONE)


def _text(path: Path) -> str:
    raw = path.read_bytes()
    try:
        return (gzip.decompress(raw) if raw.startswith(GZIP_MAGIC) else raw).decode("utf-8-sig")
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile) as fault:
        raise BadSessions(path, [BadRow(1, "", f"cannot be read as text: {fault}")]) from fault


def _form(path: Path, header: Sequence[str]) -> Callable[[Row], Session]:
    for columns, parse in FORMS:
        if columns <= set(header):
            return parse
    names = "; or ".join(", ".join(sorted(columns)) for columns, _ in FORMS)
    raise BadSessions(path, [BadRow(1, ", ".join(header), f"unknown columns, expected {names}")])


def _complete(row: Mapping[str | None, str | None]) -> Row:
    if None in row:
        raise _Fault("", "more fields than the header has")
    for name, value in row.items():
        if value is None:
            raise _Fault(name, "is missing")
    return {name: value.strip() for name, value in row.items() if name is not None and value is not None}


def _checked(session: Session, seen: set[str]) -> Session:
    if session.session_id in seen:
        raise _Fault("session_id", f"{session.session_id!r} was there before")
    seen.add(session.session_id)
    return session


def _own(row: Row) -> Session:
    arrival, departure = _stay(_moment(row, "arrival"), _moment(row, "departure"), "departure")
    declared = _moment(row, "declared_departure") if row.get("declared_departure") else None
    energy = _energy_wh(row, "declared_energy_kwh") if row.get("declared_energy_kwh") else None
    return Session(
        _named(row), arrival, departure, _energy_wh(row, "energy_kwh"), declared, energy, row.get("station_id", "")
    )


def _acn(row: Row) -> Session:
    arrival, departure = _stay(_moment(row, "arrival"), _moment(row, "departure"), "departure")
    claimed = row["claimed"].lower()
    if claimed not in ("true", "false"):
        raise _Fault("claimed", f"{row['claimed']!r} is neither True nor False")
    declared = _moment(row, "estimated_departure") if claimed == "true" else None
    asked_wh = _energy_wh(row, "requested_energy (kWh)") if claimed == "true" else None
    delivered_wh = _energy_wh(row, "delivered_energy (kWh)")
    return Session(_named(row), arrival, departure, delivered_wh, declared, asked_wh, row["station_id"])


def _acnsim(row: Row) -> Session:
    arrival, departure = _stay(_index(row, "arrival_5min"), _index(row, "departure_5min"), "departure_5min")
    declared, energy_wh = _index(row, "est_departure_5min"), _energy_wh(row, "requested_kwh")
    return Session(_named(row), arrival, departure, energy_wh, declared, energy_wh, row["station_id"])


ACN_COLUMNS = frozenset(
    {
        "arrival",
        "departure",
        "requested_energy (kWh)",
        "delivered_energy (kWh)",
        "station_id",
        "session_id",
        "estimated_departure",
        "claimed",
    }
)
FORMS: tuple[tuple[frozenset[str], Callable[[Row], Session]], ...] = (
    (frozenset({"session_id", "arrival", "departure", "energy_kwh"}), _own),
    (ACN_COLUMNS, _acn),
    (
        frozenset(
            {"arrival_5min", "departure_5min", "est_departure_5min", "station_id", "requested_kwh", "session_id"}
        ),
        _acnsim,
    ),
)


def _named(row: Row) -> str:
    if not row["session_id"]:
        raise _Fault("session_id", "is empty")
    return row["session_id"]


def _moment(row: Row, column: str) -> datetime:
    try:
        moment = datetime.fromisoformat(row[column])
    except ValueError:
        raise _Fault(column, f"{row[column]!r} is not an ISO 8601 date and time") from None
    if moment.tzinfo is None:
        raise _Fault(column, f"{row[column]!r} has no offset from UTC")
    return moment.astimezone(UTC)


def _index(row: Row, column: str) -> datetime:
    try:
        number = int(row[column])
    except ValueError:
        raise _Fault(column, f"{row[column]!r} is not a whole number of 5-minute steps") from None
    if not 0 <= number < 10_000_000:
        raise _Fault(column, f"{number} is out of range")
    return ACNSIM_START.astimezone(UTC) + number * ACNSIM_STEP


def _energy_wh(row: Row, column: str) -> float:
    try:
        energy_kwh = float(row[column])
    except ValueError:
        raise _Fault(column, f"{row[column]!r} is not a number") from None
    if not (math.isfinite(energy_kwh) and 0 <= energy_kwh <= ENERGY_MAX_KWH):
        raise _Fault(column, f"{row[column]} kWh is not between 0 and {ENERGY_MAX_KWH:g}")
    return energy_kwh * 1000.0


def _stay(arrival: datetime, departure: datetime, column: str) -> tuple[datetime, datetime]:
    if departure <= arrival:
        raise _Fault(column, "the car leaves before it comes")
    if departure - arrival > STAY_MAX:
        raise _Fault(column, f"the stay is longer than {STAY_MAX.days} days")
    return arrival, departure


def busiest_day(sessions: Iterable[Session], zone: tzinfo = ACN_ZONE) -> list[Session]:
    """The sessions that arrive on the local day with the most arrivals (the earliest of equals)."""
    chosen = list(sessions)
    counts = Counter(s.arrival.astimezone(zone).date() for s in chosen)
    day = min(counts, key=lambda d: (-counts[d], d))
    return [s for s in chosen if s.arrival.astimezone(zone).date() == day]


def shift_to(sessions: Iterable[Session], day: date, zone: tzinfo, source_zone: tzinfo = ACN_ZONE) -> list[Session]:
    """The sessions moved so that the first local day becomes `day`, with the clock times of `source_zone` in `zone`."""
    chosen = list(sessions)
    if not chosen:
        return []
    first = min(s.arrival.astimezone(source_zone).date() for s in chosen)
    offset = day - first

    def move(moment: datetime) -> datetime:
        return (moment.astimezone(source_zone).replace(tzinfo=None) + offset).replace(tzinfo=zone).astimezone(UTC)

    moved = []
    for session in chosen:
        declared = None if session.declared_departure is None else move(session.declared_departure)
        arrival = move(session.arrival)
        departure = max(move(session.departure), arrival + timedelta(seconds=1))
        moved.append(replace(session, arrival=arrival, departure=departure, declared_departure=declared))
    return moved
