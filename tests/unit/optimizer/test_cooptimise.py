"""A whole site: by hand, and against the linear program of the same site."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from optimizer.arrays import FloatArray
from optimizer.cooptimise import solve_site
from optimizer.models import FlexibleLoad, Generator, ScenarioSet, Storage, V2gSession
from optimizer.preparation import prepare
from optimizer.problem import EvSession, Feeder
from optimizer.site import Site, SitePlan


def battery(**fields: Any) -> Storage:
    usual: dict[str, Any] = {
        "energy_max_kwh": 10.0,
        "energy_start_kwh": 0.0,
        "charge_max_kw": 2.0,
        "discharge_max_kw": 5.0,
        "charge_efficiency": 0.9,
        "discharge_efficiency": 0.9,
    }
    return Storage("battery", **(usual | fields))


def test_a_battery_buys_cheap_and_gives_dear() -> None:
    site = Site(1.0, np.array([1.0, 1.0]), storages=(battery(),), price=[1.0, 3.0])
    plan = solve_site(site)
    # 2 kWh in, 0.81·2 out: 1·3 + 3·(1 − 1.62).
    assert plan.objective == pytest.approx(1.14, abs=1e-5)
    assert plan.cost == pytest.approx(1.14, abs=1e-5)
    np.testing.assert_allclose(plan.charge_kw[0], [2.0, 0.0], atol=1e-5)
    np.testing.assert_allclose(plan.discharge_kw[0], [0.0, 1.62], atol=1e-5)
    np.testing.assert_allclose(plan.stored_kwh[0], [1.8, 0.0], atol=1e-5)
    assert -1e-9 <= plan.gap <= 1e-6


def test_losses_and_wear_can_make_it_stand_still() -> None:
    for fields, price in (({}, [1.0, 1.2]), ({"wear_per_kwh": 2.0}, [1.0, 3.0])):
        plan = solve_site(Site(1.0, np.ones(2), storages=(battery(**fields),), price=price))
        np.testing.assert_allclose(plan.charge_kw + plan.discharge_kw, 0.0, atol=1e-4)


def test_a_battery_that_only_gives() -> None:
    only = battery(energy_start_kwh=10.0, energy_end_kwh=5.0, charge_max_kw=0.0, discharge_efficiency=1.0)
    plan = solve_site(Site(1.0, np.full(2, 3.0), storages=(only,), price=[1.0, 2.0]))
    np.testing.assert_allclose(plan.discharge_kw[0], [0.0, 5.0], atol=1e-4)
    assert -1e-9 <= plan.gap <= 1e-6


def test_a_battery_ends_with_what_it_began_with() -> None:
    site = Site(1.0, np.ones(2), storages=(battery(energy_start_kwh=4.0),), price=[3.0, 1.0])
    plan = solve_site(site)
    # It may first give 0.9·1.8 of the 4 kWh, as 2 kWh bought later bring 1.8 back.
    np.testing.assert_allclose(plan.discharge_kw[0], [1.62, 0.0], atol=1e-5)
    assert plan.stored_kwh[0, -1] == pytest.approx(4.0, abs=1e-6)


def test_a_car_feeds_back_and_leaves_full() -> None:
    car = V2gSession("car", 0, 3, 10.0, 12.0, 20.0, 4.0, 4.0, charge_efficiency=1.0, discharge_efficiency=1.0)
    plan = solve_site(Site(1.0, np.full(3, 5.0), cars=(car,), price=[1.0, 5.0, 2.0]))
    np.testing.assert_allclose(plan.charge_kw[0] - plan.discharge_kw[0], [4.0, -4.0, 2.0], atol=1e-5)
    assert plan.stored_kwh[0, -1] == pytest.approx(12.0, abs=1e-6)
    assert plan.shortfalls == ()


def test_a_car_that_cannot_be_full_gets_what_there_is() -> None:
    car = V2gSession("car", 0, 2, 0.0, 8.0, 20.0, 5.0, 0.0, charge_efficiency=1.0)
    plan = solve_site(Site(1.0, np.array([3.0, 3.0]), cars=(car,), price=1.0, import_max_kw=5.0))
    np.testing.assert_allclose(plan.charge_kw[0], [2.0, 2.0], atol=1e-5)
    assert [(s.session_id, round(s.energy_kwh, 4)) for s in plan.shortfalls] == [("car", 4.0)]


def test_the_sun_is_used_before_it_is_sold_and_turned_down_before_it_breaks_a_limit() -> None:
    session = EvSession("car", 0, 2, 3.0, 3.0)
    site = Site(1.0, np.ones(2), (session,), pv_kw=[6.0, 0.0], price=0.7, sell_price=0.2, export_max_kw=1.0)
    plan = solve_site(site)
    np.testing.assert_allclose(plan.power_kw[0], [3.0, 0.0], atol=1e-5)
    np.testing.assert_allclose(plan.source_kw["pv"], [5.0, 0.0], atol=1e-5)
    np.testing.assert_allclose(plan.source_kw["sell"], [-1.0, 0.0], atol=1e-5)
    assert plan.cost == pytest.approx(0.7 - 0.2, abs=1e-5)


def test_a_generator_helps_under_a_low_connection() -> None:
    unit = Generator("unit", a=0.0, b=0.9, energy_min_kwh=0.0, energy_max_kwh=2.0)
    session = EvSession("car", 0, 1, 5.0, 5.0)
    plan = solve_site(Site(1.0, np.array([1.0]), (session,), generators=(unit,), price=0.5, import_max_kw=4.0))
    np.testing.assert_allclose([plan.source_kw["buy"][0], plan.source_kw["unit"][0]], [4.0, 2.0], atol=1e-5)
    assert plan.served_kwh[0] == pytest.approx(5.0, abs=1e-6)


def test_a_base_load_above_the_limit_is_named_not_refused() -> None:
    session = EvSession("car", 0, 2, 3.0, 3.0)
    plan = solve_site(Site(1.0, np.array([9.0, 2.0]), (session,), price=0.5, import_max_kw=5.0))
    np.testing.assert_allclose(plan.power_kw[0], [0.0, 3.0], atol=1e-5)
    assert [(c.slot, round(c.excess_kw, 6)) for c in plan.cap_soft] == [(0, 4.0)]


def test_a_battery_pulls_a_base_load_below_the_limit() -> None:
    site = Site(1.0, np.array([4.0, 7.0]), storages=(battery(energy_end_kwh=0.0),), price=0.5, import_max_kw=6.0)
    plan = solve_site(site)
    assert plan.grid_kw.max() <= 6.0 + 1e-6
    assert plan.cap_soft == ()


def test_cars_charge_in_the_room_that_a_battery_makes() -> None:
    full = battery(energy_start_kwh=9.0, energy_end_kwh=0.0, discharge_efficiency=1.0)
    car = EvSession("car", 0, 1, 9.0, 9.0)
    site = Site(1.0, np.array([7.0]), (car,), storages=(full,), price=0.5, import_max_kw=6.0)
    plan = solve_site(site)
    # The battery gives 5, one of it for the base load.
    assert plan.served_kwh[0] == pytest.approx(4.0, abs=1e-5)
    assert plan.grid_kw.max() <= 6.0 + 1e-5


def test_batteries_are_planned_though_no_car_finds_room() -> None:
    dead = Feeder("dead", np.zeros(2))
    cars = (EvSession("a", 0, 2, 3.0, 3.0, feeder="dead"), EvSession("b", 0, 2, 3.0, 3.0, feeder="dead"))
    plan = solve_site(Site(1.0, np.ones(2), cars, storages=(battery(),), feeders=(dead,), price=[1.0, 3.0]))
    assert plan.power_kw.shape == (2, 2)
    assert plan.discharge_kw[0, 1] == pytest.approx(1.62, abs=1e-4)
    assert {s.session_id for s in plan.shortfalls} == {"a", "b"}


def test_a_battery_on_a_feeder_keeps_its_cap() -> None:
    feeder = Feeder("east", np.array([3.0, 3.0, 3.0]))
    cars = (EvSession("a", 0, 3, 3.0, 5.0, feeder="east"),)
    site = Site(1.0, np.ones(3), cars, storages=(battery(feeder="east"),), feeders=(feeder,), price=[1.0, 1.1, 4.0])
    plan = solve_site(site)
    under = plan.power_kw[0] + plan.charge_kw[0] - plan.discharge_kw[0]
    assert (under <= 3.0 + 1e-8).all()
    assert plan.gap <= 1e-6
    assert (plan.feeder_price >= plan.slot_price - 1e-9).all()


def test_flattening_the_grid() -> None:
    # ½ n²: 4 kWh of a car over base loads 1 and 3, then a battery without losses levels what is left.
    lossless = battery(charge_efficiency=1.0, discharge_efficiency=1.0, energy_start_kwh=1.0, energy_max_kwh=2.0)
    plan = solve_site(
        Site(1.0, np.array([1.0, 9.0]), (EvSession("car", 0, 2, 9.0, 4.0),), storages=(lossless,), weight=1.0)
    )
    np.testing.assert_allclose(plan.load_kw, [6.0, 8.0], atol=1e-5)


def test_netting_a_negative_price_never_charges_and_discharges_at_once() -> None:
    plan = solve_site(Site(1.0, np.ones(3), storages=(battery(),), price=[-1.0, -1.0, 0.5]))
    assert (np.minimum(plan.charge_kw, plan.discharge_kw) <= 1e-9).all()


# --- against the linear program -------------------------------------------------------------------------------------


def random_site(seed: int, **fields: Any) -> Site:
    rng = np.random.default_rng(seed)
    slots = 12
    sessions = []
    for number in range(5):
        arrive = int(rng.integers(0, slots - 3))
        depart = int(rng.integers(arrive + 2, slots + 1))
        power = float(rng.uniform(3, 11))
        energy = float(rng.uniform(0.2, 0.7)) * power * (depart - arrive) * 0.5
        sessions.append(EvSession(f"ev{number}", arrive, depart, power, energy))
    buy = rng.uniform(0.3, 1.2, slots)
    usual: dict[str, Any] = {
        "slot_h": 0.5,
        "base_load_kw": rng.uniform(5, 15, slots),
        "sessions": tuple(sessions),
        "storages": (battery(energy_start_kwh=3.0, charge_max_kw=6.0),),
        "cars": (V2gSession("v2g", 2, 10, 12.0, 20.0, 30.0, 8.0, 8.0),),
        "generators": (Generator("unit", 0.0, 0.8, 0.0, 3.0),),
        "pv_kw": 20.0 * np.maximum(0.0, np.sin(np.arange(slots) / slots * np.pi)),
        "price": buy,
        "sell_price": 0.4 * buy,
        "import_max_kw": 40.0,
    }
    return Site(**(usual | fields))


def linear_optimum(site: Site, extra: FloatArray | None = None) -> float:
    """The same site as one program: cars, batteries, and per scenario purchase, sale, sun and generator."""
    t, h = site.slots, site.slot_h
    extra = np.zeros((1, t)) if extra is None else extra
    cost: list[float] = []
    bounds: list[tuple[float, float | None]] = []
    rows: list[dict[int, float]] = []
    sides: list[float] = []
    load: list[dict[int, float]] = [{} for _ in range(t)]

    def variable(price: float, low: float, high: float) -> int:
        cost.append(price)
        bounds.append((low, None if np.isinf(high) else high))
        return len(cost) - 1

    for s in site.sessions:
        mine = {variable(0, 0, s.power_max_kw * h): 1.0 for _ in range(s.arrival_slot, s.departure_slot)}
        for slot, v in zip(range(s.arrival_slot, s.departure_slot), mine, strict=True):
            load[slot][v] = 1.0
        rows.append(mine)
        sides.append(s.energy_kwh)
    boxes = [(b, 0, t, b.energy_min_kwh, b.end_kwh) for b in site.storages]
    boxes += [(c, c.arrival_slot, c.departure_slot, c.floor_kwh, c.energy_wanted_kwh) for c in site.cars]  # type: ignore[misc]
    for b, first, last, least, wanted in boxes:
        before = None
        for slot in range(first, last):
            c, d = variable(0, 0, b.charge_max_kw * h), variable(b.wear_per_kwh, 0, b.discharge_max_kw * h)
            e = variable(0, wanted if slot == last - 1 else least, b.energy_max_kwh)
            load[slot] |= {c: 1.0, d: -1.0}
            row = {e: 1.0, c: -b.charge_efficiency, d: 1.0 / b.discharge_efficiency}
            rows.append(row if before is None else row | {before: -1.0})
            sides.append(b.energy_start_kwh if before is None else 0.0)
            before = e
    for more in extra:
        weight = 1.0 / len(extra)
        for slot in range(t):
            row = dict(load[slot])
            for price, low, high in (
                (site.price[slot], 0.0, site.import_max_kw[slot] * h),  # type: ignore[index]
                (site.sell_price[slot], -np.inf, 0.0),  # type: ignore[index]
                (0.0, 0.0, site.pv_kw[slot] * h),  # type: ignore[index]
                *((g.b, 0.0, float(np.max(g.energy_max_kwh))) for g in site.generators),
            ):
                v = variable(weight * price, low, high)
                bounds[v] = (None if np.isinf(low) else low, bounds[v][1])  # type: ignore[assignment]
                row[v] = -1.0
            rows.append(row)
            sides.append(-site.base_load_kw[slot] * h - more[slot])
    matrix = np.zeros((len(rows), len(cost)))
    for number, row in enumerate(rows):
        for v, factor in row.items():
            matrix[number, v] = factor
    below = sides_below = None
    if site.peak_price:
        # One more variable, the peak, above the purchase of every slot and scenario (4 columns each, with one unit).
        cost.append(site.peak_price)
        bounds.append((site.peak_so_far_kw, None))
        matrix = np.hstack([matrix, np.zeros((len(rows), 1))])
        bought = t * len(extra)
        below, sides_below = np.zeros((bought, len(cost))), np.zeros(bought)
        for number in range(bought):
            below[number, len(cost) - 1 - 4 * (bought - number)] = 1.0 / h
            below[number, -1] = -1.0
    found = linprog(cost, A_ub=below, b_ub=sides_below, A_eq=matrix, b_eq=sides, bounds=bounds, method="highs")
    assert found.status == 0
    return float(found.fun) - site.peak_price * site.peak_so_far_kw


def check(site: Site, plan: SitePlan, gap: float = 1e-6) -> None:
    """Every limit, to the accuracy of the plan."""
    served = plan.power_kw.sum(axis=1) * site.slot_h
    np.testing.assert_allclose(served, [s.energy_kwh for s in site.sessions], rtol=1e-6)
    for row, s in zip(plan.power_kw, site.sessions, strict=True):
        assert (row[: s.arrival_slot] == 0).all()
        assert (row[s.departure_slot :] == 0).all()
        assert row.max() <= s.power_max_kw * (1 + 1e-12)
    assert (np.minimum(plan.charge_kw, plan.discharge_kw) <= 1e-9).all()
    most = [b.energy_max_kwh for b in site.storages] + [c.energy_max_kwh for c in site.cars]
    # To 1e-9 of what the battery holds.
    held = plan.stored_kwh / np.array(most)[:, None]
    assert (held >= -1e-9).all()
    assert (held <= 1.0 + 1e-9).all()
    more = 0.0 if site.scenarios is None else site.scenarios.mean()
    np.testing.assert_allclose(sum(plan.source_kw.values()), plan.load_kw + more, atol=1e-6)
    assert -1e-9 <= plan.gap <= gap


@pytest.mark.parametrize("seed", range(8))
def test_it_agrees_with_the_linear_program(seed: int) -> None:
    site = random_site(seed)
    plan = solve_site(site)
    check(site, plan)
    assert plan.objective == pytest.approx(linear_optimum(site), rel=2e-6, abs=2e-6)
    assert plan.grid_kw.max() <= 40.0 + 1e-6


@pytest.mark.parametrize(("seed", "deviation"), [(0, 4), (1, 4), (2, 4), (4, 2), (6, 2), (10, 2)])
def test_scenarios_agree_with_the_program_of_all_of_them(seed: int, deviation: int) -> None:
    deviations = np.random.default_rng(seed).normal(0, deviation, (4, 12))
    site = random_site(seed, scenarios=ScenarioSet(deviations), import_max_kw=60.0)
    plan = solve_site(site)
    check(site, plan)
    assert plan.objective == pytest.approx(linear_optimum(site, deviations * 0.5), rel=2e-6, abs=2e-6)
    assert plan.cost == pytest.approx(plan.objective, rel=2e-6)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("price", "so_far"), [(0.4, 0.0), (3.0, 0.0), (3.0, 18.0), (0.01, 0.0)])
def test_the_price_of_the_peak_agrees_with_the_linear_program(seed: int, price: float, so_far: float) -> None:
    site = random_site(seed, peak_price=price, peak_so_far_kw=so_far)
    plan = solve_site(site)
    check(site, plan)
    assert plan.objective == pytest.approx(linear_optimum(site), rel=2e-6, abs=2e-6)


@pytest.mark.parametrize("seed", [9, 11])
def test_the_price_of_the_peak_is_proven_where_somebody_would_go_short_below_it(seed: int) -> None:
    site = random_site(seed, peak_price=3.0)
    plan = solve_site(site)
    check(site, plan)
    assert plan.objective == pytest.approx(linear_optimum(site), rel=2e-6, abs=2e-6)


def test_a_cheap_peak_stops_at_the_limit_of_the_connection() -> None:
    site = random_site(15, peak_price=0.01)
    plan = solve_site(site)
    check(site, plan)
    assert plan.peak_kw == pytest.approx(40.0, abs=1e-3)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("price", "so_far"), [(0.4, 0.0), (3.0, 0.0), (1.0, 18.0)])
def test_with_scenarios_the_peak_is_the_highest_of_any(seed: int, price: float, so_far: float) -> None:
    deviations = np.random.default_rng(seed).normal(0, 2, (4, 12))
    some = ScenarioSet(deviations)
    site = random_site(seed, peak_price=price, peak_so_far_kw=so_far, scenarios=some, import_max_kw=60.0)
    plan = solve_site(site)
    check(site, plan)
    assert plan.objective == pytest.approx(linear_optimum(site, deviations * 0.5), rel=2e-6, abs=2e-6)


def test_the_peak_of_two_scenarios_by_hand() -> None:
    some = ScenarioSet(np.array([[1.0, 0.0], [-1.0, 0.0]]))
    car = EvSession("car", 0, 2, 9.0, 4.0)
    plan = solve_site(Site(1.0, np.array([2.0, 3.0]), (car,), price=1.0, peak_price=9.0, scenarios=some))
    # The first slot may be 3 without the car: 5 and 5 at worst, 9 kWh to buy whatever comes.
    np.testing.assert_allclose(plan.power_kw[0], [2.0, 2.0], atol=1e-4)
    assert plan.peak_kw == pytest.approx(5.0, abs=1e-4)
    assert plan.objective == pytest.approx(9.0 + 45.0, rel=1e-6)


def test_a_dear_peak_levels_the_load_by_hand() -> None:
    site = Site(1.0, np.array([2.0, 4.0]), (EvSession("car", 0, 2, 9.0, 4.0),), price=[1.0, 1.1], peak_price=9.0)
    plan = solve_site(site)
    # 10 kWh in two slots: the peak is 5; without its price the car would take all in the first slot.
    assert plan.peak_kw == pytest.approx(5.0, abs=1e-4)
    assert plan.objective == pytest.approx(5.0 + 5.5 + 45.0, rel=1e-6)


def test_the_bound_holds_for_any_prices_and_values() -> None:
    site = random_site(3)
    plan, ready = solve_site(site), prepare(site)
    rng = np.random.default_rng(0)
    for _ in range(100):
        price = plan.slot_price + rng.normal(0, 0.3, site.slots)
        value = plan.value + rng.normal(0, 0.3, plan.value.shape)
        charge, discharge = plan.charge_kw * 0.5, plan.discharge_kw * 0.5
        least = ready.batteries.bound(price[None], value)
        assert least <= ready.batteries.cost(charge, discharge) + float(((charge - discharge) @ price).sum()) + 1e-6


def test_a_flexible_load_is_moved_to_where_it_is_cheap() -> None:
    load = FlexibleLoad("furnace", a=0.05, b=-1.0, energy_min_kwh=1.0, energy_max_kwh=8.0)
    plan = solve_site(Site(1.0, np.ones(3), flexible_loads=(load,), price=[0.3, 0.6, 1.2]))
    # 2a d + b + price = 0: 7, 4, and the least.
    np.testing.assert_allclose(plan.source_kw["furnace"], [-7.0, -4.0, -1.0], atol=1e-5)


def test_quadratic_sites_are_proven_too() -> None:
    unit = Generator("unit", 0.05, 0.2, 0.0, 4.0)
    for seed in range(4):
        site = random_site(seed, weight=0.05, generators=(unit,))
        check(site, solve_site(site))


def test_higher_priority_is_served_first_whatever_kind_of_car() -> None:
    first = V2gSession("v", 0, 2, 0.0, 4.0, 10.0, 4.0, 0.0, charge_efficiency=1.0, priority=2)
    second = EvSession("e", 0, 2, 4.0, 4.0, priority=1)
    plan = solve_site(Site(1.0, np.zeros(2), (second,), cars=(first,), price=1.0, import_max_kw=3.0))
    assert plan.stored_kwh[0, -1] == pytest.approx(4.0, abs=1e-5)
    assert plan.served_kwh[0] == pytest.approx(2.0, abs=1e-5)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"sell_price": 2.0}, "dearer"),
        ({"price": [1.0, 2.0, 3.0]}, "price"),
        ({"weight": -1.0}, "negative"),
        ({"confidence": 0.0}, "confidence"),
        ({"storages": (battery(feeder="west"),)}, "no feeder"),
        ({"storages": (battery(), battery())}, "once"),
        ({"cars": (V2gSession("c", 0, 9, 1.0, 1.0, 2.0, 1.0, 1.0),)}, "after the last"),
        ({"scenarios": ScenarioSet(np.zeros((2, 5)))}, "scenarios"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, Any], reason: str) -> None:
    usual: dict[str, Any] = {"slot_h": 1.0, "base_load_kw": np.ones(2), "price": 1.0}
    with pytest.raises(ValueError, match=reason):
        Site(**(usual | fields))
