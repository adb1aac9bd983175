"""A claim step by step: for every connector what decides and every number with the one it comes from. Pure.

A step is a key of the texts (`subsidy.step.<key>`) and its values; the amounts are those of the claim, to the cent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from csms.province.subsidy import CENT, DAYS_OF_A_YEAR, USED, Claim, Inputs, Share, build_yuan, claim_of
from csms.province.subsidy_rules import Annual, Operate, Rule


@dataclass(frozen=True, slots=True)
class Step:
    """`subject`: the connector or station, empty for the whole."""

    key: str
    subject: str
    values: dict[str, str]


def steps(given: Inputs) -> list[Step]:
    """All of them in the order in which they decide."""
    claim = claim_of(given)
    return [*_whole(given, claim), *(step for share in claim.shares for step in _of_connector(given, claim, share)),
            *_caps(given, claim), _step("total", "", yuan=claim.yuan)]  # fmt: skip


def construction(rule: Rule, power_kw: Decimal, invoice_yuan: Decimal | None) -> list[Step]:
    """What building a pile is worth, the least of what the rule names."""
    build = rule.build
    if build is None:
        return [_step("build_none", "", rule=rule.id)]
    known: list[Step] = []
    if build.rate_yuan_per_kw:
        known.append(_step("build_rate", "", rate=build.rate_yuan_per_kw, kw=power_kw,
                           yuan=_cents(build.rate_yuan_per_kw * power_kw)))  # fmt: skip
    if build.share_of_invoice and invoice_yuan:
        known.append(_step("build_share", "", share=100 * build.share_of_invoice, invoice=invoice_yuan,
                           yuan=_cents(build.share_of_invoice * invoice_yuan)))  # fmt: skip
    if build.cap_yuan:
        known.append(_step("build_cap", "", yuan=build.cap_yuan))
    if build.cap_yuan_per_kw:
        known.append(_step("build_cap_kw", "", cap=build.cap_yuan_per_kw, kw=power_kw,
                           yuan=_cents(build.cap_yuan_per_kw * power_kw)))  # fmt: skip
    amount = build_yuan(rule, power_kw, invoice_yuan)
    last = _step("build_unknown", "") if amount is None else _step("build_total", "", yuan=amount)
    return [*known, last]


def _whole(given: Inputs, claim: Claim) -> Iterator[Step]:
    rule = given.rule
    yield _step("rule", "", rule=rule.id, authority=rule.authority, source=rule.source)
    yield _step("span", "", first=given.first_day, last=given.last_day)
    if given.grade:
        yield _step("grade_given", "", grade=given.grade)
    elif claim.score is not None:
        yield _step("grade_scored", "", grade=claim.grade, score=claim.score, days=len(given.scores))
    for words in claim.refused:
        yield _step("refused", "", words=words)
    for words in claim.warnings:
        yield _step("warning", "", words=words)


def _of_connector(given: Inputs, claim: Claim, share: Share) -> Iterator[Step]:
    connector = share.pile.connector
    if share.why:
        yield _step("not_eligible", connector, why=share.why)
        return
    since = share.pile.in_service or given.first_day
    yield _step("eligible", connector, kw=share.pile.power_kw, days=share.days, since=since)
    fates = Counter(claim.orders[order.number] for order in given.orders if order.connector == connector)
    yield _step("orders", connector, used=fates[USED], energy=share.energy_kwh)
    for fate, count in sorted(fates.items()):
        if fate != USED:
            yield _step(f"fate_{fate}", connector, count=count)
    if claim.refused:
        return
    if given.rule.operate is not None:
        yield from _operating(given.rule.operate, claim.grade, share)
    if given.rule.annual is not None:
        yield _annual(given.rule.annual, claim.grade, share)


def _operating(rule: Operate, grade: str, share: Share) -> Iterator[Step]:
    counted, _ = _operating_yuan(rule, grade, share)
    if rule.cap_kwh_per_kw_year is not None:
        yield _step("energy_cap", share.pile.connector, cap_year=rule.cap_kwh_per_kw_year, kw=share.pile.power_kw,
                    days=share.days, cap=share.cap_kwh, counted=_cents(counted))  # fmt: skip
    yuan = _operating_yuan(rule, grade, share)[1]
    yield _step("operating", share.pile.connector, counted=_cents(counted), rate=rule.rate_yuan_per_kwh,
                factor=_factor(rule, grade), yuan=yuan)  # fmt: skip


def _operating_yuan(rule: Operate, grade: str, share: Share) -> tuple[Decimal, Decimal]:
    """Energy that counts and its amount, before caps of a station."""
    counted = share.energy_kwh
    if rule.cap_kwh_per_kw_year is not None:
        counted = min(counted, rule.cap_kwh_per_kw_year * share.pile.power_kw * share.days / DAYS_OF_A_YEAR)
    return counted, _cents(counted * rule.rate_yuan_per_kwh * _factor(rule, grade))


def _annual(rule: Annual, grade: str, share: Share) -> Step:
    return _step("annual", share.pile.connector, rate=rule.rate_yuan_per_kw_year, kw=share.pile.power_kw,
                 days=share.days, factor=_factor(rule, grade), yuan=_annual_yuan(rule, grade, share))  # fmt: skip


def _annual_yuan(rule: Annual, grade: str, share: Share) -> Decimal:
    factor = _factor(rule, grade)
    return _cents(rule.rate_yuan_per_kw_year * share.pile.power_kw * factor * share.days / DAYS_OF_A_YEAR)


def _caps(given: Inputs, claim: Claim) -> Iterator[Step]:
    """Where the cap of a station took something away."""
    if claim.refused:
        return
    counted = [share for share in claim.shares if not share.why]
    for station in dict.fromkeys(share.pile.station for share in counted):
        own = [share for share in counted if share.pile.station == station]
        if given.rule.operate is not None:
            before = sum((_operating_yuan(given.rule.operate, claim.grade, share)[1] for share in own), Decimal(0))
            yield from _cap("operating", station, before, sum((share.operating_yuan for share in own), Decimal(0)))
        if given.rule.annual is not None:
            before = sum((_annual_yuan(given.rule.annual, claim.grade, share) for share in own), Decimal(0))
            yield from _cap("annual", station, before, sum((share.annual_yuan for share in own), Decimal(0)))


def _cap(part: str, station: str, before: Decimal, after: Decimal) -> Iterator[Step]:
    if after != before:
        yield _step(f"cap_{part}", station, before=before, after=after)


def _factor(rule: Operate | Annual, grade: str) -> Decimal:
    factors: Mapping[Any, Decimal] = rule.grade_factor
    return factors.get(grade, Decimal(0)) if factors else Decimal(1)


def _step(key: str, subject: str, **values: object) -> Step:
    return Step(key, subject, {name: str(value) for name, value in values.items()})


def _cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)
