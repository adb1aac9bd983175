"""Transformer areas (TOML) and their loads (CSV), read strictly. Powers in kW, quarter-hours, times with a zone.

[[areas]]                                     area,begins_at,load_kw,charging_kw[,forecast_kw,ambient_c]
id = "T1"                                     `load_kw` with charging; `forecast_kw`: what had been forecast for it,
rated_kva = 400                               or, where `load_kw` is empty, what is forecast to come
"""

from __future__ import annotations

import csv
import io
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from csms.model.errors import CsmsError

FloatArray = NDArray[np.float64]
QUARTER = timedelta(minutes=15)
STEP_MIN = 15.0
NEEDED = ("area", "begins_at", "load_kw", "charging_kw")
WEEK = 7 * 96
WEEKS_MIN = 2


class AreasUnusable(CsmsError):
    """Areas or their loads cannot be used; the text says where and why."""

    code = "care_input_unusable"


class Area(BaseModel):
    """One area. `transformer`: its kind (`monitor/warehouse/parameters/transformers.toml`); `shift_h`: how long
    charging can wait.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    rated_kva: Annotated[float, Field(gt=0, le=1e6)]
    power_factor: Annotated[float, Field(gt=0, le=1)] = 0.95
    transformer: str = "onan"
    shift_h: Annotated[float, Field(ge=0, le=24)] = 6.0

    @property
    def limit_kw(self) -> float:
        """What it may carry for good."""
        return self.rated_kva * self.power_factor


@dataclass(frozen=True, eq=False, slots=True)
class Loads:
    """Of one area by quarter-hour from `begins_at` on. `load_kw` [T] with gaps as NaN, `charging_kw` [T] in it,
    `forecast_kw` [T + H] (NaN: none), `ambient_c` [T + H]; the last H quarter-hours are still to come. From stored
    forecasts: `above_kw` [T + H], how far above it the upper end of its band lies, and `charging_to_come_kw` [H].
    """

    begins_at: datetime
    load_kw: FloatArray
    charging_kw: FloatArray
    forecast_kw: FloatArray
    ambient_c: FloatArray
    above_kw: FloatArray | None = None
    charging_to_come_kw: FloatArray | None = None


def read_areas(path: Path) -> tuple[Area, ...]:
    """Raises AreasUnusable."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        found = tuple(Area.model_validate(row) for row in table.get("areas", []))
    except ValidationError as fault:
        told = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in fault.errors())
        raise AreasUnusable(f"{path}: {told}") from None
    except (OSError, ValueError, TypeError) as fault:
        raise AreasUnusable(f"{path}: {fault}") from None
    if not found or len({area.id for area in found}) < len(found):
        raise AreasUnusable(f"{path}: there is no area, or one twice")
    return found


def read_loads(text: str) -> dict[str, Loads]:
    """By area; raises AreasUnusable, which names the line."""
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    missing = [name for name in NEEDED if name not in (rows.fieldnames or ())]
    if missing:
        raise AreasUnusable(f"the first line lacks the columns {', '.join(missing)}")
    found: dict[str, dict[datetime, Mapping[str, float]]] = {}
    for row in rows:
        try:
            at = _quarter(row["begins_at"] or "")
            figures = {name: _number(row.get(name)) for name in ("load_kw", "charging_kw", "forecast_kw", "ambient_c")}
        except ValueError as fault:
            raise AreasUnusable(f"line {rows.line_num}: {fault}") from None
        of_area = found.setdefault(str(row["area"]).strip(), {})
        if at in of_area:
            raise AreasUnusable(f"line {rows.line_num}: {row['area']} {row['begins_at']} was told before")
        of_area[at] = figures
    return {area: loads_of(rows_of) for area, rows_of in found.items()}


def loads_of(rows: Mapping[datetime, Mapping[str, float]]) -> Loads:
    """Rows (`load_kw`, `charging_kw`, `forecast_kw`, `ambient_c`) by the begin of their quarter-hour."""
    first, last = min(rows), max(rows)
    known = [at for at, row in rows.items() if not math.isnan(row["load_kw"])]
    slots = (last - first) // QUARTER + 1
    columns: dict[str, Any] = {
        name: np.full(slots, np.nan) for name in ("load_kw", "charging_kw", "forecast_kw", "ambient_c")
    }
    for at, row in rows.items():
        for name, column in columns.items():
            column[(at - first) // QUARTER] = row[name]
    past = (max(known) - first) // QUARTER + 1 if known else 0
    load, charging = columns["load_kw"][:past], columns["charging_kw"][:past]
    return Loads(first, load, charging, columns["forecast_kw"], columns["ambient_c"])


def _quarter(text: str) -> datetime:
    at = datetime.fromisoformat(text.strip())
    if at.tzinfo is None:
        raise ValueError(f"{text} has no zone")
    if at.timestamp() % QUARTER.total_seconds():
        raise ValueError(f"{text} is no quarter-hour")
    return at.astimezone(UTC)


def _number(text: str | None) -> float:
    if text is None or not text.strip():
        return math.nan
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no number")
    return value
