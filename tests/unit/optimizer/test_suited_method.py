"""Which method an instance gets: by the number of cars, unless the price jumps. Iterations are counted, never time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from optimizer import valley
from optimizer.examples import day
from optimizer.slot_cost import SlotCost
from optimizer.solver import LEVELS_FROM, METHODS, by_levels
from optimizer.supply import Source, supply

CARS, SLOTS = 600, 24
"""More than LEVELS_FROM · (24 / 96)^1.5 cars."""
INF = np.inf


def busy_day() -> dict[str, Any]:
    return day(CARS, slots=SLOTS)


def grid(sun_kwh: float, sale: float | None) -> SlotCost:
    """A tariff of two prices with a little flattening; `sale` is the price of what the sun gives more than is used."""
    price = np.where(np.arange(SLOTS) < 8, 0.3, 0.8)
    sources = [Source("buy", price, 1e-4, -INF if sale is None else 0.0, INF), Source("sun", 0.0, 0.0, 0.0, sun_kwh)]
    return supply(sources if sale is None else [*sources, Source("sell", sale, 0.0, -INF, 0.0)], SLOTS).cost


def test_the_day_is_one_for_levels() -> None:
    assert CARS >= LEVELS_FROM * (SLOTS / 96) ** 1.5
    assert valley.fill(**busy_day()).method == "levels"


@pytest.mark.parametrize("sale", [0.1, 0.0])
def test_where_the_price_jumps_within_reach_the_interior_point_is_taken(sale: float) -> None:
    plan = valley.fill(**busy_day(), cost=grid(1500.0, sale))
    assert plan.method == "interior point"
    assert plan.rounds <= 30
    assert -1e-9 <= plan.gap <= 1e-6


@pytest.mark.parametrize(("sun_kwh", "sale"), [(1500.0, None), (0.0, 0.1), (1e6, 0.1)])
def test_a_price_without_jumps_within_reach_stays_with_levels(sun_kwh: float, sale: float | None) -> None:
    """No sale, no sun, or so much of it that nothing is ever bought."""
    plan = valley.fill(**busy_day(), cost=grid(sun_kwh, sale))
    assert plan.method == "levels"
    assert -1e-9 <= plan.gap <= 1e-6


def test_the_other_method_is_tried_when_one_misses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "levels", lambda instance: replace(by_levels(instance), gap=1e-3))
    plan = valley.fill(**busy_day())
    assert plan.method == "interior point"
    assert plan.gap <= 1e-6
