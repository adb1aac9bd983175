"""A whole site under limits of conductors: by hand, and against cvxpy with Clarabel, which knows amperes only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from optimizer import Conductors, CurrentLimit, EvSession, Feeder
from optimizer.cooptimise import solve_site
from optimizer.models import Generator, ScenarioSet, Storage, V2gSession
from optimizer.site import Site, SitePlan
from optimizer.site_format import read_site, site_plan_document

VOLT = 230.0
pytestmark = pytest.mark.filterwarnings("ignore:Solution may be inaccurate")  # the rival's word, near its own limit


def battery(**fields: Any) -> Storage:
    usual: dict[str, Any] = {
        "energy_max_kwh": 20.0, "energy_start_kwh": 10.0, "charge_max_kw": 5.0, "discharge_max_kw": 5.0,
        "charge_efficiency": 1.0, "discharge_efficiency": 1.0,
    }  # fmt: skip
    return Storage("battery", **(usual | fields))


def proven(site: Site) -> SitePlan:
    plan = solve_site(site)
    assert -1e-9 <= plan.gap <= 1e-6
    over = excess(site, plan)
    assert max(over.values(), default=0.0) <= 1e-9, over
    return plan


def excess(site: Site, plan: SitePlan) -> dict[str, float]:
    """Ampere over every limit of conductors, from powers and connections alone."""
    users = [*site.sessions, *site.storages, *site.cars]
    net = np.concatenate([plan.power_kw, plan.charge_kw - plan.discharge_kw])
    parents = {feeder.id: feeder.parent for feeder in site.feeders}
    found = {}
    for place, given, base_kw in [
        ("", site.conductors, site.base_load_kw),
        *((f.id, f.conductors, np.zeros(site.slots)) for f in site.feeders),
    ]:
        if given is None:
            continue
        inside = [place in path(user.feeder, parents) for user in users]
        on = np.array([[(line in u.lines) / len(u.lines) * here for u, here in zip(users, inside, strict=True)]
                       for line in "123"]) @ net * 1000 / VOLT  # fmt: skip
        base = np.zeros((3, site.slots)) + base_kw * 1000 / (3 * VOLT)
        if given.base_a is not None:
            base = np.zeros((3, site.slots)) + np.asarray(given.base_a)[:, None]
        cap = np.reshape(given.cap_a, (-1, 1))
        found[f"{place} cap"] = float(np.max(np.abs(on + base) - np.maximum(cap, np.abs(base))))
        apart = (on + base)[:, None] - (on + base)
        allowed = np.maximum(given.unbalance_a, np.abs(base[:, None] - base)) + 1e-3
        found[f"{place} apart"] = float(np.max(np.abs(apart) - allowed))
    return found


def path(feeder: str, parents: dict[str, str]) -> list[str]:
    found = [feeder]
    while found[-1]:
        found.append(parents[found[-1]])
    return found


def test_a_battery_on_one_conductor_fills_as_fast_as_that_allows() -> None:
    """10 A are 2.3 kW; the cheap slot is too short for the rest."""
    site = Site(1.0, np.zeros(2), storages=(battery(lines="1", energy_end_kwh=13.0),), price=[1.0, 2.0],
                conductors=Conductors(cap_a=10.0))  # fmt: skip
    plan = proven(site)
    np.testing.assert_allclose(plan.charge_kw[0], [2.3, 0.7], atol=1e-3)


def test_caps_hold_for_what_comes_back_too() -> None:
    site = Site(1.0, np.zeros(2), storages=(battery(lines="2"),), price=[3.0, 1.0], conductors=Conductors(cap_a=10.0))
    plan = proven(site)
    np.testing.assert_allclose((plan.charge_kw - plan.discharge_kw)[0], [-2.3, 2.3], atol=1e-3)


def test_a_battery_makes_room_on_its_own_conductor() -> None:
    """The car wants 20 A on a conductor of 10 A: what feeds back on that one helps, on another it does not."""
    car = EvSession("car", 0, 1, 4.6, 4.6, lines="1")
    for lines, served in (("1", 4.6), ("2", 2.3)):
        site = Site(1.0, np.zeros(2), (car,), storages=(battery(lines=lines),), price=1.0,
                    conductors=Conductors(cap_a=10.0))  # fmt: skip
        plan = proven(site)
        assert plan.served_kwh[0] == pytest.approx(served, abs=1e-3)
        short = [(s.reason, s.line) for s in plan.shortfalls]
        assert short == ([] if lines == "1" else [("line cap", "1")])


def test_a_battery_holds_the_balance_where_the_car_cannot() -> None:
    """15 A apart at most, and 20 A wanted on conductor 3: the battery on 2 takes 5 A, a car on 1 as well."""
    cars = (EvSession("car", 0, 1, 4.6, 4.6, lines="3"), EvSession("other", 0, 1, 2.3, 2.3, lines="1"))
    site = Site(1.0, np.zeros(2), cars, storages=(battery(lines="2"),), price=[2.0, 1.0],
                conductors=Conductors(unbalance_a=15.0))  # fmt: skip
    plan = proven(site)
    np.testing.assert_allclose(plan.served_kwh, [4.6, 2.3], atol=1e-3)
    assert plan.charge_kw[0, 0] == pytest.approx(5 * 0.23, abs=1e-2)


def test_a_car_feeds_back_on_its_own_phase() -> None:
    car = V2gSession("v2g", 0, 2, 20.0, 20.0, 40.0, 7.0, 7.0, phases=1, charge_efficiency=1.0,
                     discharge_efficiency=1.0)  # fmt: skip
    assert car.lines == "1"
    plan = proven(Site(1.0, np.full(2, 9.0), cars=(car,), price=[5.0, 1.0], conductors=Conductors(cap_a=[30, 99, 99])))
    # 13.04 A of base load on every conductor: −30 − 13.04 A going out, 30 − 13.04 A coming in.
    np.testing.assert_allclose((plan.charge_kw - plan.discharge_kw)[0], [-16.957 * 0.23, 16.957 * 0.23], atol=1e-2)
    with pytest.raises(ValueError, match="lines"):
        replace(car, lines="?")
    with pytest.raises(ValueError, match="not 1 phases"):
        replace(car, lines="12")


def site(seed: int, count: int = 30, slots: int = 24, **more: Any) -> Site:
    """Two halls of 55 A, cars on all kinds of connections, batteries on one and three phases, a car that feeds back."""
    rng = np.random.default_rng(seed)
    arrive = rng.integers(0, slots - 6, count)
    depart = np.minimum(arrive + rng.integers(4, 12, count), slots)
    lines = [str(kind) for kind in rng.choice(("1", "2", "3", "23", "123"), count)]
    sessions = tuple(
        EvSession(f"s{n}", int(arrive[n]), int(depart[n]), 3.68 * len(lines[n]),
                  float(rng.uniform(0.1, 0.3)) * 3.68 * len(lines[n]) * float(depart[n] - arrive[n]) * 0.5,
                  feeder=str(rng.choice(["a", "b"])), lines=lines[n])
        for n in range(count)
    )  # fmt: skip
    hall = Conductors(cap_a=55.0, unbalance_a=25.0)
    free = np.full(slots, np.inf)
    given: dict[str, Any] = {
        "slot_h": 0.5, "base_load_kw": 9.0 + 4.0 * np.sin(np.arange(slots) / 4), "sessions": sessions,
        "storages": (Storage("one", 40.0, 10.0, 6.0, 6.0, feeder="a", lines="2"), Storage("three", 60.0, 30.0, 15, 15)),
        "cars": (V2gSession("v2g", 4, 20, 10.0, 30.0, 50.0, 3.6, 3.6, phases=1, feeder="b", lines="3"),),
        "feeders": (Feeder("a", free, conductors=hall), Feeder("b", free, conductors=hall)),
        "pv_kw": 25.0 * np.maximum(0.0, np.sin((np.arange(slots) - 6) / 12 * np.pi)),
        "generators": (Generator("unit", 0.05, 1.2, 0.0, 4.0),),
        "price": np.where(np.arange(slots) % 12 < 5, 0.4, 1.1), "sell_price": 0.2, "weight": 0.01,
        "conductors": Conductors(cap_a=90.0, unbalance_a=25.0),
    }  # fmt: skip
    return Site(**(given | more))


def reference(site: Site) -> float:
    """The least cost by cvxpy with Clarabel: everybody is served, powers in kW."""
    cp = pytest.importorskip("cvxpy")
    t, h = site.slots, site.slot_h
    slot = np.arange(t)
    users = [*site.storages, *site.cars]
    power = cp.Variable((len(site.sessions), t), nonneg=True)
    charge, discharge = cp.Variable((len(users), t), nonneg=True), cp.Variable((len(users), t), nonneg=True)
    here = np.array([(slot >= s.arrival_slot) & (slot < s.departure_slot) for s in site.sessions])
    rules = [power <= here * np.array([s.power_max_kw for s in site.sessions])[:, None]]
    rules += [cp.sum(power, axis=1) * h == np.array([s.energy_kwh for s in site.sessions])]
    for n, user in enumerate(users):
        first, last = (user.arrival_slot, user.departure_slot) if isinstance(user, V2gSession) else (0, t)
        there = (slot >= first) & (slot < last)
        rules += [charge[n] <= there * user.charge_max_kw, discharge[n] <= there * user.discharge_max_kw]
        gained = user.charge_efficiency * charge[n] - discharge[n] / user.discharge_efficiency
        stored = user.energy_start_kwh + cp.cumsum(gained) * h
        end = user.energy_wanted_kwh if isinstance(user, V2gSession) else user.end_kwh
        rules += [stored >= 0, stored <= user.energy_max_kwh, stored[last - 1] >= end]
    net = cp.vstack([power, charge - discharge])
    parents = {feeder.id: feeder.parent for feeder in site.feeders}
    everybody = [*site.sessions, *users]
    places = [("", site.conductors, site.base_load_kw / 3), *((f.id, f.conductors, np.zeros(t)) for f in site.feeders)]
    for place, given, even_kw in places:
        assert given is not None
        parts = np.array([[(line in u.lines) / len(u.lines) * (place in path(u.feeder, parents)) for u in everybody]
                          for line in "123"])  # fmt: skip
        on = [parts[n] @ net * 1000 / VOLT + even_kw * 1000 / VOLT for n in range(3)]
        rules += [cp.abs(one) <= given.cap_a for one in on]
        rules += [one - other <= given.unbalance_a for one in on for other in on if one is not other]
    load = site.base_load_kw + cp.sum(net, axis=0)
    extra = np.zeros((1, t)) if site.scenarios is None else site.scenarios.values
    chance = np.ones(1) if site.scenarios is None else site.scenarios.weights
    cost, peaks = 0.0, [site.peak_so_far_kw]
    for weight, more in zip(chance, extra, strict=True):
        buy, sell, sun = (cp.Variable(t, nonneg=True) for _ in range(3))
        own = [cp.Variable(t, nonneg=True) for _ in site.generators]
        rules += [sun <= site.pv_kw, buy <= site.import_max_kw]
        rules += [one * h <= unit.energy_max_kwh for one, unit in zip(own, site.generators, strict=True)]
        rules += [buy - sell + sun + sum(own) == load + more]
        cost += weight * h * (site.price @ buy - site.sell_price @ sell)
        cost += weight * 0.5 * h * h * cp.sum(cp.multiply(site.weight, cp.square(buy) + cp.square(sell)))
        for one, unit in zip(own, site.generators, strict=True):
            cost += weight * cp.sum(unit.a * cp.square(one * h) + unit.b * one * h)
        peaks.append(cp.max(buy - sell))
    if site.peak_price:
        cost += site.peak_price * (cp.maximum(*peaks) - site.peak_so_far_kw)
    best = cp.Problem(cp.Minimize(cost), rules)
    best.solve(solver=cp.CLARABEL)
    return float(best.value)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_trusted_solver_agrees(seed: int) -> None:
    one = site(seed)
    plan = proven(one)
    assert not plan.shortfalls
    assert plan.objective == pytest.approx(reference(one), rel=3e-6)
    bare = solve_site(replace(one, conductors=None, feeders=tuple(replace(f, conductors=None) for f in one.feeders)))
    assert bare.objective < plan.objective * (1 - 1e-4), "conductors bind"


def test_the_price_of_the_peak_and_scenarios_too() -> None:
    priced = site(1, peak_price=3.0, peak_so_far_kw=10.0, import_max_kw=80.0)
    assert proven(priced).objective == pytest.approx(reference(priced), rel=3e-6)
    rng = np.random.default_rng(5)
    short = replace(priced, conductors=Conductors(60.0, 8.0))
    assert proven(short).shortfalls, "what no limit of the peak could serve is not its fault"
    some = site(2, scenarios=ScenarioSet(rng.normal(0.0, 1.5, (6, 24))), conductors=Conductors(200.0, 25.0))
    assert proven(some).objective == pytest.approx(reference(some), rel=3e-6)


def test_scenarios_of_the_base_load_count_on_the_conductors_of_the_site() -> None:
    """20 A, of which scenarios take 6 A on every conductor with a chance of 1 in 4."""
    car = EvSession("car", 0, 1, 22.0, 22.0)
    high = ScenarioSet([[3 * 6 * 0.23], [0.0], [0.0], [0.0]])
    for confidence, ampere in ((1.0, 14.0), (0.75, 20.0)):
        one = Site(1.0, np.zeros(1), (car,), scenarios=high, confidence=confidence, conductors=Conductors(20.0))
        assert solve_site(one).served_kwh[0] == pytest.approx(ampere * 0.69, rel=1e-5)


def test_limits_of_one_s_own_and_documents() -> None:
    limit = CurrentLimit("pod", 10.0, {"1": 1.0, "2": 1.0})
    one = Site(1.0, np.zeros(2), (EvSession("car", 0, 1, 4.6, 4.6, lines="2"),), storages=(battery(lines="1"),),
               price=1.0, current_limits=(limit,))  # fmt: skip
    plan = proven(one)
    assert plan.served_kwh[0] == pytest.approx(4.6, abs=1e-3), "the battery gives what the limit does not"
    alone = solve_site(replace(one, storages=()))
    assert [(s.reason, s.line) for s in alone.shortfalls] == [("current limit", "pod")]
    text = """{"slot_h": 1, "base_load_kw": [0, 0], "price": 1,
               "conductors": {"cap_a": [10, 20, 20], "base_a": [12, 0, 0]},
               "sessions": [{"id": "car", "arrival_slot": 0, "departure_slot": 1, "power_max_kw": 4.6,
                             "energy_kwh": 4.6, "lines": "1"}],
               "storages": [{"id": "b", "energy_max_kwh": 5, "energy_start_kwh": 0, "charge_max_kw": 1,
                             "discharge_max_kw": 1, "lines": "2"}]}"""
    read = read_site(text)
    document = site_plan_document(read, solve_site(read))
    assert document["shortfalls"][0] | {"energy_kwh": 4.6} == {
        "session_id": "car", "energy_kwh": 4.6, "reason": "line cap", "feeder": "", "line": "1"
    }  # fmt: skip
    assert document["cap_soft"][0] == {"slot": 0, "excess_kw": 0.0, "feeder": "", "line": "1", "excess_a": 2.0}


def test_nobody_to_limit() -> None:
    plan = solve_site(Site(1.0, np.ones(2), price=1.0, conductors=Conductors(1.0)))
    assert plan.objective == pytest.approx(2.0)


def test_a_battery_alone_on_a_conductor_that_is_over_its_cap() -> None:
    """It may give, all of it if it likes, but not take."""
    full = Conductors(cap_a=10.0, base_a=[12.0, 0.0, 0.0])
    one = Site(1.0, np.full(2, 3.0), storages=(battery(lines="1", energy_end_kwh=0.0),), price=[1.0, 2.0],
               conductors=full)  # fmt: skip
    plan = proven(one)
    np.testing.assert_allclose((plan.charge_kw - plan.discharge_kw)[0], [-4.94, -5.0], atol=0.07)
    assert {(c.line, c.excess_a) for c in plan.cap_soft} == {("1", 2.0)}


def test_a_battery_on_a_conductor_without_any_room() -> None:
    shut = Site(1.0, np.zeros(2), storages=(battery(lines="1"),), price=[1.0, 2.0], conductors=Conductors([0, 9, 9]))
    plan = solve_site(shut)
    assert -1e-9 <= plan.gap <= 1e-6
    np.testing.assert_allclose(plan.charge_kw - plan.discharge_kw, 0.0, atol=1e-3)
