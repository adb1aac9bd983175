"""Several sources behind one load: against hand-computed values and against plain minimisation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from optimizer.arrays import FloatArray
from optimizer.models import FlexibleLoad, Generator
from optimizer.polyline import expected
from optimizer.supply import Source, Supply, flexible_source, generator_source, supply

INF = np.inf
GRID = Source("grid", price=0.0, curvature=1.0, low=-INF, high=INF)
SELL = [Source("buy", 0.7, high=INF), Source("sell", 0.3, low=-INF, high=0.0)]
SPILL = Source("spill", -1.0, low=-INF, high=0.0)
UNIT = generator_source(Generator("unit", a=0.5, b=1.0, energy_min_kwh=0.0, energy_max_kwh=2.0))


def one(value: float) -> FloatArray:
    return np.array([value])


@pytest.mark.parametrize(
    ("load", "price", "grid", "unit", "cost"),
    [(0.5, 0.5, 0.5, 0.0, 0.125), (3.0, 2.0, 2.0, 1.0, 3.5), (6.0, 4.0, 4.0, 2.0, 12.0)],
)
def test_grid_and_generator_of_the_specification(
    load: float, price: float, grid: float, unit: float, cost: float
) -> None:
    both = supply([GRID, UNIT], 1)
    assert both.cost.price(one(load))[0] == pytest.approx(price)
    assert both.cost.value(one(load))[0] == pytest.approx(cost)
    np.testing.assert_allclose(both.dispatch(one(load))[:, 0], [grid, unit], atol=1e-9)
    assert both.cost.load(one(price))[0] == pytest.approx(load)


def test_a_flexible_load_gives_way() -> None:
    # U(d) = 0.5 d² − 4 d: at price 1 it takes 3. Grid ½ n²: n − d = L, n = ν, d = 4 − ν, so L = 2ν − 4.
    load = flexible_source(FlexibleLoad("furnace", a=0.5, b=-4.0, energy_min_kwh=0.0, energy_max_kwh=10.0))
    both = supply([GRID, load], 1)
    assert both.cost.price(one(-2.0))[0] == pytest.approx(1.0)
    np.testing.assert_allclose(both.dispatch(one(-2.0))[:, 0], [1.0, -3.0])
    assert both.cost.value(one(-2.0))[0] == pytest.approx(0.5 + 0.5 * 9 - 12)


def test_selling_for_less_than_buying_is_a_jump() -> None:
    site = supply(SELL, 1)
    np.testing.assert_allclose([site.cost.price(one(x))[0] for x in (-5.0, -1e-9, 1e-9, 5.0)], [0.3, 0.3, 0.7, 0.7])
    np.testing.assert_allclose([site.cost.value(one(x))[0] for x in (-5.0, 0.0, 5.0)], [-1.5, 0.0, 3.5], atol=1e-12)
    assert site.cost.load(one(0.5))[0] == pytest.approx(0.0)
    np.testing.assert_allclose(site.dispatch(one(-5.0))[:, 0], [0.0, -5.0], atol=1e-9)


def test_sun_that_may_be_turned_down_is_free_until_it_is_used_up() -> None:
    site = supply(
        [Source("pv", 0.0, high=4.0), Source("grid", 0.6, high=INF), Source("spill", -1.0, low=-INF, high=0.0)], 1
    )
    np.testing.assert_allclose([site.cost.value(one(x))[0] for x in (2.0, 4.0, 6.0)], [0.0, 0.0, 1.2], atol=1e-12)
    np.testing.assert_allclose(site.dispatch(one(3.0))[:, 0], [3.0, 0.0, 0.0], atol=1e-9)


def test_a_plain_price_without_any_limit() -> None:
    site = supply([Source("grid", 0.6, low=-INF, high=INF)], 1)
    np.testing.assert_allclose([site.cost.value(one(x))[0] for x in (-2.0, 3.0)], [-1.2, 1.8])
    assert site.cost.load(one(0.7))[0] == INF


def random_site(rng: np.random.Generator, slots: int) -> Supply:
    sources = [Source("grid", rng.uniform(0, 1, slots), rng.uniform(0.1, 1, slots), -INF, INF)]
    for number in range(3):
        low = rng.uniform(-3, 0, slots)
        curvature = rng.uniform(0, 1, slots) if number else 0.0
        sources.append(Source(str(number), rng.uniform(0, 2, slots), curvature, low, low + rng.uniform(0, 4, slots)))
    return supply(sources, slots)


def test_the_cost_is_the_least_of_all_ways_to_share() -> None:
    rng = np.random.default_rng(5)
    site = random_site(rng, 40)
    load = rng.uniform(-6, 8, 40)
    given = site.dispatch(load)
    np.testing.assert_allclose(given.sum(axis=0), load, atol=1e-9)
    np.testing.assert_allclose(site.costs(given).sum(axis=0), site.cost.value(load), atol=1e-9)
    for _ in range(200):
        other = np.clip(given + rng.normal(0, 0.3, given.shape), site.low, site.high)
        other[0] += load - other.sum(axis=0)
        assert (site.costs(other).sum(axis=0) >= site.cost.value(load) - 1e-9).all()


def test_value_price_curvature_and_load_fit_together() -> None:
    rng = np.random.default_rng(6)
    cost = random_site(rng, 60).cost
    load, step = rng.uniform(-6, 8, 60), 1e-7
    slope = (cost.value(load + step) - cost.value(load - step)) / (2 * step)
    np.testing.assert_allclose(cost.price(load), slope, atol=1e-5)
    price = cost.price(load)
    at_price = cost.load(price)
    np.testing.assert_allclose(cost.value(at_price) - price * at_price, cost.value(load) - price * load, atol=1e-9)
    assert (cost.curvature(load) >= 0).all()


def test_linear_sources_agree_with_a_linear_program() -> None:
    price, high = np.array([0.2, 0.5, 0.9, 3.0]), np.array([2.0, 1.0, 4.0, np.inf])
    sources = [Source(str(n), price[n], high=high[n]) for n in range(4)]
    site = supply([*sources, Source("spill", -9.0, low=-INF, high=0.0)], 1)
    for load in (0.5, 2.0, 2.7, 6.5, 11.0):
        best = linprog(price, A_eq=np.ones((1, 4)), b_eq=[load], bounds=[(0, h) for h in high]).fun
        assert site.cost.value(one(load))[0] == pytest.approx(best)


def test_the_mean_over_scenarios_is_the_mean() -> None:
    rng = np.random.default_rng(8)
    # The last one's price jumps at its first corner, where rounding may put a load on either side.
    for site in (random_site(rng, 30), supply(SELL, 30), supply([*SELL, Source("sun", -0.1, high=4.1)], 30)):
        extra, weights = rng.normal(0, 2, (7, 30)), rng.dirichlet(np.ones(7))
        mean = expected([site.cost], extra, weights)
        for load in rng.uniform(-9, 9, (20, 30)):
            each = list(zip(weights, extra, strict=True))
            np.testing.assert_allclose(mean.value(load), sum(w * site.cost.value(load + e) for w, e in each), atol=1e-9)
            np.testing.assert_allclose(mean.price(load), sum(w * site.cost.price(load + e) for w, e in each), atol=1e-9)


def test_two_scenarios_by_hand() -> None:
    # Grid ½ n² with n = L ± 1: mean value ½ L² + ½, price L.
    mean = expected([supply([GRID], 1).cost], np.array([[1.0], [-1.0]]), np.array([0.5, 0.5]))
    assert mean.value(one(3.0))[0] == pytest.approx(5.0)
    assert mean.price(one(3.0))[0] == pytest.approx(3.0)


def test_what_cannot_meet_every_load_is_refused() -> None:
    with pytest.raises(ValueError, match="without upper"):
        supply([Source("grid", 0.5, high=5.0)], 2)
    with pytest.raises(ValueError, match="curvatures"):
        supply([Source("grid", 0.5, curvature=-1.0, low=-INF, high=INF)], 2)


def test_what_the_sun_gives_more_than_the_load_is_sold_to_the_last_bit() -> None:
    site = supply([*SELL, Source("sun", 0.0, high=9.0)], 1)
    given = site.dispatch(one(2.0))
    np.testing.assert_allclose(given[:, 0], [0.0, -7.0, 9.0])


def test_dispatch_costs_what_the_load_costs() -> None:
    rng = np.random.default_rng(3)
    for site in (random_site(rng, 30), supply([*SELL, Source("sun", 0.0, high=rng.uniform(0, 20, 30))], 30)):
        for load in rng.uniform(-9, 9, (20, 30)):
            given = site.dispatch(load)
            np.testing.assert_allclose(given.sum(axis=0), load, atol=1e-9)
            np.testing.assert_allclose(site.costs(given).sum(axis=0), site.cost.value(load), atol=1e-8)
