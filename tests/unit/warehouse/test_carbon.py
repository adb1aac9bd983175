"""CO2 that charging avoids: the worked values, the year that was used, areas without a factor."""

from __future__ import annotations

import pytest

from monitor.warehouse.carbon import (
    PETROL_KG_PER_L,
    FactorMissing,
    GridFactor,
    Replaced,
    avoided,
    grid_factor,
    shipped_factors,
)


def car(fuel_l: float, electric_kwh: float) -> Replaced:
    return Replaced((fuel_l,) * 3, (electric_kwh,) * 3)


@pytest.mark.parametrize(("fuel_l", "electric_kwh", "per_kwh"), [(6, 15, 0.2350), (7, 15, 0.3774), (6.5, 18, 0.1520)])
def test_the_worked_values(fuel_l: float, electric_kwh: float, per_kwh: float) -> None:
    found = avoided(1.0, "371102", 2023, car(fuel_l, electric_kwh))
    assert found.likely_kg == pytest.approx(per_kwh, abs=5e-5)
    assert found.low_kg == found.likely_kg == found.high_kg
    assert pytest.approx(2.1353, abs=5e-5) == PETROL_KG_PER_L


def test_a_range_around_what_is_likely_and_the_assumptions_in_words() -> None:
    found = avoided(1_000.0, "37", 2023)
    assert found.low_kg < found.likely_kg < found.high_kg
    text = " | ".join(found.assumptions)
    for word in ("6.5 (6 to 7) l/100 km", "16.5 (15 to 18) kWh/100 km", "0.6191 kg/kWh", "data of 2023"):
        assert word in text


def test_the_newest_year_that_is_not_after_the_reporting_year_is_named() -> None:
    assert [(grid_factor("37", year)[0].year, grid_factor("37", year)[1]) for year in (2022, 2023)] == [
        (2022, ""),
        (2023, ""),
    ]
    factor, note = grid_factor("371102", 2026)
    assert (factor.kg_per_kwh, note) == (0.6191, "data of 2023 for 2026")
    assert "unverified" in grid_factor("37", 2021)[1]
    with pytest.raises(FactorMissing, match="2020"):
        grid_factor("37", 2020)


def test_an_unknown_province_takes_the_country_and_says_so() -> None:
    factor, note = grid_factor("65", 2023)
    assert (factor.area, note) == ("CN", "no factor of area 65: the country's")
    assert grid_factor("", 2023) == (factor, "")
    known = [GridFactor(2020, "65", 0.7), GridFactor(2023, "CN", 0.5)]
    assert grid_factor("6501", 2023, known)[0].kg_per_kwh == 0.7


def test_the_shipped_table_has_each_area_once_a_year_and_its_source() -> None:
    table = shipped_factors()
    keys = [(one.year, one.area) for one in table]
    assert len(keys) == len(set(keys))
    assert all(one.source and one.state in ("seen", "unverified") and 0 < one.kg_per_kwh < 1 for one in table)
    assert {one.area for one in table if one.year == 2023} >= {"CN", "37", "51", "53"}


def test_nothing_charged_avoids_nothing() -> None:
    found = avoided(0.0, "37", 2023)
    assert (found.likely_kg, found.low_kg, found.high_kg) == (0.0, 0.0, 0.0)
