"""Time-of-use tariffs (分时电价) as data files.

price(t) = F + B·k(t): only the floating part B (agency purchase and capacity compensation) is multiplied by the
factor of the hour's level, the fixed part F (grid, losses, funds) never is. Levels: S sharp 尖, P peak 峰, F flat 平,
V valley 谷, D deep valley 深谷. Source of the rule: 鲁发改价格〔2022〕997号 and 〔2023〕914号, as quoted in the house's
tariff specification; every file names the sources of its numbers and marks what is assumed. These are planning
prices, in floats; bills are made elsewhere, in decimals.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from optimizer.arrays import FloatArray

LEVELS = {"S": "sharp", "P": "peak", "F": "flat", "V": "valley", "D": "deep"}
HOURS = 24
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Tariff:
    """Prices in money per kWh; `hours` maps every month to 24 letters, `overlays` name hours whose level is another.

    `holidays` maps a date to the 24 letters of that day. `days_off` and `days_worked`: public holidays, and weekend
    days that are worked instead. `assumed`: what in the file has no source.
    """

    id: str
    valid_from: date
    valid_to: date
    zone: ZoneInfo
    factor: Mapping[str, float]
    floating: float
    fixed: float
    hours: Mapping[int, str]
    overlays: Mapping[str, Mapping[int, str]]
    holidays: Mapping[date, str]
    sources: tuple[str, ...]
    assumed: tuple[str, ...] = ()
    days_off: frozenset[date] = frozenset()
    days_worked: frozenset[date] = frozenset()

    def letters(self, day: date, overlay: str | None = None) -> str:
        """The levels of the 24 hours of a day; ValueError outside the tariff's validity, KeyError for an overlay that
        the tariff does not have.
        """
        if not self.valid_from <= day <= self.valid_to:
            raise ValueError(f"tariff {self.id} holds from {self.valid_from} to {self.valid_to}, not on {day}")
        usual = self.holidays.get(day, self.hours[day.month])
        instead = self.overlays[overlay] if overlay else {}
        return "".join(instead.get(hour, letter) for hour, letter in enumerate(usual))

    def is_working_day(self, day: date) -> bool:
        """Monday to Friday without public holidays, and the weekend days that are worked instead."""
        return day in self.days_worked or (day.weekday() < SATURDAY and day not in self.days_off)

    def price_of(self, letter: str) -> float:
        """F + B·k of a level."""
        return self.fixed + self.floating * self.factor[LEVELS[letter]]

    def prices(self, start: datetime, slots: int, slot_h: float, overlay: str | None = None) -> FloatArray:
        """Price per slot; a slot across a change of level gets the mean over its time."""
        local = start.astimezone(self.zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        # Hours that pass, not hands of the clock: zones with summer time stay in step.
        offset_h = (start - midnight.astimezone(UTC)) / timedelta(hours=1)
        edges = offset_h + np.arange(slots + 1) * slot_h
        hours = int(np.ceil(edges[-1] - 1e-9))
        hourly = [self._price_at(midnight.astimezone(UTC) + timedelta(hours=h), overlay) for h in range(hours)]
        total = np.concatenate([[0.0], np.cumsum(hourly)])
        return np.asarray(np.diff(np.interp(edges, np.arange(hours + 1), total)) / slot_h)

    def _price_at(self, instant: datetime, overlay: str | None) -> float:
        local = instant.astimezone(self.zone)
        return self.price_of(self.letters(local.date(), overlay)[local.hour])


def shipped() -> list[str]:
    """Ids of the tariffs that come with the package."""
    folder = resources.files("optimizer") / "tariffs"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def shipped_tariff(name: str) -> Tariff:
    """One of them; ValueError for an unknown id."""
    if name not in shipped():
        raise ValueError(f"no tariff {name}; there are {', '.join(shipped())}")
    return read_tariff((resources.files("optimizer") / "tariffs" / f"{name}.toml").read_text("utf-8"))


def read_tariff(text: str) -> Tariff:
    """The tariff in a TOML text; ValueError says what is wrong: letters other than S P F V D or not 24 of them, a
    month missing or twice, a negative price, a validity that ends before it begins.
    """
    given = tomllib.loads(text)
    try:
        tariff = Tariff(
            id=str(given["id"]),
            valid_from=given["valid_from"],
            valid_to=given["valid_to"],
            zone=ZoneInfo(given["tz"]),
            factor={name: float(given["factor"][name]) for name in LEVELS.values()},
            floating=float(given["floating_per_kwh"]),
            fixed=float(given["fixed_per_kwh"]),
            hours=_months(given["seasons"]),
            overlays={entry["id"]: _overlay(entry) for entry in given.get("overlays", [])},
            holidays={day: _letters(entry["hours"]) for entry in given.get("holidays", []) for day in entry["days"]},
            sources=tuple(given["sources"]),
            assumed=tuple(given.get("assumed", [])),
            days_off=frozenset(_days(given.get("days_off", []))),
            days_worked=frozenset(_days(given.get("days_worked", []))),
        )
    except KeyError as fault:
        raise ValueError(f"tariff: {fault.args[0]} is missing") from fault
    if tariff.floating < 0 or tariff.fixed < 0 or min(tariff.factor.values()) < 0:
        raise ValueError(f"tariff {tariff.id}: prices and factors must not be negative")
    if tariff.valid_to < tariff.valid_from:
        raise ValueError(f"tariff {tariff.id}: it ends before it begins")
    return tariff


def _letters(hours: str) -> str:
    if len(hours) != HOURS or set(hours) - set(LEVELS):
        raise ValueError(f"tariff: {HOURS} letters of {' '.join(LEVELS)} expected, got {hours}")
    return hours


def _months(seasons: list[dict[str, Any]]) -> dict[int, str]:
    found: dict[int, str] = {}
    for season in seasons:
        for month in season["months"]:
            if month in found:
                raise ValueError(f"tariff: month {month} is given twice")
            found[month] = _letters(season["hours"])
    if set(found) != set(range(1, 13)):
        raise ValueError("tariff: every month from 1 to 12 is expected once")
    return found


def _days(entries: Iterable[date | list[date]]) -> Iterator[date]:
    """Single dates, and pairs of the first and the last one of a row."""
    for entry in entries:
        first, last = entry if isinstance(entry, list) else (entry, entry)
        yield from (first + timedelta(days=n) for n in range((last - first).days + 1))


def _overlay(entry: Mapping[str, Any]) -> dict[int, str]:
    found = {int(hour): letter for letter, hours in entry["hours"].items() for hour in hours}
    if set(found.values()) - set(LEVELS) or not all(0 <= hour < HOURS for hour in found):
        raise ValueError(f"tariff: overlay {entry['id']} names an unknown level or hour")
    return found
