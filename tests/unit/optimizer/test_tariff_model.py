"""The shipped tariffs and the rule F + B·k against the tables of the notices."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from optimizer.models.tariff import read_tariff, shipped, shipped_tariff

SHANGHAI = ZoneInfo("Asia/Shanghai")
HOURS = {
    1: "FFVVVVFPPFVDDDVFSSSPPFFF",
    4: "FFFFFFFFFFVDDDVFFSSSPPFF",
    6: "FFFFFFFVVVVVFFFFPSSSSSPF",
    7: "FVVVVVFFFFFFFFFFPSSSSSPF",
    10: "FFFFFFFFFFVDDDVFPSSPPFFF",
}

RESIDENTIAL = {
    1: "VVVVVVVPPFVDDDVFSSSPPFFV",
    4: "VVVVVVVFFFVDDDVFFSSSPPFV",
    6: "VVVVVVVVVVVVFFFFPSSSSSPV",
    7: "VVVVVVVFFFFFFFFFPSSSSSPV",
    10: "VVVVVVVFFFVDDDVFPSSPPFFV",
}


@pytest.mark.parametrize("month", HOURS)
def test_every_season_has_its_hours(month: int) -> None:
    tariff = shipped_tariff("shandong-2026")
    assert tariff.letters(date(2026, month, 15)) == HOURS[month]
    assert tariff.letters(date(2026, month, 15), "residential_ev") == RESIDENTIAL[month]


@pytest.mark.parametrize(("month", "mean"), [(1, 0.954), (4, 1.0125), (6, 1.121), (7, 1.121), (10, 1.0)])
def test_mean_factors(month: int, mean: float) -> None:
    tariff = shipped_tariff("shandong-2026")
    day = tariff.prices(datetime(2026, month, 15, tzinfo=SHANGHAI), 24, 1.0)
    factor = (day - tariff.fixed) / tariff.floating
    assert float(factor.mean()) == pytest.approx(mean, abs=5e-4)


def test_the_factor_of_a_whole_year_is_near_one() -> None:
    tariff = shipped_tariff("shandong-2026")
    total = 0.0
    for month in range(1, 13):
        prices = tariff.prices(datetime(2026, month, 1, tzinfo=SHANGHAI), 24, 1.0)
        total += monthrange(2026, month)[1] * float(((prices - tariff.fixed) / tariff.floating).mean())
    assert total / 365 == pytest.approx(1.022, abs=1e-3)


def test_only_the_floating_part_is_multiplied() -> None:
    tariff = shipped_tariff("shandong-2026")
    prices = [tariff.price_of(letter) for letter in "SPFVD"]
    np.testing.assert_allclose(prices, [1.17, 1.017, 0.66, 0.303, 0.201])


def test_slots_in_any_zone_and_across_a_border() -> None:
    tariff = shipped_tariff("shandong-2026")
    # 15:30 to 16:30 in winter is half flat, half sharp; 07:30 UTC is 15:30 in Shanghai.
    np.testing.assert_allclose(
        tariff.prices(datetime(2026, 1, 15, 7, 30, tzinfo=UTC), 2, 1.0), [(0.66 + 1.17) / 2, 1.17]
    )
    night = tariff.prices(datetime(2026, 5, 31, 23, 0, tzinfo=SHANGHAI), 9, 1.0)
    np.testing.assert_allclose(night, [0.66] * 8 + [0.303])


def test_working_days_know_the_holidays_and_what_is_worked_instead() -> None:
    tariff = shipped_tariff("shandong-2026")
    found = [tariff.is_working_day(date(2026, 2, day)) for day in (13, 14, 16, 24)]
    assert found == [True, True, False, True]
    assert not tariff.is_working_day(date(2026, 3, 1))


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_file_names_its_sources(name: str) -> None:
    tariff = shipped_tariff(name)
    assert tariff.id == name
    assert tariff.sources


def test_a_day_with_a_table_of_its_own_and_one_outside_the_validity() -> None:
    text = FILE + '[[holidays]]\ndays = [2026-10-01]\nhours = "DDDDDDDDDDDDDDDDDDDDDDDD"\n'
    tariff = read_tariff(text)
    assert tariff.letters(date(2026, 10, 1)) == "D" * 24
    assert tariff.letters(date(2026, 10, 2)) == "F" * 24
    with pytest.raises(ValueError, match="not on 2027-01-01"):
        tariff.letters(date(2027, 1, 1))


FILE = """id = "t"
valid_from = 2026-01-01
valid_to = 2026-12-31
tz = "Asia/Shanghai"
floating_per_kwh = 0.5
fixed_per_kwh = 0.1
sources = ["none"]
[factor]
sharp = 2.0
peak = 1.5
flat = 1.0
valley = 0.5
deep = 0.1
[[seasons]]
months = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
hours = "FFFFFFFFFFFFFFFFFFFFFFFF"
"""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("FFFFFFFFFFFFFFFFFFFFFFFF", "FFF", "24 letters"),
        ("FFFFFFFFFFFFFFFFFFFFFFFF", "XFFFFFFFFFFFFFFFFFFFFFFF", "24 letters"),
        ("11, 12]", "11]", "every month"),
        ("11, 12]", "11, 12, 12]", "twice"),
        ("= 0.1\nsources", "= -0.1\nsources", "negative"),
        ("2026-12-31", "2025-12-31", "before it begins"),
        ("sharp = 2.0\n", "", "sharp is missing"),
    ],
)
def test_faulty_files_say_what_is_wrong(old: str, new: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_tariff(FILE.replace(old, new))
