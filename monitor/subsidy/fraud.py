"""Cross-checks of a declaration (specification of subsidies, 4.4): each finding names what contradicts what. Pure.

energy_balance   orders of a station ≤ what the utility billed for the same days · 1.05; bills of its accounts add up
bill_twice       no day of an account is billed twice
overlap          no two orders at one connector at a time
physics          kWh ≤ power · time · 1.05
pattern          whole or repeated amounts far more often than chance gives them (binomial, corrected for the tries)
identity         one car at two places at a time
number           an order number stands once
meter            stop − start of the meter is the energy; a connector's meter never runs back
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

from scipy.stats import binom

from csms.province.subsidy import POWER_SLACK, Pile
from monitor.store.days import ZONE
from monitor.subsidy.papers import Bill, Entry

BALANCE_SLACK = Decimal("1.05")
CENT_KWH = Decimal("0.01")
METER_SLACK_KWH = Decimal("0.1")
METER_SLACK = Decimal("0.01")
"""Of the energy: what readings of two meters of one pile may differ by."""
CLOCKS_S = 60
"""How far clocks of two connectors may be apart."""
CHANCE = 1e-6
"""Of a clean declaration to be suspected for a pattern, over all its connectors and amounts."""
SAME_MIN = 4
NEAR_KWH = Decimal("0.5")
"""How far around an amount others are as likely as it is."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` failed at `subject` (an order, connector or station); `detail`: the figures."""

    check: str
    subject: str
    detail: str


def findings(entries: Sequence[Entry], piles: Iterable[Pile], bills: Iterable[Bill]) -> list[Finding]:
    """Everything that contradicts itself, in the order of the checks."""
    known = {pile.connector: pile for pile in piles}
    in_time = sorted(entries, key=lambda entry: (entry.start, entry.order))
    return [
        *_balance(in_time, known, bills),
        *_overlaps(in_time),
        *_physics(in_time, known),
        *_patterns(in_time),
        *_identities(in_time),
        *_numbers(in_time),
        *_meters(in_time),
    ]


def unbilled_days(station: str, first: date, last: date, bills: Iterable[Bill]) -> int:
    """Days of a span that no bill of the station covers."""
    spans = [(bill.first_day, bill.last_day) for bill in bills if bill.station == station]
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return sum(not any(begin <= day <= end for begin, end in spans) for day in days)


def _balance(entries: Sequence[Entry], piles: dict[str, Pile], bills: Iterable[Bill]) -> Iterator[Finding]:
    of_station: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.connector in piles:
            of_station[piles[entry.connector].station].append(entry)
    of_bills: dict[str, list[Bill]] = defaultdict(list)
    for bill in bills:
        of_bills[bill.station].append(bill)
    for station, group in of_bills.items():
        yield from _twice(station, group)
        for first, last, billed in _spans(group):
            sold = sum((_within(entry, first, last) for entry in of_station[station]), Decimal(0))
            if sold > billed * BALANCE_SLACK:
                detail = f"{first} … {last}: {sold:.2f} kWh > {billed} kWh · {BALANCE_SLACK}"
                yield Finding("energy_balance", station, detail)


def _twice(station: str, bills: Sequence[Bill]) -> Iterator[Finding]:
    """Bills of one account for the same days: one of them would let energy through that nobody bought."""
    by_account: dict[str, list[Bill]] = defaultdict(list)
    for bill in bills:
        by_account[bill.account].append(bill)
    for account, group in sorted(by_account.items()):
        for before, after in pairwise(sorted(group, key=lambda one: (one.first_day, one.last_day))):
            if after.first_day <= before.last_day:
                yield Finding("bill_twice", station, f"{account} {after.first_day} … {before.last_day}".strip())


def _spans(bills: Sequence[Bill]) -> Iterator[tuple[date, date, Decimal]]:
    """Days that all accounts of a station bill, as few spans as their bills allow, and the energy of all bills that
    reach into them: where bills of two accounts do not end on the same day that is more than was bought, never less.
    """
    accounts = {bill.account for bill in bills}
    days = sorted({bill.first_day for bill in bills} | {bill.last_day + DAY for bill in bills})
    goes_on, found = False, list[tuple[date, date]]()
    for day, after in pairwise(days):
        if {bill.account for bill in bills if bill.first_day <= day <= bill.last_day} != accounts:
            goes_on = False
            continue
        ended = {bill.account for bill in bills if bill.last_day + DAY == day}
        if goes_on and ended != accounts:
            found[-1] = (found[-1][0], after - DAY)
        else:
            found.append((day, after - DAY))
        goes_on = True
    for first, last in found:
        reaching = [bill for bill in bills if bill.first_day <= last and bill.last_day >= first]
        yield first, last, sum((bill.energy_kwh for bill in reaching), Decimal(0))


