"""What kind of day a date is: on holidays and on working weekends people charge as weekdays alone would not tell.

Calendars are TOML files, a table for each year with `off` and `working` (days, or ranges `first/last`); China's is in
`calendars/cn.toml`. A year that a calendar does not know goes by its weekdays.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

Kind = Literal["working", "rest"]
CHINA = "cn"
FOLDER = Path(__file__).with_name("calendars")
SATURDAY = 5
RANGE_DAYS_MAX = 31


class CalendarBroken(ValueError):
    """This file is no calendar."""


@dataclass(frozen=True)
class Calendar:
    """`off`: days off beside the weekends; `working`: weekends that are none; `years`: those that are known."""

    off: frozenset[date] = field(default_factory=frozenset)
    working: frozenset[date] = field(default_factory=frozenset)
    years: frozenset[int] = field(default_factory=frozenset)

    def kind_of(self, day: date) -> Kind:
        """Whether people work on a day."""
        if day in self.off:
            return "rest"
        return "rest" if day.weekday() >= SATURDAY and day not in self.working else "working"

    def festive(self, day: date) -> bool:
        """Whether a day is off by the calendar: a weekend in the middle of a holiday is no usual one."""
        return day in self.off

    def missing(self, first: date, last: date) -> list[int]:
        """The years between two days that it does not know; none for the calendar of weekdays alone."""
        return [year for year in range(first.year, last.year + 1) if self.years and year not in self.years]


WEEKDAYS = Calendar()


def read_calendar(named: str) -> Calendar:
    """`weekdays`, the name of a calendar that comes with the program (`cn`), or a file; raises CalendarBroken, OSError.

    Dates are those of the place.
    """
    if named == "weekdays":
        return WEEKDAYS
    path = FOLDER / f"{named}.toml"
    path = path if path.is_file() else Path(named)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise CalendarBroken(f"{path}: {fault}") from fault
    return calendar_of(document, str(path))


def calendar_of(document: Mapping[str, Any], where: str) -> Calendar:
    """From the tables of a file; raises CalendarBroken."""
    off, working, years = set[date](), set[date](), set[int]()
    for year, table in document.items():
        if not year.isdecimal() or not isinstance(table, dict):
            raise CalendarBroken(f"{where}: a table for each year is expected, not {year}")
        years.add(int(year))
        off |= set(_days(table.get("off", []), where))
        working |= set(_days(table.get("working", []), where))
    if both := off & working:
        raise CalendarBroken(f"{where}: {min(both)} is both off and a working day")
    return Calendar(frozenset(off), frozenset(working), frozenset(years))


def _days(given: Any, where: str) -> Iterable[date]:
    if not isinstance(given, list):
        raise CalendarBroken(f"{where}: a list of days is expected, not {given!r}")
    for one in given:
        first, last = _range(str(one), where)
        for n in range((last - first).days + 1):
            yield first + timedelta(days=n)


def _range(words: str, where: str) -> tuple[date, date]:
    begin, _, end = words.partition("/")
    try:
        first, last = date.fromisoformat(begin), date.fromisoformat(end or begin)
    except ValueError as fault:
        raise CalendarBroken(f"{where}: {words!r} is neither a day nor a range of days") from fault
    if not 0 <= (last - first).days <= RANGE_DAYS_MAX:
        raise CalendarBroken(f"{where}: {words!r} is no range of up to {RANGE_DAYS_MAX} days")
    return first, last
