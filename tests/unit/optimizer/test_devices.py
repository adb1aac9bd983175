"""The interior point with jumps of the price, and batteries by the pieces."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer import valley
from optimizer.batteries import make_batteries
from optimizer.devices import Device
from optimizer.models import Storage
from optimizer.polyline import expected, without_jumps
from optimizer.supply import Source, supply

INF = np.inf
SELL = Source("sell", 0.3, low=-INF, high=0.0)


def test_a_device_that_says_nothing_changes_nothing() -> None:
    device = Device()
    assert (device.price(), device.own_flow(), device.inflow(), device.lift(), device.cost()) == (0, 0, 0, 0, 0)
    assert device.answer(np.zeros((1, 3))) == 0.0


def test_a_cost_is_its_smooth_part_and_its_jumps() -> None:
    sources = [
        Source("buy", 0.7, 0.2, high=INF),
        Source("sell", 0.3, low=-INF, high=0.0),
        Source("unit", 0.5, high=2.0),
    ]
    cost = supply(sources, 2).cost
    smooth, jumps = without_jumps(cost)
    assert sorted(
        zip(jumps.slot.tolist(), jumps.at.round(9).tolist(), jumps.height.round(9).tolist(), strict=True)
    ) == [(slot, at, 0.2) for slot in (0, 1) for at in (0.0, 2.0)]
    for load in (-3.0, -0.5, 0.5, 1.5, 2.5, 6.0):
        loads = np.full(2, load)
        steps = np.bincount(jumps.slot, jumps.height * np.maximum(loads[jumps.slot] - jumps.at, 0.0), 2)
        np.testing.assert_allclose(smooth.value(loads) + steps, cost.value(loads), atol=1e-12)


@pytest.mark.parametrize("scenarios", [1, 10])
def test_jumps_of_the_price_are_solved_to_a_proof(scenarios: int) -> None:
    rng = np.random.default_rng(2)
    slots, cars = 48, 60
    site = supply(
        [Source("buy", rng.uniform(0.5, 1.2, slots), high=INF), Source("sell", 0.2, low=-INF, high=0.0)], slots
    )
    cost = expected([site.cost], rng.normal(0, 3, (scenarios, slots)), np.full(scenarios, 1 / scenarios))
    arrive = rng.integers(0, 30, cars)
    depart = arrive + rng.integers(4, 18, cars)
    power = rng.choice([3700.0, 11000.0], cars)
    energy = rng.uniform(0.1, 0.9, cars) * power * (depart - arrive) * 0.25
    base = -60_000.0 * np.maximum(0.0, np.sin(np.arange(slots) / slots * np.pi))
    plan = valley.fill(base, energy, power, arrive, depart, np.full(slots, 150_000.0), 0.25, cost=cost)
    assert plan.method == "interior point"
    assert -1e-9 <= plan.gap <= 1e-6


def test_what_batteries_earn_by_hand() -> None:
    storage = Storage("b", 10.0, 4.0, 2.0, 3.0, charge_efficiency=0.5, discharge_efficiency=0.5, wear_per_kwh=0.1)
    b = make_batteries([storage], [], 2, 1.0, [""], 9.0, 0.0, np.zeros((1, 2)))
    charge, discharge = np.array([[2.0, 0.0]]), np.array([[0.0, 1.0]])
    np.testing.assert_allclose(b.path(charge, discharge), [[5.0, 3.0]])
    np.testing.assert_allclose(b.lacking(charge, discharge), [1.0])
    # Wear 0.1; a missing kWh at 9, twice as dear inside.
    assert b.cost(charge, discharge) == pytest.approx(0.1 + 18.0)


def test_charging_and_discharging_at_once_is_netted() -> None:
    storage = Storage("b", 10.0, 4.0, 4.0, 4.0, charge_efficiency=0.8, discharge_efficiency=0.8)
    b = make_batteries([storage], [], 1, 1.0, [""], 9.0, 0.0, np.zeros((1, 1)))
    charge, discharge = b.netted(np.array([[3.0]]), np.array([[1.0]]))
    np.testing.assert_allclose(b.path(charge, discharge), b.path(np.array([[3.0]]), np.array([[1.0]])))
    assert discharge[0, 0] == pytest.approx(0.0, abs=1e-12)
    assert charge[0, 0] == pytest.approx(3.0 - 1.25 / 0.8)


def test_the_bound_is_reached_at_the_right_value() -> None:
    storage = Storage("b", 10.0, 0.0, 2.0, 5.0, charge_efficiency=0.9, discharge_efficiency=0.9)
    b = make_batteries([storage], [], 2, 1.0, [""], 9.0, 0.0, np.zeros((1, 2)))
    price = np.array([[1.0, 3.0]])
    # Buys 2 at 1, gives 1.62 at 3; a kWh in it is worth what it brings, 0.9·3.
    assert b.bound(price, np.full((1, 2), 2.7)) == pytest.approx(2.0 - 3 * 1.62)
    assert b.bound(price, np.full((1, 2), 2.0)) < 2.0 - 3 * 1.62