def _within(entry: Entry, first: date, last: date) -> Decimal:
    """What of an order falls into some days: by time."""
    begin, end = _midnight(first), _midnight(last + DAY)
    if entry.end <= entry.start:
        return entry.energy_kwh if begin <= entry.start < end else Decimal(0)
    inside = max(min(entry.end, end) - max(entry.start, begin), timedelta())
    return entry.energy_kwh * _seconds(inside) / _seconds(entry.end - entry.start)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZONE)


def _seconds(span: timedelta) -> Decimal:
    return Decimal(span // timedelta(microseconds=1)) / 1_000_000


def _overlaps(entries: Sequence[Entry]) -> Iterator[Finding]:
    latest: dict[str, Entry] = {}
    for entry in entries:
        before = latest.get(entry.connector)
        if before is not None and entry.start < before.end and entry.order != before.order:
            yield Finding("overlap", entry.order, f"{entry.connector}: {before.order} … {before.end.isoformat()}")
        if before is None or entry.end > before.end:
            latest[entry.connector] = entry


def _physics(entries: Sequence[Entry], piles: dict[str, Pile]) -> Iterator[Finding]:
    for entry in entries:
        pile = piles.get(entry.connector)
        if pile is None:
            continue
        most = pile.power_kw * _seconds(max(entry.end - entry.start, timedelta())) / 3600 * POWER_SLACK + CENT_KWH
        if entry.energy_kwh > most or entry.energy_kwh < 0:
            yield Finding("physics", entry.order, f"{entry.energy_kwh} kWh > {most:.2f} kWh")


def _patterns(entries: Sequence[Entry]) -> Iterator[Finding]:
    """Amounts are judged by the step that the whole declaration is written in: meters that tell whole kWh are no fraud,
    and then nothing can be said of amounts.
    """
    amounts: dict[str, list[Decimal]] = defaultdict(list)
    for entry in entries:
        if entry.energy_kwh > 0:
            amounts[entry.connector].append(entry.energy_kwh)
    step = _step([amount for group in amounts.values() for amount in group])
    if step == 1:
        return
    tries = sum(len(set(group)) + 1 for group in amounts.values()) or 1
    for connector, group in sorted(amounts.items()):
        whole = sum(amount == amount.to_integral_value() for amount in group)
        if whole >= SAME_MIN and binom.sf(whole - 1, len(group), float(step)) < CHANCE / tries:
            yield Finding("pattern", connector, f"{whole} of {len(group)} in whole kWh")
        for amount, times in sorted(Counter(group).items()):
            near = sum(abs(other - amount) <= NEAR_KWH for other in group)
            chance = float(step / (2 * NEAR_KWH + step))
            if times >= SAME_MIN and binom.sf(times - 1, near, chance) < CHANCE / tries:
                yield Finding("pattern", connector, f"{times} times {amount} kWh")


def _step(amounts: Sequence[Decimal]) -> Decimal:
    """1, 0.1 or 0.01 kWh: the coarsest step that 9 of 10 amounts cannot be told by starts the next finer one."""
    for step in (Decimal(1), Decimal("0.1")):
        if amounts and sum(amount % step == 0 for amount in amounts) >= 0.9 * len(amounts):
            return step
    return CENT_KWH


def _identities(entries: Sequence[Entry]) -> Iterator[Finding]:
    latest: dict[str, Entry] = {}
    for entry in entries:
        if not entry.vehicle:
            continue
        before = latest.get(entry.vehicle)
        apart = timedelta(seconds=CLOCKS_S)
        if before is not None and entry.connector != before.connector and entry.start < before.end - apart:
            detail = f"{entry.vehicle}: {before.connector} {before.order}, {entry.connector}"
            yield Finding("identity", entry.order, detail)
        if before is None or entry.end > before.end:
            latest[entry.vehicle] = entry


def _numbers(entries: Sequence[Entry]) -> Iterator[Finding]:
    for order, times in sorted(Counter(entry.order for entry in entries).items()):
        if times > 1:
            yield Finding("number", order, f"{times} ×")


def _meters(entries: Sequence[Entry]) -> Iterator[Finding]:
    by_connector: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.meter_start_kwh is not None and entry.meter_stop_kwh is not None:
            by_connector[entry.connector].append(entry)
            moved = entry.meter_stop_kwh - entry.meter_start_kwh
            if abs(moved - entry.energy_kwh) > METER_SLACK_KWH + METER_SLACK * abs(entry.energy_kwh):
                yield Finding("meter", entry.order, f"{moved} kWh, {entry.energy_kwh} kWh")
    for connector, group in sorted(by_connector.items()):
        for before, after in pairwise(group):
            if _back(before, after):
                yield Finding("meter", after.order, f"{connector}: {after.meter_start_kwh} < {before.meter_stop_kwh}")


def _back(before: Entry, after: Entry) -> bool:
    assert before.meter_stop_kwh is not None
    assert after.meter_start_kwh is not None
    return after.meter_start_kwh < before.meter_stop_kwh - METER_SLACK_KWH
