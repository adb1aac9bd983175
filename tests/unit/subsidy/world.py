"""A quarter of a station with honest orders, by seed: amounts in cents, meters that follow, cars that come again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

from csms.province.subsidy import Inputs, Pile, Sold
from csms.province.subsidy_rules import Rule, build_rule, shipped_rule
from monitor.subsidy.papers import Bill, Entry

FIRST, LAST = date(2018, 1, 1), date(2018, 3, 31)
NOW = datetime(2018, 4, 2, tzinfo=UTC)
BEGIN = datetime(2017, 12, 31, 16, tzinfo=UTC)
"""Midnight of the first day where the station stands."""
RULE: Rule = build_rule(shipped_rule("beijing-2018").model_dump(mode="json") | {"id": "a-city-2018", "requires": []})
KW = (Decimal(60), Decimal(60), Decimal(7))


@dataclass(frozen=True)
class World:
    given: Inputs
    entries: list[Entry]
    bills: list[Bill]


def world(seed: int = 1, days: int = 90) -> World:
    chance = Random(seed)
    piles = tuple(Pile(f"C{n}", f"E{n}", "S1", kw, 1, 1, "110101", date(2017, 5, 1)) for n, kw in enumerate(KW, 1))
    busy_until: dict[str, datetime] = {}
    entries: list[Entry] = []
    for pile in piles:
        at, meter = BEGIN + timedelta(minutes=chance.randrange(600)), Decimal(chance.randrange(10**6)) / 100
        while at < BEGIN + timedelta(days=days - 1):
            hours = Decimal(chance.randrange(20, 90)) / 60
            energy = (pile.power_kw * hours * Decimal(chance.uniform(0.5, 0.98))).quantize(Decimal("0.01"))
            end = at + timedelta(hours=float(hours))
            car = next((c for c in chance.sample(range(60), 60) if busy_until.get(f"car{c}", BEGIN) <= at), None)
            vehicle = f"LSVNV133{car:02}B218{100 + (car or 0)}" if car is not None and chance.random() < 0.9 else ""
            if vehicle:
                busy_until[f"car{car}"] = end + timedelta(minutes=10)
            number = f"{pile.connector}-{len(entries):05d}"
            entries.append(Entry(number, pile.connector, at, end, energy, meter, meter + energy, vehicle))
            meter += energy + Decimal(chance.choice((0, 0, 0, 1))) / 100
            at = end + timedelta(minutes=chance.randrange(0, 500))
    return World(inputs(piles, entries), entries, bills(entries))


def inputs(piles: tuple[Pile, ...], entries: list[Entry]) -> Inputs:
    orders = tuple(Sold(e.order, e.connector, e.start, e.end, e.energy_kwh) for e in entries)
    return Inputs(RULE, FIRST, LAST, piles, orders, grade="A")


def bills(entries: list[Entry], losses: str = "1.03") -> list[Bill]:
    """By month, a little more than was sold, as a meter at the grid has it."""
    found = []
    for month, last in ((1, 31), (2, 28), (3, 31)):
        first_day, last_day = date(2018, month, 1), date(2018, month, last)
        begin = datetime(2018, month, 1, tzinfo=UTC) - timedelta(hours=8)
        end = begin + timedelta(days=last)
        sold = sum((e.energy_kwh for e in entries if begin <= e.start < end), Decimal(0))
        found.append(Bill("S1", first_day, last_day, (sold * Decimal(losses)).quantize(Decimal("0.01"))))
    return found
