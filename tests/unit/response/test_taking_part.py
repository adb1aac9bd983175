"""Cars that take no part stand in the base load: at the site, at every feeder, on every conductor nothing changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from csms.model.response import Notice
from csms.response.offers import of_cars
from csms.response.taking_part import lifted, taking_part
from optimizer.conductors import Conductors
from optimizer.problem import EvSession, Feeder, Problem
from optimizer.response import potential
from optimizer.solver import solve
from tests.unit.response.test_response_evaluate import START, event

SLOTS = 12


def made(seed: int, wired: bool) -> Problem:
    rng = np.random.default_rng(seed)
    sessions = []
    for number in range(int(rng.integers(2, 9))):
        arrive = int(rng.integers(0, 6))
        depart = int(rng.integers(arrive + 1, SLOTS + 1))
        most = 7.0 * (depart - arrive) / 4.0
        feeder, lines = str(rng.choice(["", "a", "b"])), str(rng.choice(["1", "2", "123", "?"]))
        energy = float(rng.uniform(0.1, 0.9)) * most
        sessions.append(EvSession(str(number), arrive, depart, 7.0, energy, feeder=feeder, lines=lines))
    wires = Conductors(np.full((3, SLOTS), 500.0), base_a=rng.uniform(1.0, 9.0, 3)) if wired else None
    feeders = (
        Feeder("a", np.full(SLOTS, 40.0), base_load_kw=np.full(SLOTS, 3.0), conductors=wires),
        Feeder("b", np.full(SLOTS, 30.0), parent="a", base_load_kw=np.full(SLOTS, 1.0)),
    )
    return Problem(0.25, np.full(SLOTS, 10.0), np.full(SLOTS, 80.0), tuple(sessions), feeders=feeders, conductors=wires)


def load_kw(problem: Problem, power_kw: np.ndarray, feeder: str = "") -> np.ndarray:
    """Base load and cars through a feeder; "b" hangs below "a"."""
    under = {"": {"", "a", "b"}, "a": {"a", "b"}, "b": {"b"}}[feeder]
    base = problem.base_load_kw if not feeder else {one.id: one.base_load_kw for one in problem.feeders}[feeder]
    rows = [row for one, row in zip(problem.sessions, power_kw, strict=True) if one.feeder in under]
    return np.asarray(base) + sum(rows, np.zeros(SLOTS))


def amperes(problem: Problem, power_kw: np.ndarray) -> np.ndarray:
    """[3, T] on the site's conductors: a car of n phases draws P / (n · 230 V) on each, one of unknown phase on all."""
    assert problem.conductors is not None
    given = np.asarray(problem.conductors.base_a, dtype=float)
    found = np.array(given if given.ndim == 2 else np.repeat(given[:, None], SLOTS, axis=1))
    for one, row in zip(problem.sessions, power_kw, strict=True):
        used = "123" if one.lines == "?" else one.lines
        phases = 1 if one.lines == "?" else len(one.lines)
        for line in used:
            found[int(line) - 1] += 1000.0 * row / (phases * 230.0)
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_loads_and_currents_stay_as_they_are(seed: int, wired: bool) -> None:
    problem = made(seed, wired)
    power = solve(problem).power_kw
    apart = {one.id for one in problem.sessions if int(one.id) % 2}
    rest, kept = taking_part(problem, power, apart)
    assert {one.id for one in rest.sessions} == {one.id for one in problem.sessions} - apart
    for feeder in ("", "a", "b"):
        assert load_kw(rest, kept, feeder) == pytest.approx(load_kw(problem, power, feeder))
    if wired:
        assert amperes(rest, kept) == pytest.approx(amperes(problem, power))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_what_the_others_can_give_is_not_more_than_what_all_can(seed: int) -> None:
    problem = made(seed, wired=False)
    power = solve(problem).power_kw
    rest, kept = taking_part(problem, power, {"0"})
    if rest.sessions:
        some = potential(rest, kept, 3, 3, 3, "down", exact=False).sustained_kw
        assert some <= potential(problem, power, 3, 3, 3, "down", exact=False).sustained_kw + 1e-3
    assert taking_part(problem, power, ()) == (problem, power)


def test_an_event_is_taken_out_of_the_caps_of_its_slots_alone() -> None:
    cap = np.array([50.0] * 4 + [5.0] * 4 + [40.0] * 4)
    feeder = Feeder("a", np.minimum(cap, 30.0))
    problem = Problem(0.25, np.zeros(SLOTS), cap, (), feeders=(feeder,))
    free = lifted(problem, 4, 4)
    assert free.cap_kw.tolist() == [50.0] * 8 + [40.0] * 4
    assert free.feeders[0].cap_kw.tolist() == [30.0] * 12


def test_cars_offer_nothing_below_what_always_remains() -> None:
    """One car that could wait altogether; floors and base load of 14 kW stay: no more than what lies above is offered,
    and nothing where its driver declined.
    """
    asked = replace(event(target_w=50_000).invitation, notice=Notice.MINUTE)
    price = np.where(np.arange(SLOTS) < 6, 0.2, 1.0)
    car = EvSession("P1/1", 0, SLOTS, 7.0, 7.0)
    problem = Problem(0.25, np.full(SLOTS, 10.0), np.full(SLOTS, 80.0), (car,), price=price)
    plan = solve(problem)
    usual_kw = 10.0 + plan.power_kw[0, :4].min()
    free, _ = of_cars(asked, problem, plan, START, np.zeros(SLOTS))
    held, _ = of_cars(asked, problem, plan, START, np.zeros(SLOTS), least_w=14_000.0)
    assert free == pytest.approx(1000 * (usual_kw - 10.0), abs=20)
    assert held == pytest.approx(max(1000 * (usual_kw - 14.0), 0.0), abs=20)
    assert held < free
    assert of_cars(asked, problem, plan, START, np.zeros(SLOTS), {"P1/1"}) == (0.0, 0.0)
