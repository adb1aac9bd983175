"""Quadratic and linear slot costs, and the same in other units."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.slot_cost import Quadratic, Scaled

COST = Quadratic(np.array([2.0, 0.0, 1.0]), np.array([1.0, 3.0, 0.0]))
LOAD = np.array([3.0, 4.0, -2.0])


def test_value_price_and_curvature_fit_together() -> None:
    np.testing.assert_allclose(COST.value(LOAD), [12.0, 12.0, 2.0])
    step = 1e-6
    slope = (COST.value(LOAD + step) - COST.value(LOAD - step)) / (2 * step)
    np.testing.assert_allclose(COST.price(LOAD), slope, rtol=1e-8)
    np.testing.assert_array_equal(COST.curvature(LOAD), [2.0, 0.0, 1.0])


def test_the_load_at_a_price_undoes_the_price_of_a_load() -> None:
    np.testing.assert_allclose(COST.load(COST.price(LOAD))[[0, 2]], LOAD[[0, 2]])
    assert COST.load(np.full(3, 3.1))[1] == np.inf
    assert COST.load(np.full(3, 2.9))[1] == -np.inf


@pytest.mark.parametrize(("energy", "money"), [(1.0, 1.0), (250.0, 7.0), (1e-3, 1e4)])
def test_other_units_say_the_same(energy: float, money: float) -> None:
    scaled = Scaled(COST, energy, money)
    np.testing.assert_allclose(scaled.value(LOAD / energy) * energy * money, COST.value(LOAD))
    np.testing.assert_allclose(scaled.price(LOAD / energy) * money, COST.price(LOAD))
    np.testing.assert_allclose(scaled.curvature(LOAD / energy) * money / energy, COST.curvature(LOAD))
    price = np.array([4.0, 5.0, 6.0])
    np.testing.assert_allclose(scaled.load(price / money) * energy, COST.load(price))
