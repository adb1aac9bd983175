"""What an audience is told: figures, each with its period, filter, data-quality score and factors. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from monitor.warehouse.calendar import ZONE
from monitor.warehouse.schema import OWN

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """Local days (Asia/Shanghai), both included, and what is looked at; an empty word: everything.

    `region`: a GB/T 2260 code of any depth. `operator`: an operator id, or "own".
    """

    first: date
    last: date
    region: str = ""
    operator: str = ""
    station_type: str = ""

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError(f"the first day ({self.first}) is after the last one ({self.last})")

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1

    @property
    def since(self) -> datetime:
        """Its beginning, UTC."""
        return datetime.combine(self.first, time(), ZONE).astimezone(UTC)

    @property
    def until(self) -> datetime:
        """Its end, UTC."""
        return datetime.combine(self.last + DAY, time(), ZONE).astimezone(UTC)

    @property
    def own(self) -> bool:
        """Whether the stations of this central system are looked at."""
        return self.operator in ("", OWN)

    def before(self) -> Asked:
        """The period of the same length right before."""
        return replace(self, first=self.first - self.days * DAY, last=self.first - DAY)

    def filters(self) -> dict[str, str]:
        """What was asked for, without what was not."""
        named = {"region": self.region, "operator": self.operator, "station_type": self.station_type}
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number; None: there is no data, which is not 0. `of`: of whom it is, empty for all. `low`, `high`: its range.

    `factors`: versions of what went into it; `note`: what has to be known to read it right.
    """

    name: str
    value: float | None
    unit: str = ""
    of: str = ""
    low: float | None = None
    high: float | None = None
    factors: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Figures of one audience. `quality`: mean data-quality scores of the period, by operator and by
    what they judge (interface: what was sent; physics: what orders say)."""

    audience: str
    asked: Asked
    figures: tuple[Figure, ...]
    assumptions: tuple[str, ...] = ()
    quality: Mapping[str, float] = field(default_factory=dict)

    def value(self, name: str, of: str = "") -> float | None:
        """One of them. Raises KeyError."""
        for figure in self.figures:
            if (figure.name, figure.of) == (name, of):
                return figure.value
        raise KeyError(f"{name} of {of or 'all'}")

    def rows(self) -> list[dict[str, Any]]:
        """Flat, every one with all that it has to carry; for tables and files."""
        quality = round(sum(self.quality.values()) / len(self.quality), 2) if self.quality else None
        carried = {
            "audience": self.audience,
            "first": self.asked.first.isoformat(),
            "last": self.asked.last.isoformat(),
            "filter": "; ".join(f"{name}={value}" for name, value in self.asked.filters().items()),
            "quality": quality,
        }
        return [
            {"figure": one.name, "of": one.of, "value": one.value, "unit": one.unit, "low": one.low, "high": one.high,
             "note": one.note, "factors": "; ".join(one.factors)} | carried
            for one in self.figures
        ]  # fmt: skip

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"audience": self.audience, "figures": self.rows(), "assumptions": list(self.assumptions),
                "quality": dict(self.quality)}  # fmt: skip


def ratio(part: float, whole: float) -> float | None:
    """A share; None of nothing."""
    return part / whole if whole > 0 else None


def change(now: float, before: float) -> float | None:
    """Growth as a share of what was before; None where there was nothing."""
    return now / before - 1.0 if before > 0 else None


def total(rows: Iterable[Mapping[str, Any]], name: str) -> float:
    """Sum of a column; what is not known adds nothing."""
    return float(sum(row[name] or 0.0 for row in rows))
