"""Planted frauds are all found, honest declarations are all left in peace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal

import pytest

from monitor.subsidy.fraud import findings, unbilled_days
from monitor.subsidy.papers import Bill, Entry
from tests.unit.subsidy.world import World, world

SEEDS = range(25)


def checks(of: World, entries: list[Entry] | None = None, bills: list[Bill] | None = None) -> set[str]:
    found = findings(of.entries if entries is None else entries, of.given.piles, of.bills if bills is None else bills)
    return {one.check for one in found}


@pytest.mark.parametrize("seed", SEEDS)
def test_an_honest_quarter_is_left_in_peace(seed: int) -> None:
    assert findings((made := world(seed)).entries, made.given.piles, made.bills) == []


@pytest.mark.parametrize("step", ["1", "0.1"])
def test_coarse_meters_are_no_fraud(step: str) -> None:
    for seed in range(5):
        made = world(seed)
        coarse = [
            replace(e, energy_kwh=e.energy_kwh.quantize(Decimal(step), ROUND_DOWN), meter_start_kwh=None)
            for e in made.entries
        ]
        assert findings(coarse, made.given.piles, [replace(b, energy_kwh=b.energy_kwh * 2) for b in made.bills]) == []


def last_of(entries: list[Entry], connector: str) -> Entry:
    return [e for e in entries if e.connector == connector][-1]


def overlapping(entries: list[Entry]) -> list[Entry]:
    at = entries[40]
    extra = replace(at, order="X", start=at.end - timedelta(minutes=1), end=at.end + timedelta(minutes=1), vehicle="")
    return [*entries, replace(extra, energy_kwh=Decimal("0.50"), meter_start_kwh=None)]


def impossible(entries: list[Entry]) -> list[Entry]:
    return [replace(entries[7], energy_kwh=Decimal("140.77"), meter_start_kwh=None), *entries[:7], *entries[8:]]


def whole(entries: list[Entry]) -> list[Entry]:
    """One connector tells whole kWh from now on."""
    return [
        replace(e, energy_kwh=max(e.energy_kwh.quantize(Decimal(1)) - 1, Decimal(1)), meter_start_kwh=None)
        if e.connector == "C2"
        else e
        for e in entries
    ]


def repeated(entries: list[Entry]) -> list[Entry]:
    """Eight invented orders of the same odd amount."""
    places = [n for n, e in enumerate(entries) if e.connector == "C1" and (e.end - e.start) > timedelta(minutes=40)][:8]
    return [
        replace(e, energy_kwh=Decimal("33.37"), meter_start_kwh=None) if n in places else e
        for n, e in enumerate(entries)
    ]


def twice_at_once(entries: list[Entry]) -> list[Entry]:
    """The car of an order at the second pile is told for one at the first that runs meanwhile."""
    for n, e in enumerate(entries):
        other = next(
            (o for o in entries if o.connector == "C2" and o.vehicle and o.start < e.end and e.start < o.end), None
        )
        if e.connector == "C1" and other is not None and abs(other.start - e.start) > timedelta(minutes=2):
            overlap = min(e.end, other.end) - max(e.start, other.start)
            if overlap > timedelta(minutes=5):
                return [*entries[:n], replace(e, vehicle=other.vehicle), *entries[n + 1 :]]
    raise AssertionError("no two orders at once")


def again(entries: list[Entry]) -> list[Entry]:
    return [*entries, entries[10]]


def meter_says_less(entries: list[Entry]) -> list[Entry]:
    e = entries[5]
    assert e.meter_stop_kwh is not None
    return [*entries[:5], replace(e, meter_stop_kwh=e.meter_stop_kwh - e.energy_kwh / 2), *entries[6:]]


def meter_runs_back(entries: list[Entry]) -> list[Entry]:
    e = last_of(entries, "C3")
    assert e.meter_start_kwh is not None
    assert e.meter_stop_kwh is not None
    back = replace(e, meter_start_kwh=e.meter_start_kwh - 50, meter_stop_kwh=e.meter_stop_kwh - 50)
    return [back if one is e else one for one in entries]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    ("plant", "check"),
    [
        (overlapping, "overlap"),
        (impossible, "physics"),
        (whole, "pattern"),
        (repeated, "pattern"),
        (twice_at_once, "identity"),
        (again, "number"),
        (meter_says_less, "meter"),
        (meter_runs_back, "meter"),
    ],
)
def test_every_planted_fraud_is_found(plant: Callable[[list[Entry]], list[Entry]], check: str, seed: int) -> None:
    made = world(seed)
    assert check in checks(made, plant(made.entries))


@pytest.mark.parametrize("seed", range(8))
def test_orders_that_nobody_paid_the_utility_for_are_found(seed: int) -> None:
    made = world(seed)
    less = [made.bills[0], replace(made.bills[1], energy_kwh=made.bills[1].energy_kwh * Decimal("0.9")), made.bills[2]]
    (found,) = findings(made.entries, made.given.piles, less)
    assert (found.check, found.subject) == ("energy_balance", "S1")
    assert "2018-02-01" in found.detail


def test_five_percent_more_is_borne_and_not_more() -> None:
    made = world(3)
    sold = sum(e.energy_kwh for e in made.entries)
    for share, found in (("1.0499", 0), ("1.0501", 1)):
        bill = Bill("S1", date(2017, 12, 1), date(2018, 4, 30), sold / Decimal(share))
        assert len(findings(made.entries, made.given.piles, [bill])) == found


def test_an_order_over_midnight_counts_for_both_bills() -> None:
    made = world(3)
    at = made.entries[0]
    midnight = made.entries[0].start.replace(year=2018, month=1, day=15, hour=16, minute=0)
    order = replace(at, start=midnight - timedelta(hours=1), end=midnight + timedelta(hours=1), energy_kwh=Decimal(100))
    spans = [(date(2018, 1, 15), date(2018, 1, 15)), (date(2018, 1, 16), date(2018, 1, 16))]
    right = [Bill("S1", *span, Decimal(50)) for span in spans]

    def balances(bills: list[Bill]) -> bool:
        return "energy_balance" not in {one.check for one in findings([order], made.given.piles, bills)}

    assert balances(right)
    assert not balances([replace(right[0], energy_kwh=Decimal(40)), right[1]])
    assert not balances([right[0], replace(right[1], energy_kwh=Decimal(40))])


def test_days_without_a_bill() -> None:
    made = world(3)
    assert unbilled_days("S1", date(2018, 1, 1), date(2018, 3, 31), made.bills) == 0
    assert unbilled_days("S1", date(2018, 1, 1), date(2018, 3, 31), made.bills[1:]) == 31
    assert unbilled_days("S2", date(2018, 1, 1), date(2018, 1, 2), made.bills) == 2


def split(bills: list[Bill], days: int = 0) -> list[Bill]:
    """Half of every bill is that of a second account, whose bills begin and end so many days later."""
    half = [replace(one, energy_kwh=one.energy_kwh / 2, account="A") for one in bills]
    shift = timedelta(days=days)
    moved = [replace(one, first_day=one.first_day + shift, last_day=one.last_day + shift, account="B") for one in half]
    return half + moved


@pytest.mark.parametrize("days", [0, 10])
def test_bills_of_several_accounts_add_up(days: int) -> None:
    made = world(2)
    assert checks(made, bills=split(made.bills, days)) == set()
    less = [replace(one, energy_kwh=one.energy_kwh / 3) for one in split(made.bills, days)]
    assert checks(made, bills=less) == {"energy_balance"}
    alone = [one for one in split(made.bills, days) if one.account == "A"]
    assert checks(made, bills=alone) == {"energy_balance"}, "half of what was sold was bought"


def test_an_account_that_is_billed_twice_is_found() -> None:
    made = world(2)
    short = [replace(one, energy_kwh=one.energy_kwh / 2) for one in made.bills]
    assert checks(made, bills=[*short, *short]) == {"bill_twice"}
    inside = Bill("S1", date(2018, 2, 10), date(2018, 2, 12), Decimal(100))
    assert checks(made, bills=[*made.bills, inside]) == {"bill_twice"}


def test_accounts_are_read_and_written() -> None:
    from monitor.subsidy.papers import read_bills, write_bills

    told = (Bill("S1", date(2018, 1, 1), date(2018, 1, 31), Decimal("5.50"), "37-1"),)
    assert read_bills(write_bills(told)) == told
    plain = read_bills("station,first_day,last_day,energy_kwh\nS1,2018-01-01,2018-01-31,5.5\n")
    assert plain[0].account == ""
