"""Generators, flexible loads, batteries and feeding cars against hand-computed values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from optimizer.models import FlexibleLoad, Generator, Storage, V2gSession


def test_a_generator_costs_its_parabola_while_it_runs() -> None:
    unit = Generator("diesel", a=0.5, b=1.0, energy_min_kwh=0.0, energy_max_kwh=2.0, c=3.0, committed=[True, False])
    np.testing.assert_allclose(unit.cost(np.array([2.0, 0.0])), [0.5 * 4 + 2 + 3, 0.0])


def test_a_generator_gives_until_its_marginal_cost_is_the_price() -> None:
    unit = Generator("diesel", a=0.5, b=1.0, energy_min_kwh=0.0, energy_max_kwh=2.0)
    prices = np.array([0.5, 1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose([float(unit.energy_at(p)) for p in prices], [0.0, 0.0, 1.0, 2.0, 2.0])


def test_a_unit_without_curvature_gives_all_or_nothing() -> None:
    unit = Generator("gas", a=0.0, b=0.8, energy_min_kwh=1.0, energy_max_kwh=5.0)
    np.testing.assert_allclose(unit.energy_at(np.array([0.7, 0.9])), [1.0, 5.0])


def test_a_flexible_load_takes_less_the_dearer_a_kwh_is() -> None:
    load = FlexibleLoad("furnace", a=0.1, b=-2.0, energy_min_kwh=1.0, energy_max_kwh=8.0, c=4.0)
    np.testing.assert_allclose(load.cost(np.array([5.0])), [0.1 * 25 - 10 + 4])
    # 2a E + b + price = 0: at 0 it wants 10, the most is 8; at 1 it wants 5; at 3 nothing, the least is 1.
    np.testing.assert_allclose(load.energy_at(np.array([0.0, 1.0, 3.0])), [8.0, 5.0, 1.0])


def test_a_benefit_is_a_cost_with_its_sign_changed() -> None:
    load = FlexibleLoad.from_benefit("furnace", a=-0.1, b=2.0, c=-4.0, energy_min_kwh=0.0, energy_max_kwh=8.0)
    np.testing.assert_allclose(load.cost(np.array([5.0])), [-(-0.1 * 25 + 10 - 4)])


@pytest.mark.parametrize("wrong", [{"a": -1.0}, {"energy_min_kwh": 9.0}, {"energy_max_kwh": np.inf}])
def test_costs_that_are_not_convex_and_crossed_limits_are_refused(wrong: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"a": 0.1, "b": 0.0, "energy_min_kwh": 0.0, "energy_max_kwh": 8.0}
    for kind in (Generator, FlexibleLoad):
        with pytest.raises(ValueError, match="must"):
            kind("x", **(fields | wrong))


def test_a_battery_loses_on_the_way_in_and_on_the_way_out() -> None:
    battery = Storage("b", energy_max_kwh=20.0, energy_start_kwh=5.0, charge_max_kw=8.0, discharge_max_kw=8.0)
    path = battery.energy_kwh(np.array([8.0, 0.0, 0.0]), np.array([0.0, 0.0, 7.6]), 0.5)
    # 5 + 0.95·8·0.5 = 8.8; then 7.6·0.5 / 0.95 = 4 out.
    np.testing.assert_allclose(path, [8.8, 8.8, 4.8])
    assert battery.end_kwh == 5.0


@pytest.mark.parametrize(
    "wrong",
    [{"energy_start_kwh": 21.0}, {"energy_end_kwh": 21.0}, {"charge_efficiency": 0.0}, {"discharge_max_kw": -1.0}],
)
def test_batteries_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    fields: dict[str, Any] = {
        "energy_max_kwh": 20.0,
        "energy_start_kwh": 5.0,
        "charge_max_kw": 8.0,
        "discharge_max_kw": 8.0,
    }
    with pytest.raises(ValueError, match="storage b"):
        Storage("b", **(fields | wrong))


def car(**fields: Any) -> V2gSession:
    usual: dict[str, Any] = {
        "arrival_slot": 2,
        "departure_slot": 6,
        "energy_start_kwh": 10.0,
        "energy_wanted_kwh": 30.0,
        "energy_max_kwh": 40.0,
        "charge_max_kw": 10.0,
        "discharge_max_kw": 10.0,
        "charge_efficiency": 0.9,
    }
    return V2gSession("car", **(usual | fields))


def test_what_a_feeding_car_can_reach() -> None:
    assert car().reachable_kwh(0.5) == pytest.approx(10 + 0.9 * 10 * 4 * 0.5)
    assert car(energy_start_kwh=35.0).reachable_kwh(0.5) == 40.0


def test_a_car_that_comes_below_its_floor_may_stay_there_for_now() -> None:
    assert car(energy_floor_kwh=15.0).floor_kwh == 10.0


@pytest.mark.parametrize(
    "wrong", [{"departure_slot": 2}, {"energy_start_kwh": 41.0}, {"energy_wanted_kwh": 41.0}, {"phases": 4}]
)
def test_cars_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="car car"):
        car(**wrong)
