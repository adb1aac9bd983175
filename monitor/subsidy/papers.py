"""Ledger and utility bills of a declaration: CSV read strictly. Pure: text in, rows out.

    ledger   order,connector,start,end,energy_kwh,meter_start_kwh,meter_stop_kwh,vehicle   (the last three may be empty)
    bills    station,first_day,last_day,energy_kwh[,account]      (both days included; `account`: where a station has
             several meters, the ElectricityAccountID of each: their bills add up)

Times are ISO 8601 with a zone, numbers exact.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from csms.model.errors import CsmsError
from csms.province.subsidy import Inputs

LEDGER = ("order", "connector", "start", "end", "energy_kwh", "meter_start_kwh", "meter_stop_kwh", "vehicle")
BILLS = ("station", "first_day", "last_day", "energy_kwh", "account")
OPTIONAL = frozenset({"account"})
Row = TypeVar("Row")


class PaperUnusable(CsmsError):
    """A paper of a declaration cannot be read; the text says which line and why."""

    code = "subsidy_paper_unusable"


@dataclass(frozen=True, slots=True)
class Entry:
    """One order of the ledger. `vehicle`: any name of the car, the same for the same car; empty: not known."""

    order: str
    connector: str
    start: datetime
    end: datetime
    energy_kwh: Decimal
    meter_start_kwh: Decimal | None = None
    meter_stop_kwh: Decimal | None = None
    vehicle: str = ""


@dataclass(frozen=True, slots=True)
class Bill:
    """What the utility billed a station for these days, kWh."""

    station: str
    first_day: date
    last_day: date
    energy_kwh: Decimal
    account: str = ""


def read_ledger(text: str) -> tuple[Entry, ...]:
    """Entries; raises PaperUnusable."""
    return tuple(_rows(text, LEDGER, _entry))


def read_bills(text: str) -> tuple[Bill, ...]:
    """Bills; raises PaperUnusable."""
    return tuple(_rows(text, BILLS, _bill))


def entries_of(given: Inputs, ledger: object = None) -> tuple[Entry, ...]:
    """The ledger that came along with a claim, else its own orders: without meters and cars. Raises PaperUnusable."""
    if isinstance(ledger, list) and all(isinstance(row, dict) for row in ledger):
        rows = ([_cell(row.get(name)) for name in LEDGER] for row in ledger)
        return read_ledger(_written(LEDGER, rows))
    return tuple(Entry(one.number, one.connector, one.start, one.end, one.energy_kwh) for one in given.orders)


def nameless(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Cars by number instead of by name: whether two are the same is all that a check needs."""
    numbers: dict[str, str] = {}
    found = []
    for entry in entries:
        if entry.vehicle:
            entry = replace(entry, vehicle=numbers.setdefault(entry.vehicle, f"v{len(numbers) + 1}"))
        found.append(entry)
    return tuple(found)


def write_ledger(entries: Iterable[Entry]) -> str:
    """What `read_ledger` reads."""
    return _written(LEDGER, ([_cell(getattr(entry, name)) for name in LEDGER] for entry in entries))


def write_bills(bills: Iterable[Bill]) -> str:
    """What `read_bills` reads."""
    return _written(BILLS, ([_cell(getattr(bill, name)) for name in BILLS] for bill in bills))


def _cell(value: object) -> str:
    return "" if value is None else value.isoformat() if isinstance(value, date) else str(value)


def _written(titles: tuple[str, ...], rows: Iterable[list[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(titles)
    writer.writerows(rows)
    return out.getvalue()


def _rows(text: str, titles: tuple[str, ...], read: Callable[[Mapping[str, str]], Row]) -> Iterable[Row]:
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    missing = [name for name in titles if name not in (rows.fieldnames or ()) and name not in OPTIONAL]
    if missing:
        raise PaperUnusable(f"the first line lacks the columns {', '.join(missing)}")
    for row in rows:
        try:
            yield read({name: (row.get(name) or "").strip() for name in titles})
        except (ValueError, InvalidOperation) as fault:
            raise PaperUnusable(f"line {rows.line_num}: {str(fault) or 'a number cannot be read'}") from None


def _entry(row: Mapping[str, str]) -> Entry:
    if not row["order"] or not row["connector"]:
        raise ValueError("an order has a number and a connector")
    start, end = (_moment(row[name]) for name in ("start", "end"))
    energy, meter_start, meter_stop = (_number(row[name]) for name in LEDGER[4:7])
    if energy is None:
        raise ValueError("an order has an energy")
    return Entry(row["order"], row["connector"], start, end, energy, meter_start, meter_stop, row["vehicle"])


def _bill(row: Mapping[str, str]) -> Bill:
    first, last = (date.fromisoformat(row[name]) for name in ("first_day", "last_day"))
    energy = _number(row["energy_kwh"])
    if energy is None or energy < 0 or first > last or not row["station"]:
        raise ValueError("a bill has a station, a first day not after its last, and an energy that is not negative")
    return Bill(row["station"], first, last, energy, row["account"])


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no zone")
    return at


def _number(text: str) -> Decimal | None:
    if not text:
        return None
    value = Decimal(text)
    if not value.is_finite():
        raise ValueError(f"{text} is no number")
    return value
