"""What a report tells: the figures of an audience, what is drawn beside them, and how it can be made again. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from monitor.warehouse.report import Figure, Report

Period = Literal["daily", "monthly"]
Series = Sequence[tuple[datetime, float]]
NOTHING = "–"
SHARE = "1"
"""The unit of a share."""


@dataclass(frozen=True, slots=True)
class FeederLoad:
    """Load of a feeder by quarter-hour, kW, local time, with what it is rated for."""

    feeder_id: str
    rating_kw: float
    loads: Series


@dataclass(frozen=True, slots=True)
class Told:
    """`hours`: energy by hour in local time, kWh; `command` makes the same report again; `version`: of the program."""

    report: Report
    hours: Series = ()
    feeders: Sequence[FeederLoad] = ()
    made_at: str = ""
    command: str = ""
    version: str = ""
    quality: Mapping[str, float] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of all figures with what they carry: equal inputs and rules, equal digest."""
        document = json.dumps(self.report.document(), sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(document.encode()).hexdigest()

    @property
    def days(self) -> str:
        """The days in words that need no language."""
        first, last = self.report.asked.first, self.report.asked.last
        return first.isoformat() if first == last else f"{first.isoformat()} – {last.isoformat()}"


def written(value: float | None, unit: str, yuan: str = "yuan") -> str:
    """A figure as people write it: shares in percent, money with two decimals, the rest with at most one. `yuan`: the
    word for it."""
    if value is None:
        return NOTHING
    if unit == SHARE:
        return f"{100 * value:,.1f} %"
    if unit == "yuan":
        return f"{value:,.2f} {yuan}"
    number = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}" if abs(value) >= 1 else f"{value:.3g}"
    return f"{number} {unit}".strip()


def spanned(figure: Figure) -> str:
    """The range of a figure, empty where there is none."""
    if figure.low is None and figure.high is None:
        return ""
    ends = (written(end, "" if figure.unit != SHARE else SHARE) for end in (figure.low, figure.high))
    return " … ".join(ends)


def day_before(today: date) -> tuple[date, date]:
    """The day of a daily report that is made today."""
    return today - timedelta(days=1), today - timedelta(days=1)


def month_of(day: date) -> tuple[date, date]:
    """First and last day of the month in which a day lies."""
    first = day.replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    return first, after - timedelta(days=1)


def month_before(today: date) -> tuple[date, date]:
    """The month of a monthly report that is made today."""
    return month_of(today.replace(day=1) - timedelta(days=1))
