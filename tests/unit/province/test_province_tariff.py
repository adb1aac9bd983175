"""Orders split at tariff boundaries: worked examples, boundaries, rounding, the cap of 32."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

import pytest

from csms.province.profile import load_profile
from csms.province.tariff import FlatPrice, HourlyPrices, Price, Split, folded, split, to_cents
from monitor.quality.observed import Detail, Order
from monitor.quality.orders import check_order
from monitor.quality.register import register_of
from monitor.quality.rules import rules_of
from monitor.quality.tally import Tally

ZONE = ZoneInfo("Asia/Shanghai")
SEASONS = {
    **dict.fromkeys((12, 1, 2), "FFVVVVFPPFVDDDVFSSSPPFFF"),
    **dict.fromkeys((3, 4, 5), "FFFFFFFFFFVDDDVFFSSSPPFF"),
    6: "FFFFFFFVVVVVFFFFPSSSSSPF",
    **dict.fromkeys((7, 8), "FVVVVVFFFFFFFFFFPSSSSSPF"),
    **dict.fromkeys((9, 10, 11), "FFFFFFFFFFVDDDVFPSSPPFFF"),
}
ELEC = {"S": "1.17", "P": "1.017", "F": "0.66", "V": "0.303", "D": "0.201"}
OTHERWISE = Price(Decimal("0.9"), Decimal("0.4"))


def letters(day: date) -> str:
    if day.year != 2026:
        raise ValueError("outside")
    return SEASONS[day.month]


PRICES = HourlyPrices(
    "2026", ZONE, letters, {name: Decimal(price) for name, price in ELEC.items()}, Decimal("0.4"), OTHERWISE
)


def local(*parts: int) -> datetime:
    return datetime(2026, *parts, tzinfo=ZONE).astimezone(UTC)


def at_60_kw(start: datetime, end: datetime) -> Split:
    return split(start, end, 60_000 * (end - start).total_seconds() / 3600, PRICES)


@pytest.mark.parametrize(
    ("start", "end", "pieces", "money"),
    [
        (local(1, 15, 10, 30), local(1, 15, 14, 30), [("valley", 30), ("deep", 180), ("valley", 30)], "54.36"),
        (local(1, 15, 15, 30), local(1, 15, 19, 30), [("flat", 30), ("sharp", 180), ("peak", 30)], "260.91"),
        (local(7, 15, 23, 30), local(7, 16, 1, 30), [("flat", 90), ("valley", 30)], "68.49"),
        (local(5, 31, 23, 0), local(6, 1, 1, 0), [("flat", 60), ("flat", 60)], "79.20"),
        (local(1, 15, 12, 0), local(1, 15, 13, 0), [("deep", 60)], "12.06"),
    ],
)
def test_the_worked_sessions(start: datetime, end: datetime, pieces: list[tuple[str, int]], money: str) -> None:
    found = at_60_kw(start, end)
    assert [(detail.period, detail.energy_kwh) for detail in found.details] == pieces
    assert sum(detail.elec_money for detail in found.details) == Decimal(money)
    assert (found.details[0].start, found.details[-1].end) == (start, end)


def test_a_boundary_belongs_to_what_begins() -> None:
    assert PRICES.at(local(1, 15, 15, 59, 59)).level == "flat"
    assert PRICES.at(local(1, 15, 16, 0)).level == "sharp"


def test_the_deep_valley_counts_as_valley_and_stays_in_the_details() -> None:
    found = at_60_kw(local(1, 15, 10, 30), local(1, 15, 14, 30))
    assert found.levels == {"valley": 60, "deep": 180}
    assert folded(found.levels) == {"valley": 240}
    assert folded({"deep": Decimal(1)}) == {"valley": 1}
    assert folded({"peak": Decimal(1)}) == {"peak": 1}


def test_energy_goes_by_the_register_and_not_by_time() -> None:
    start, end = local(1, 15, 15, 30), local(1, 15, 16, 30)
    drawn = [(local(1, 15, 15, 50), 9_000.0), (local(1, 15, 16, 10), 10_000.0)]
    found = split(start, end, 10_000, PRICES, drawn)
    assert [detail.energy_kwh for detail in found.details] == [Decimal("9.5"), Decimal("0.5")]


def test_a_register_that_falls_or_exceeds_the_whole_makes_nothing_negative() -> None:
    start, end = local(1, 15, 15, 30), local(1, 15, 16, 30)
    drawn = [(local(1, 15, 15, 40), 50_000.0), (local(1, 15, 15, 50), 100.0), (end + timedelta(hours=1), 1.0)]
    found = split(start, end, 10_000, PRICES, drawn)
    assert [detail.energy_kwh for detail in found.details] == [10, 0]


def test_a_long_stay_has_32_details_and_exact_sums() -> None:
    start = local(1, 10, 0, 10)
    end = start + timedelta(days=5)
    found = split(start, end, 333_333.3, PRICES)
    assert len(found.details) == 32
    assert found.joined
    assert sum(detail.energy_kwh for detail in found.details) == Decimal("333.33")
    assert sum(found.levels.values()) == Decimal("333.33")
    assert all(a.end == b.start for a, b in zip(found.details, found.details[1:], strict=False))
    exact = sum(
        (Decimal("333.3333") * hours / 120 * Decimal(ELEC[letter]) for letter, hours in _hours(start, end).items()),
        Decimal(0),
    )
    assert abs(sum(detail.elec_money for detail in found.details) - exact) < Decimal("0.01")


def _hours(start: datetime, end: datetime) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for minute in range(int((end - start).total_seconds() // 60)):
        letter = letters((at := (start + timedelta(minutes=minute)).astimezone(ZONE)).date())[at.hour]
        found[letter] = found.get(letter, Decimal(0)) + Decimal(1) / 60
    return found


def test_outside_the_price_list_the_price_of_the_house_counts() -> None:
    moment = datetime(2027, 1, 1, tzinfo=ZONE)
    (detail,) = split(moment, moment + timedelta(hours=3), 3000, PRICES).details
    assert (detail.elec_price, detail.elec_money, detail.period) == (Decimal("0.9"), Decimal("2.70"), "")


def test_one_price_is_one_detail_however_long() -> None:
    found = split(local(1, 1), local(2, 1), 5_000, FlatPrice(OTHERWISE))
    assert len(found.details) == 1
    assert found.levels == {}


def test_a_session_of_no_length_has_one_detail() -> None:
    (detail,) = split(local(1, 1), local(1, 1), 0, PRICES).details
    assert (detail.energy_kwh, detail.elec_money) == (0, 0)


def test_sums_are_exact_on_many_sessions() -> None:
    rng = Random(1)
    for _ in range(2000):
        start = local(1, 1) + timedelta(minutes=rng.randrange(500_000))
        end = start + timedelta(minutes=rng.randrange(1, 4000))
        energy_wh = rng.random() * 90_000
        found = split(start, end, energy_wh, PRICES)
        assert sum(d.energy_kwh for d in found.details) == to_cents([Decimal(repr(energy_wh)) / 1000])[0]
        assert all(d.energy_kwh >= 0 for d in found.details)


def test_each_detail_is_what_whoever_checks_it_expects() -> None:
    """Money against price times energy as the watch over partners judges it, and nothing negative in small charges."""
    rules, tally, rng = rules_of(load_profile("shandong")), Tally(), Random(2)
    for number in range(1500):
        start = local(1, 2) + timedelta(seconds=rng.randrange(86_400 * 25))
        end = start + timedelta(seconds=rng.randrange(1200, rng.choice((6, 12, 100)) * 3600))
        found = split(start, end, rng.random() * rng.choice((90_000, 200)), PRICES)
        assert all(d.energy_kwh >= 0 and d.elec_money >= 0 and d.service_money >= 0 for d in found.details)
        check_order(_as_told(number, start, end, found), "123456789", register_of([]), rules, tally)
    assert [one for one in tally.findings if one.check != "order.number_form"] == []


def _as_told(number: int, start: datetime, end: datetime, found: Split) -> Order:
    elec, service, energy = (
        sum(getattr(detail, name) for detail in found.details) for name in ("elec_money", "service_money", "energy_kwh")
    )
    details = tuple(
        Detail(d.start, d.end, d.elec_price, d.service_price, d.energy_kwh, d.elec_money, d.service_money)
        for d in found.details
    )
    levels = tuple(folded(found.levels).values())
    times = end, f"o{number}", "c", start, end
    return Order(*times, energy, elec, service, elec + service, len(details), details, levels, None, None, None, False)
