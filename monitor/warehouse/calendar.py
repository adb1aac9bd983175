"""Days and hours as dimensions: weekday, holiday, season; which hour has which level of the tariff. Pure.

A tariff is one of the house's tariff files (`optimizer/tariffs`). Of several the first that holds on a day counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from csms.province.tariff import LEVELS, Price
from optimizer.models.tariff import Tariff, shipped, shipped_tariff

ZONE = ZoneInfo("Asia/Shanghai")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SEASONS = ("winter", "spring", "summer", "autumn")
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class TariffBook:
    """Prices through the years, as `csms.province.tariff.split` asks for them. `service`: yuan per kWh on top."""

    tariffs: tuple[Tariff, ...]
    service: Decimal = Decimal(0)
    zone: ZoneInfo = ZONE
    constant: bool = False

    def on(self, day: date) -> Tariff | None:
        """The tariff that holds on a day."""
        return next((one for one in self.tariffs if one.valid_from <= day <= one.valid_to), None)

    def letter(self, moment: datetime) -> tuple[Tariff, str] | None:
        """The tariff of a moment, and the letter of its hour."""
        local = moment.astimezone(self.zone)
        tariff = self.on(local.date())
        return (tariff, tariff.letters(local.date())[local.hour]) if tariff else None

    def at(self, moment: datetime) -> Price:
        """The price of an hour; without a tariff electricity costs nothing and has no level."""
        found = self.letter(moment)
        if found is None:
            return Price(Decimal(0), self.service)
        tariff, letter = found
        elec = Decimal(str(round(tariff.price_of(letter), 4)))
        return Price(elec, self.service, LEVELS[letter], f"{tariff.id}/{moment.astimezone(self.zone):%Y-%m}")


def book_of(named: str = "", service: float = 0.0) -> TariffBook:
    """The named tariff first, then those that come with this release and tell hours apart: one that calls every hour
    flat says nothing of a year of which no tariff is known. Raises ValueError for a name that there is not."""
    own = (shipped_tariff(named),) if named else ()
    others = [shipped_tariff(name) for name in shipped() if name != named]
    telling = tuple(one for one in others if len(set("".join(one.hours.values()))) > 1)
    return TariffBook(own + telling, Decimal(str(service)))


def date_rows(first: date, last: date, book: TariffBook) -> list[dict[str, Any]]:
    """Every day from `first` to `last`; `holiday`: a public one; without a tariff of that year weekends are off."""
    return [_date_row(day, book.on(day)) for day in _days(first, last)]


def _date_row(day: date, tariff: Tariff | None) -> dict[str, Any]:
    return {
        "date": day,
        "weekday": day.isoweekday(),
        "working": tariff.is_working_day(day) if tariff else day.weekday() < SATURDAY,
        "holiday": tariff is not None and day in tariff.days_off,
        "month": day.month,
        "season": SEASONS[day.month % 12 // 3],
    }


def hour_rows(first: date, last: date, book: TariffBook) -> list[dict[str, Any]]:
    """Every hour of these UTC days that has a tariff, with its local date and hour, its level and its prices."""
    begin, end = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (first, last + DAY))
    found = []
    for moment in (begin + n * HOUR for n in range((end - begin) // HOUR)):
        local, known = moment.astimezone(book.zone), book.letter(moment)
        row = {"begins_at": moment, "local_date": local.date(), "local_hour": local.hour}
        found.append(row | (_priced(*known) if known else {"tariff_id": "", "level": ""}))
    return found


def _priced(tariff: Tariff, letter: str) -> dict[str, Any]:
    prices = {"price_yuan": tariff.price_of(letter), "flat_yuan": tariff.price_of("F")}
    return {"tariff_id": tariff.id, "level": LEVELS[letter]} | prices


def _days(first: date, last: date) -> Iterator[date]:
    return (first + n * DAY for n in range((last - first).days + 1))


def assumptions(book: TariffBook, first: date, last: date) -> Sequence[str]:
    """What the tariffs of these days take without a source."""
    used = {tariff.id: tariff for day in _days(first, last) if (tariff := book.on(day))}
    return [f"{name}: {word}" for name, tariff in used.items() for word in tariff.assumed]
