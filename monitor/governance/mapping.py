"""What the columns of somebody's file mean: a mapping in TOML, and one row read by it. Pure.

    name = "perth"
    operator = "Perth & Kinross Council"
    zone = "Europe/London"
    time = "%d/%m/%Y %H:%M"
    energy_unit = "kWh"

    [columns]
    station = "CP ID"
    start = ["Start Date", "Start Time"]

A field of several columns is joined with a space. `station`, `start`, `end` and `energy` are needed; `connector`,
`number` (else made of station, connector and times), `fee`, `meter_start` and `meter_stop` are not.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

NEEDED = ("station", "start", "end", "energy")
FIELDS = (*NEEDED, "connector", "number", "fee", "meter_start", "meter_stop")
UNITS_WH = {"Wh": 1.0, "kWh": 1000.0}
OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
KEYS = {"name", "operator", "zone", "time", "energy_unit", "columns"}
UNREADABLE = "\ufffd"


@dataclass(frozen=True, slots=True)
class RowFault:
    """Why a row cannot be a fact: the column, a code of `REASONS`, and what stood there."""

    column: str
    reason: str
    value: str


REASONS = (
    "missing",
    "not_a_number",
    "not_a_time",
    "negative",
    "end_before_start",
    "before_2000",
    "in_the_future",
    "unreadable",
)
"""Every reason a row is kept out for; a file adds `row_shape`, `row_unreadable` and `file_ends`."""


@dataclass(frozen=True, slots=True)
class ImportedOrder:
    """One order, in UTC and Wh; None where its source does not say.

    The price is the mean over its `periods` priced parts by their energy (0: not told); the capacity is that of the
    car's battery. Hashes name a user and a
    vehicle without telling who they are (empty: not told).
    """

    number: str
    operator: str
    station: str
    connector: str
    start: datetime
    end: datetime
    energy_wh: float
    meter_start_wh: float | None
    meter_stop_wh: float | None
    fee_yuan: float | None
    price_yuan_per_kwh: float | None = None
    periods: int = 0
    capacity_wh: float | None = None
    user_hash: str = ""
    vehicle_hash: str = ""


@dataclass(frozen=True, slots=True)
class FileMapping:
    """A read mapping; `text` is the TOML that it came from, kept with what was imported by it."""

    name: str
    operator: str
    zone: ZoneInfo
    time: str
    unit_wh: float
    columns: Mapping[str, tuple[str, ...]]
    text: str

    @property
    def used(self) -> list[str]:
        """All columns that the file must have."""
        return [column for columns in self.columns.values() for column in columns]


def read_mapping(text: str) -> FileMapping:
    """Read a mapping; raises ValueError with what is wrong and what would be right."""
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise ValueError(f"the mapping is no TOML: {fault}") from None
    if unknown := read.keys() - KEYS:
        raise ValueError(f"the mapping has no key {', '.join(sorted(unknown))}; there are {', '.join(sorted(KEYS))}")
    columns = read.get("columns", {})
    if unknown := columns.keys() - set(FIELDS):
        raise ValueError(f"[columns] has no field {', '.join(sorted(unknown))}; there are {', '.join(FIELDS)}")
    if lacking := [name for name in NEEDED if not columns.get(name)]:
        raise ValueError(f"[columns] must name {', '.join(lacking)}")
    unit = read.get("energy_unit", "kWh")
    if unit not in UNITS_WH:
        raise ValueError(f"energy_unit is {unit!r}; there are {', '.join(UNITS_WH)}")
    try:
        zone = ZoneInfo(str(read.get("zone", "Asia/Shanghai")))
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"there is no time zone {read['zone']!r}; write one like Asia/Shanghai") from None
    return FileMapping(
        str(read.get("name", "")),
        str(read.get("operator", "")),
        zone,
        str(read.get("time", "")),
        UNITS_WH[unit],
        {name: (found,) if isinstance(found, str) else tuple(map(str, found)) for name, found in columns.items()},
        text,
    )


def read_row(mapping: FileMapping, row: Mapping[str, str], now: datetime) -> ImportedOrder | list[RowFault]:
    """The order of a row, or everything that is wrong with it."""
    cells = _Cells(mapping, row)
    station, connector = cells.text("station"), cells.text("connector")
    start, end = cells.moment("start", now), cells.moment("end", now)
    energy_wh = cells.energy_wh("energy")
    meter_start_wh, meter_stop_wh = cells.energy_wh("meter_start"), cells.energy_wh("meter_stop")
    fee_yuan = cells.number("fee")
    if start and end and end < start:
        cells.blame("end", "end_before_start")
    if cells.faults or start is None or end is None or energy_wh is None:
        return cells.faults
    number = cells.text("number") or f"{station}/{connector}/{start:%Y%m%dT%H%M%S}/{end:%Y%m%dT%H%M%S}"
    return ImportedOrder(
        number, mapping.operator, station, connector, start, end, energy_wh, meter_start_wh, meter_stop_wh, fee_yuan
    )


class _Cells:
    """One row's fields, and the faults met in reading them."""

    def __init__(self, mapping: FileMapping, row: Mapping[str, str]) -> None:
        self.mapping, self.row = mapping, row
        self.faults: list[RowFault] = []

    def blame(self, field: str, reason: str) -> None:
        """Note a fault of a field, named by its column."""
        columns = self.mapping.columns[field]
        told = " ".join(self.row.get(column, "") for column in columns)
        self.faults.append(RowFault(" + ".join(columns), reason, told))

    def text(self, field: str) -> str:
        """The cell without blanks around it, empty when there is none; blames an empty one that is needed."""
        columns = self.mapping.columns.get(field, ())
        parts = [self.row.get(column, "").strip() for column in columns]
        said = " ".join(parts) if all(parts) else ""
        if field in NEEDED and not said:
            self.blame(field, "missing")
        elif UNREADABLE in said:
            self.blame(field, "unreadable")
            return ""
        return said

    def number(self, field: str) -> float | None:
        """A finite number; blames what is none."""
        said = self.text(field)
        if not said:
            return None
        try:
            value = float(said)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            self.blame(field, "not_a_number")
            return None
        return value

    def energy_wh(self, field: str) -> float | None:
        """An energy that is not negative."""
        value = self.number(field)
        if value is not None and value < 0:
            self.blame(field, "negative")
            return None
        return None if value is None else round(value * self.mapping.unit_wh, 6)

    def moment(self, field: str, now: datetime) -> datetime | None:
        """A time in UTC between 2000 and now. A local time that occurs twice is taken as the first."""
        said = self.text(field)
        if not said:
            return None
        try:
            local = self._local(said)
            moment = (local if local.tzinfo else local.replace(tzinfo=self.mapping.zone)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.blame(field, "not_a_time")
            return None
        if not OLDEST <= moment <= now:
            self.blame(field, "before_2000" if moment < OLDEST else "in_the_future")
            return None
        return moment

    def _local(self, said: str) -> datetime:
        if self.mapping.time:
            return datetime.strptime(said, self.mapping.time)  # noqa: DTZ007 - its zone is the mapping's
        return datetime.fromisoformat(said)
