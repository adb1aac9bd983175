"""Amounts of subsidies by a rule, from orders and scores (奖补): exact to the cent, every order with what became of it.

Pure. `csms.province.subsidy_document` writes a claim down with its inputs, so that whoever is to pay computes it again.

    operating  per connector min(energy, cap per kW and year x kW x days / 365) x rate x factor of the grade
    annual     per connector rate per kW and year x kW x days / 365 x factor of the grade
    caps       of a station and year, by days / 365; what is above goes off its connectors in proportion

`days` are those in service within the span.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

from csms.province.subsidy_rules import Rule

CENT = Decimal("0.01")
ZERO = Decimal(0)
DAYS_OF_A_YEAR = 365
POWER_SLACK = Decimal("1.05")
"""What a pile may give above its plate, as the platform's own check has it."""
GRADES = ((Decimal(90), "A"), (Decimal(75), "B"), (Decimal(60), "C"))

USED, NO_ENERGY, TOO_MUCH, OVERLAP, NOT_ACCEPTED, NOT_ELIGIBLE = (
    "used",
    "no_energy",
    "more_than_power_and_time",
    "overlaps_another",
    "not_accepted_by_the_platform",
    "pile_not_eligible",
)


@dataclass(frozen=True, slots=True)
class Pile:
    """One connector by the platform's identifiers. `in_service`: its first day, None where nobody told."""

    connector: str
    equipment: str
    station: str
    power_kw: Decimal
    station_type: int
    equipment_type: int
    area_code: str
    in_service: date | None = None


@dataclass(frozen=True, slots=True)
class Sold:
    """One order. `accepted`: the platform has taken it."""

    number: str
    connector: str
    start: datetime
    end: datetime
    energy_kwh: Decimal
    accepted: bool = True


