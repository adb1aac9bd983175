"""Sharing what there is among those who are there: by hand, against the best plan, and on days of a real garage."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import optimizer_acn
from optimizer import Conductors, CurrentLimit, EvSession, Feeder, Problem, deliverable
from optimizer.most_energy import least_laxity_now, share_now
from optimizer.yardsticks import RULES, by_rule
from tests.support.acn import acn_file


def short_of_power(cars: tuple[EvSession, ...], cap: float = 10.0, slots: int = 4) -> Problem:
    return Problem(1.0, [0.0] * slots, [cap] * slots, cars)  # type: ignore[arg-type]


def test_the_least_lax_comes_first_where_nothing_is_lost() -> None:
    cars = (EvSession("a", 0, 4, 7.0, 7.0), EvSession("b", 0, 2, 7.0, 10.0))
    shares = share_now(short_of_power(cars))
    assert shares.plan is None
    assert shares.lost_kwh == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(shares.power_kw, [3.0, 7.0])
    np.testing.assert_allclose(least_laxity_now(short_of_power(cars)), [3.0, 7.0])


def test_the_plan_is_followed_where_the_rule_would_leave_power_idle() -> None:
    """Who is hopelessly late has the least laxity, but two must be left for the last slot to use all of its power."""
    cars = (
        EvSession("late", 0, 2, 5.0, 30.0),
        EvSession("x", 0, 3, 5.0, 7.5),
        EvSession("y", 0, 3, 10.0, 12.5),
    )
    problem = short_of_power(cars, cap=10.0, slots=3)
    rule = by_rule(problem, "least laxity").sum()
    best = deliverable(problem).energy_kwh
    shares = share_now(problem)
    assert shares.lost_kwh == pytest.approx(best - rule, abs=1e-9)
    assert shares.power_kw.sum() == pytest.approx(10.0)


def test_who_is_not_there_yet_gets_nothing_now() -> None:
    cars = (EvSession("later", 1, 2, 7.0, 7.0), EvSession("now", 0, 2, 7.0, 3.0))
    np.testing.assert_allclose(share_now(short_of_power(cars, slots=2)).power_kw, [0.0, 3.0])
    assert share_now(short_of_power(())).power_kw.shape == (0,)


def on_lines() -> Problem:
    cars = tuple(EvSession(f"{n}", 0, 2, 7.0, 5.0, feeder="F" if n < 2 else "", lines="112"[n]) for n in range(3))
    return Problem(1.0, [0.0] * 2, [np.inf] * 2, cars, feeders=(Feeder("F", [4.0] * 2),),  # type: ignore[arg-type]
                   conductors=Conductors(cap_a=20.0, unbalance_a=15.0))  # fmt: skip


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "unmanaged"])
def test_rules_keep_the_limits_of_conductors(rule: str) -> None:
    power = by_rule(on_lines(), rule)  # type: ignore[arg-type]
    ampere = np.array([power[:2].sum(axis=0), power[2]]) * 1000 / 230
    assert ampere.max() <= 20 + 1e-9
    assert (ampere[0] - ampere[1]).max() <= 15 + 1e-9
    assert power[:2].sum(axis=0).max() <= 4 + 1e-9
    assert power.sum() > 5


def test_the_most_under_limits_of_conductors() -> None:
    """Line 1 may stand 15 A, 3.45 kW, above line 3, which carries nothing."""
    assert deliverable(on_lines()).energy_kwh == pytest.approx(2 * 3.45 + 5.0)
    limit = CurrentLimit("both", 10.0, {"1": 1.0, "2": 1.0})
    cars = tuple(EvSession(line, 0, 2, 7.0, 9.0, lines=line) for line in "12")
    capped = Problem(1.0, [0.0] * 2, [np.inf] * 2, cars, current_limits=(limit,))  # type: ignore[arg-type]
    assert deliverable(capped).energy_kwh == pytest.approx(2 * 2.3)
    assert share_now(capped).power_kw.sum() == pytest.approx(2.3)


@pytest.fixture
def recorded() -> None:
    acn_file(optimizer_acn.FILE)


@pytest.mark.usefixtures("recorded")
def test_days_of_a_real_garage_as_good_as_with_foresight() -> None:
    cars, garage = optimizer_acn.sessions(until_slot=2 * 288), optimizer_acn.Garage(10.0)
    best = optimizer_acn.optimum(garage, cars)
    online = optimizer_acn.online(garage, cars, optimizer_acn.MostEnergy())
    assert online >= optimizer_acn.online(garage, cars, optimizer_acn.least_laxity) - 0.01
    assert 0.995 * best <= online <= best + 1e-6


@pytest.mark.usefixtures("recorded")
def test_a_day_of_it_on_three_phases() -> None:
    cars, garage = optimizer_acn.sessions(until_slot=288), optimizer_acn.Garage(10.0, three_phase=True)
    best = optimizer_acn.optimum(garage, cars)
    online = optimizer_acn.online(garage, cars, optimizer_acn.MostEnergy())
    assert 0.98 * best <= online <= best + 1e-6
    single = optimizer_acn.optimum(optimizer_acn.Garage(10.0), cars)
    assert best <= single + 1e-6
