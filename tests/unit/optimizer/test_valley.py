"""Valley filling with plain arrays: known plans, both methods, what is refused, what is named when it does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from optimizer import valley
from optimizer.slot_cost import Quadratic
from optimizer.solver import METHODS, MethodName

BOTH = pytest.mark.parametrize("method", METHODS)


def site(count: int, seed: int, binds: bool = True) -> dict[str, Any]:
    """A day of quarter-hours with an evening peak and, in the evening, a cap that binds."""
    rng = np.random.default_rng(seed)
    arrive = rng.integers(0, 88, count)
    depart = np.minimum(arrive + np.clip(rng.exponential(24, count) + 8, 4, 96).astype(int), 96)
    power = rng.choice([3700.0, 7000.0, 11000.0, 22000.0], count)
    energy = rng.uniform(0.1, 0.8, count) * power * (depart - arrive) * 0.25
    hour = np.arange(96) * 0.25
    base = count * 1000.0 * (1 + 0.8 * np.exp(-(((hour - 19) / 2.5) ** 2)))
    cap = np.full(96, base.max() + 2.5 * energy.sum() / 24)
    if binds:
        cap[68:80] = base[68:80] + 0.5 * energy.sum() / 24
    return {
        "base_load_w": base, "energy_wh": energy, "power_max_w": power,
        "arrive": arrive, "depart": depart, "cap_w": cap, "slot_h": 0.25,
    }  # fmt: skip


def proven(plan: valley.Filled, asked: dict[str, Any]) -> None:
    """The promises of every plan, looked at from outside."""
    power, slot = plan.power_w, np.arange(len(asked["base_load_w"]))
    load = power.sum(axis=0) + asked["base_load_w"]
    assert (load <= np.maximum(asked["cap_w"], asked["base_load_w"])).all()
    assert power.min() >= 0
    assert (power <= np.asarray(asked["power_max_w"])[:, None] * (1 + 1e-12)).all()
    outside = (slot < np.asarray(asked["arrive"])[:, None]) | (slot >= np.asarray(asked["depart"])[:, None])
    assert not power[outside].any()
    served = power.sum(axis=1) * asked["slot_h"] + plan.unserved_wh
    np.testing.assert_allclose(served, asked["energy_wh"], rtol=1e-9)
    assert -1e-9 <= plan.gap <= 1e-6
    if not plan.unserved_wh.any():
        assert plan.objective == pytest.approx(0.5 * np.sum((load * asked["slot_h"] / 1000) ** 2), rel=1e-9)


@BOTH
def test_vector_3(method: MethodName) -> None:
    plan = valley.fill([5000, 1000, 3000], [3000], [2000], [0], [3], [np.inf] * 3, 1.0, method=method)
    np.testing.assert_allclose(plan.power_w, [[0, 2000, 1000]], atol=1e-2)
    assert (plan.objective, plan.lower_bound) == pytest.approx((25.0, 25.0), rel=1e-6)


@BOTH
def test_vector_4(method: MethodName) -> None:
    plan = valley.fill([1000, 1000], [2000, 1000], [2000, 2000], [0, 1], [2, 2], [np.inf] * 2, 1.0, method=method)
    np.testing.assert_allclose(plan.power_w, [[1500, 500], [0, 1000]], atol=1e-2)


@BOTH
def test_vector_8_equal_cars_get_equal_rows(method: MethodName) -> None:
    asked = site(30, 1)
    for name in ("energy_wh", "power_max_w", "arrive", "depart"):
        asked[name] = np.concatenate([asked[name], asked[name][:3]])
    plan = valley.fill(**asked, method=method)
    np.testing.assert_allclose(plan.power_w[:3], plan.power_w[30:], atol=1e-6)


@BOTH
@pytest.mark.parametrize("binds", [True, False])
@pytest.mark.parametrize("count", [1, 20, 300])
def test_a_day(count: int, binds: bool, method: MethodName) -> None:
    asked = site(count, count, binds)
    plan = valley.fill(**asked, method=method)
    proven(plan, asked)
    assert plan.method == method
    assert count == 1 or plan.unserved_wh.sum() <= 1e-9 * np.sum(asked["energy_wh"])


def test_many_cars_are_planned_by_levels_and_few_by_the_interior_point() -> None:
    many, few = site(4000, 2), site(50, 2)
    plan = valley.fill(**many)
    proven(plan, many)
    assert (plan.method, valley.fill(**few).method) == ("levels", "interior point")
    assert plan.gap <= 1e-9


@BOTH
def test_the_same_question_gets_the_same_answer(method: MethodName) -> None:
    asked = site(40, 3)
    first, second = valley.fill(**asked, method=method), valley.fill(**asked, method=method)
    np.testing.assert_array_equal(first.power_w, second.power_w)


@BOTH
def test_what_does_not_fit_is_left_out_by_priority(method: MethodName) -> None:
    plan = valley.fill([1000] * 2, [10000, 4000], [5000] * 2, [0] * 2, [2] * 2, [4000] * 2, 1.0,
                       priority=[0, 1], method=method)  # fmt: skip
    np.testing.assert_allclose(plan.unserved_wh, [8000, 0], atol=0.01)
    assert plan.gap <= 1e-6


@BOTH
def test_a_short_window_serves_what_it_can(method: MethodName) -> None:
    plan = valley.fill([0.0], [9000.0], [7000.0], [0], [1], [np.inf], 0.5, method=method)
    assert plan.power_w[0, 0] == pytest.approx(7000.0)
    assert plan.unserved_wh[0] == pytest.approx(5500.0)


@BOTH
def test_time_of_use_prices_by_another_cost(method: MethodName) -> None:
    cost = Quadratic(np.zeros(3), np.array([3.0, 1.0, 2.0]))
    plan = valley.fill([1000] * 3, [3000], [2000], [0], [3], [np.inf] * 3, 1.0, cost=cost, method=method)
    np.testing.assert_allclose(plan.power_w, [[0, 2000, 1000]], atol=0.01)


@BOTH
@pytest.mark.parametrize("cap", [np.inf, 3000.0, 1000.0, 0.0])
def test_nobody_there(cap: float, method: MethodName) -> None:
    plan = valley.fill([1000.0, 2000.0], [], [], [], [], [cap, cap], 1.0, method=method)
    assert plan.power_w.shape == (0, 2)
    assert plan.gap == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"slot_h": 0.0}, "slot_h"),
        ({"slot_h": np.nan}, "slot_h"),
        ({"cap_w": [1.0]}, "cap_w"),
        ({"cap_w": [np.nan, 1.0]}, "cap_w"),
        ({"base_load_w": [np.inf, 1.0]}, "base_load_w"),
        ({"energy_wh": [-1.0]}, "energy_wh"),
        ({"energy_wh": [[1.0]]}, "energy_wh"),
        ({"power_max_w": [1.0, 2.0]}, "one value per car"),
        ({"arrive": [0.5]}, "arrive"),
        ({"arrive": [2]}, "car 0"),
        ({"depart": [3]}, "car 0"),
        ({"priority": [1, 2]}, "one value per car"),
    ],
)
def test_nonsense_is_refused_by_name(changes: dict[str, Any], words: str) -> None:
    asked = {"base_load_w": [1.0, 1.0], "energy_wh": [1.0], "power_max_w": [1.0], "arrive": [0], "depart": [2],
             "cap_w": [9.0, 9.0], "slot_h": 1.0} | changes  # fmt: skip
    with pytest.raises(ValueError, match=words):
        valley.fill(**asked)