@dataclass(frozen=True, slots=True)
class DayScore:
    """What the platform thought of a day's data: total and dimensions, 0 to 100."""

    day: date
    total: Decimal
    dimensions: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that an amount depends on. `grade`: as the authority gave it; empty: by the mean of the scores."""

    rule: Rule
    first_day: date
    last_day: date
    piles: tuple[Pile, ...]
    orders: tuple[Sold, ...]
    scores: tuple[DayScore, ...] = ()
    grade: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """What one connector comes to; `why` it does not count, empty: it does."""

    pile: Pile
    days: int
    energy_kwh: Decimal = ZERO
    cap_kwh: Decimal | None = None
    operating_yuan: Decimal = ZERO
    annual_yuan: Decimal = ZERO
    why: str = ""

    @property
    def yuan(self) -> Decimal:
        """Both parts."""
        return self.operating_yuan + self.annual_yuan


@dataclass(frozen=True, slots=True)
class Claim:
    """What is claimed. `refused`: reasons why nothing is; `warnings`: what a person should know."""

    score: Decimal | None
    grade: str
    shares: tuple[Share, ...]
    orders: Mapping[str, str]
    refused: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def yuan(self) -> Decimal:
        """All of it."""
        return sum((share.yuan for share in self.shares), ZERO)


def build_yuan(rule: Rule, power_kw: Decimal, invoice_yuan: Decimal | None = None) -> Decimal | None:
    """What building a pile is worth once; None when the rule gives nothing for it, or lacks the invoice it needs."""
    build = rule.build
    if build is None:
        return None
    basis = [build.rate_yuan_per_kw and build.rate_yuan_per_kw * power_kw]
    basis.append(build.share_of_invoice and invoice_yuan and build.share_of_invoice * invoice_yuan)
    known = [value for value in basis if value]
    caps = [cap for cap in (build.cap_yuan, build.cap_yuan_per_kw and build.cap_yuan_per_kw * power_kw) if cap]
    return _cents(min([*known, *caps])) if known else None


def claim_of(given: Inputs) -> Claim:
    """The claim; never an exception, whatever lacks is told in it."""
    score = _mean([one.total for one in given.scores])
    grade = given.grade or _grade_of(score)
    ineligible = {pile.connector: why for pile in given.piles if (why := _ineligible(given.rule, pile))}
    fates = _fates(given, ineligible)
    energy = _energy(given.orders, fates)
    refused = tuple(_refusals(given, score, grade))
    bare = [
        Share(pile, _days(given, pile), energy.get(pile.connector, ZERO), why=ineligible.get(pile.connector, ""))
        for pile in given.piles
    ]
    shares = tuple(share if share.why or refused else _valued(given.rule, share, grade) for share in bare)
    return Claim(score, grade, _capped(given, shares), fates, refused, tuple(_warnings(given)))


def _energy(orders: Iterable[Sold], fates: Mapping[str, str]) -> dict[str, Decimal]:
    """kWh of the orders that count, by connector."""
    sums: dict[str, Decimal] = {}
    for order in orders:
        if fates[order.number] == USED:
            sums[order.connector] = sums.get(order.connector, ZERO) + order.energy_kwh
    return sums


def _valued(rule: Rule, share: Share, grade: str) -> Share:
    power_kw, days, operate, annual = share.pile.power_kw, share.days, rule.operate, rule.annual
    if operate is not None:
        cap_year = operate.cap_kwh_per_kw_year
        cap = None if cap_year is None else cap_year * power_kw * days / DAYS_OF_A_YEAR
        counted = share.energy_kwh if cap is None else min(share.energy_kwh, cap)
        yuan = _cents(counted * operate.rate_yuan_per_kwh * _factor(operate.grade_factor, grade))
        share = replace(share, cap_kwh=None if cap is None else _cents(cap), operating_yuan=yuan)
    if annual is not None:
        factor = _factor(annual.grade_factor, grade)
        yuan = _cents(annual.rate_yuan_per_kw_year * power_kw * factor * days / DAYS_OF_A_YEAR)
        share = replace(share, annual_yuan=yuan)
    return share


def _factor(factors: Mapping[Any, Decimal], grade: str) -> Decimal:
    return factors.get(grade, ZERO) if factors else Decimal(1)


def _days(given: Inputs, pile: Pile) -> int:
    first = max(given.first_day, pile.in_service or given.first_day)
    return max(0, (given.last_day - first).days + 1)


def _ineligible(rule: Rule, pile: Pile) -> str:
    scope = rule.scope
    wrong = {
        "station_type": bool(scope.station_types) and pile.station_type not in scope.station_types,
        "equipment_type": bool(scope.equipment_types) and pile.equipment_type not in scope.equipment_types,
        "power": not (scope.power_kw_min or ZERO) <= pile.power_kw <= (scope.power_kw_max or pile.power_kw),
        "area_code": bool(scope.area_codes) and not pile.area_code.startswith(scope.area_codes),
        "in_service": _outside(pile.in_service, scope.in_service_from, scope.in_service_to),
    }
    return ", ".join(name for name, found in wrong.items() if found)


def _outside(day: date | None, first: date | None, last: date | None) -> bool:
    if day is None:
        return first is not None or last is not None
    return (first is not None and day < first) or (last is not None and day > last)


def _fates(given: Inputs, ineligible: Mapping[str, str]) -> dict[str, str]:
    """What became of each order."""
    power = {pile.connector: pile.power_kw for pile in given.piles}
    busy_until: dict[str, datetime] = {}
    fates = {}
    for order in sorted(given.orders, key=lambda one: (one.start, one.number)):
        until = busy_until.get(order.connector)
        fate = _fate(order, power, ineligible)
        if fate == USED and until is not None and order.start < until:
            fate = OVERLAP
        if fate == USED:
            busy_until[order.connector] = order.end
        fates[order.number] = fate
    return fates


def _fate(order: Sold, power: Mapping[str, Decimal], ineligible: Mapping[str, str]) -> str:
    if order.connector not in power or order.connector in ineligible:
        return NOT_ELIGIBLE
    if not order.accepted:
        return NOT_ACCEPTED
    if order.energy_kwh <= 0:
        return NO_ENERGY
    hours = Decimal((order.end - order.start) // timedelta(seconds=1)) / 3600
    return TOO_MUCH if order.energy_kwh > power[order.connector] * hours * POWER_SLACK + CENT else USED


def _refusals(given: Inputs, score: Decimal | None, grade: str) -> Iterable[str]:
    rule = given.rule
    if rule.state == "empty" or (rule.operate is None and rule.annual is None):
        yield "the rule gives no amount for operating"
    outside = (rule.valid_from and given.first_day < rule.valid_from) or (
        rule.valid_to and given.last_day > rule.valid_to
    )
    if outside:
        yield f"the rule counts from {rule.valid_from} to {rule.valid_to}"
    known = set().union(*(part.grade_factor for part in (rule.operate, rule.annual) if part is not None))
    if rule.graded and grade not in known:
        yield f"the rule does not say what grade {grade or '(none)'} gets"
    if rule.min_data_score is not None and (score is None or score < rule.min_data_score):
        failing = ", ".join(_failing(given, rule.min_data_score)) or "no score"
        yield f"the data score {score} is below {rule.min_data_score}: {failing}"


def _failing(given: Inputs, least: Decimal) -> Iterable[str]:
    for name in sorted({name for one in given.scores for name in one.dimensions}):
        mean = _mean([one.dimensions[name] for one in given.scores if name in one.dimensions])
        if mean is not None and mean < least:
            yield f"{name} {mean}"


def _warnings(given: Inputs) -> Iterable[str]:
    if given.rule.note:
        yield given.rule.note
    scored = {one.day for one in given.scores}
    span = (given.last_day - given.first_day).days + 1
    if scored and len(scored) < span:
        yield f"{span - len(scored)} of {span} days have no score"
    untold = [pile.connector for pile in given.piles if pile.in_service is None]
    if untold:
        yield f"no first day in service is known of {len(untold)} connectors: the whole span is taken"


def _capped(given: Inputs, shares: tuple[Share, ...]) -> tuple[Share, ...]:
    for part, name in ((given.rule.operate, "operating_yuan"), (given.rule.annual, "annual_yuan")):
        if part is not None and part.cap_yuan_per_station_year is not None:
            shares = _under(shares, name, part.cap_yuan_per_station_year)
    return shares


def _under(shares: tuple[Share, ...], name: str, cap_yuan_year: Decimal) -> tuple[Share, ...]:
    """No station above its cap, which counts by the longest time in service of its connectors."""
    found = list(shares)
    for station in dict.fromkeys(share.pile.station for share in shares):
        places = [place for place, share in enumerate(shares) if share.pile.station == station]
        whole = sum((getattr(shares[place], name) for place in places), ZERO)
        days = max(shares[place].days for place in places)
        cap = _cents(cap_yuan_year * days / DAYS_OF_A_YEAR)
        if whole > cap:
            parts = _split(cap, [getattr(shares[place], name) for place in places])
            for place, part in zip(places, parts, strict=True):
                changed: dict[str, Any] = {name: part}
                found[place] = replace(found[place], **changed)
    return tuple(found)


def _split(cap: Decimal, amounts: Sequence[Decimal]) -> list[Decimal]:
    """`cap` in proportion to the amounts, to the cent and without a rest: it goes to the largest fractions."""
    whole = sum(amounts, ZERO)
    exact = [cap * amount / whole for amount in amounts]
    parts = [value.quantize(CENT, ROUND_DOWN) for value in exact]
    rest = int((cap - sum(parts, ZERO)) / CENT)
    for place in sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))[:rest]:
        parts[place] += CENT
    return parts


def _mean(values: Sequence[Decimal]) -> Decimal | None:
    return _cents(sum(values, ZERO) / len(values)) if values else None


def _grade_of(score: Decimal | None) -> str:
    return "" if score is None else next((grade for least, grade in GRADES if score >= least), "D")


def _cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)
