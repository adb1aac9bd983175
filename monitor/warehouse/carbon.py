"""CO2 that charging avoids: an estimate with stated parameters and a range, never one bare number.

ER = E · (FC / EC · f_fuel − EF_grid): E kWh charged, FC l/100 km of the fuel car replaced, EC kWh/100 km, f_fuel kg/l,
EF_grid kg/kWh of the grid (T/CSAE 235-2021, in the form that needs charging data only). The factor of the grid is the
newest whose data year is not after the reporting year; which one was used is part of the answer. Pure but for the file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import product

COUNTRY = "CN"
PETROL_KG_PER_L = 43.07 * 0.0189 * 0.98 * 44 / 12 * 0.73
"""Heat 43.07 GJ/t · carbon 0.0189 t/GJ · burnt 98 % · CO2 for carbon 44/12 · density 0.73 kg/l."""


class FactorMissing(ValueError):
    """There is no factor for so early a year."""


@dataclass(frozen=True, slots=True)
class GridFactor:
    """kg of CO2 per kWh in an area (province code, CN for the country) by the data of a year."""

    year: int
    area: str
    kg_per_kwh: float
    source: str = ""
    state: str = "seen"


@dataclass(frozen=True, slots=True)
class Replaced:
    """The car that is replaced and the one that charges: (low, likely, high) l and kWh per 100 km."""

    fuel_l: tuple[float, float, float] = (6.0, 6.5, 7.0)
    electric_kwh: tuple[float, float, float] = (15.0, 16.5, 18.0)
    fuel_kg_per_l: float = PETROL_KG_PER_L


@dataclass(frozen=True, slots=True)
class Avoided:
    """kg of CO2: likely, and the range that the parameters leave; `factor` and `assumptions` say from what."""

    likely_kg: float
    low_kg: float
    high_kg: float
    factor: GridFactor
    assumptions: tuple[str, ...] = field(default=())


@cache
def shipped_factors() -> tuple[GridFactor, ...]:
    """The factors that come with this release."""
    text = resources.files(__package__).joinpath("parameters/carbon_factors.toml").read_text("utf-8")
    return tuple(GridFactor(**row) for row in tomllib.loads(text)["factor"])


def grid_factor(area_code: str, year: int, factors: Iterable[GridFactor] | None = None) -> tuple[GridFactor, str]:
    """The factor for a reporting year and a note when it is not quite what was asked for.

    `area_code`: GB/T 2260 of any depth. A province without a factor of that year takes its newest before; one without
    any takes the country's. Raises FactorMissing.
    """
    known = [one for one in (shipped_factors() if factors is None else factors) if one.year <= year]
    own = [one for one in known if one.area != COUNTRY and area_code.startswith(one.area)]
    found = max(own or [one for one in known if one.area == COUNTRY], key=lambda one: one.year, default=None)
    if found is None:
        raise FactorMissing(f"no grid factor has data of {year} or before")
    notes = []
    if not own and area_code:
        notes.append(f"no factor of area {area_code[:2]}: the country's")
    if found.year != year:
        notes.append(f"data of {found.year} for {year}")
    if found.state != "seen":
        notes.append(f"factor {found.state}")
    return found, "; ".join(notes)


def avoided(
    energy_kwh: float,
    area_code: str,
    year: int,
    replaced: Replaced | None = None,
    factors: Sequence[GridFactor] | None = None,
) -> Avoided:
    """What so much charged energy avoids in a reporting year. Raises FactorMissing."""
    cars = replaced or Replaced()
    factor, note = grid_factor(area_code, year, factors)

    def kg(fuel_l: float, electric_kwh: float) -> float:
        return energy_kwh * (fuel_l / electric_kwh * cars.fuel_kg_per_l - factor.kg_per_kwh)

    ends = [kg(fuel_l, electric_kwh) for fuel_l, electric_kwh in product(cars.fuel_l, cars.electric_kwh)]
    said = (
        f"fuel car {_range(cars.fuel_l)} l/100 km at {cars.fuel_kg_per_l:.4f} kg/l",
        f"electric car {_range(cars.electric_kwh)} kWh/100 km",
        f"grid {factor.kg_per_kwh:.4f} kg/kWh, area {factor.area}, data of {factor.year} ({factor.source})",
    )
    likely = kg(cars.fuel_l[1], cars.electric_kwh[1])
    return Avoided(likely, min(ends), max(ends), factor, (*said, note) if note else said)


def _range(values: tuple[float, float, float]) -> str:
    low, likely, high = values
    return f"{likely:g} ({low:g} to {high:g})"
