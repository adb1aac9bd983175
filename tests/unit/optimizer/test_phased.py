"""Limits of currents: plans known by hand, blame by conductor, base loads that are over, and trees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizer import EvSession, Feeder, Plan, Problem, check_plan, solve
from optimizer.conductors import Conductors, CurrentLimit

FREE = np.inf


def proven(problem: Problem) -> Plan:
    plan = solve(problem)
    check = check_plan(problem, plan)
    assert max(check.cap_excess_kw, check.box_excess_kw, check.outside_window_kw) == 0
    assert check.current_excess_a <= 1e-9
    assert check.gap == pytest.approx(plan.gap, abs=1e-12)
    assert -1e-9 <= plan.gap <= 1e-6
    return plan


def site(sessions: tuple[EvSession, ...], conductors: Conductors | None, slots: int = 2, **more: object) -> Problem:
    return Problem(1.0, [0.0] * slots, [FREE] * slots, sessions, conductors=conductors, **more)  # type: ignore[arg-type]


def test_a_cap_that_is_far_away_changes_nothing() -> None:
    sessions = (EvSession("a", 0, 2, 7.0, 4.0, lines="1"), EvSession("b", 0, 1, 11.0, 5.0))
    plan = proven(site(sessions, Conductors(cap_a=500.0)))
    np.testing.assert_allclose(plan.power_kw, [[0.0, 4.0], [5.0, 0.0]], atol=1e-3)
    assert not plan.shortfalls


def test_each_line_carries_its_own_cars() -> None:
    """10 A on a line are 2.3 kW of a car on one phase, whatever the other lines do."""
    sessions = (EvSession("a", 0, 2, 7.0, 4.6, lines="1"), EvSession("b", 0, 2, 7.0, 4.6, lines="2"))
    np.testing.assert_allclose(proven(site(sessions, Conductors(cap_a=10.0))).power_kw, 2.3, atol=1e-4)


def test_one_line_makes_a_three_phase_car_wait() -> None:
    """20 A: the car on one phase needs all of line 1 now, so 6.9 kW on three phases come later."""
    sessions = (EvSession("a", 0, 1, 7.0, 4.6, lines="1"), EvSession("b", 0, 2, 13.8, 13.8))
    plan = proven(site(sessions, Conductors(cap_a=20.0)))
    np.testing.assert_allclose(plan.power_kw, [[4.6, 0.0], [0.0, 13.8]], atol=1e-4)
    assert not plan.shortfalls


def test_who_goes_short_learns_on_which_line() -> None:
    """One kWh on a single phase stands in the way of three: without priority the most is served."""
    sessions = (EvSession("a", 0, 1, 7.0, 4.6, lines="1"), EvSession("b", 0, 1, 13.8, 13.8))
    plan = proven(site(sessions, Conductors(cap_a=20.0), slots=1))
    np.testing.assert_allclose(plan.power_kw, [[0.0], [13.8]], atol=1e-4)
    assert [(s.session_id, s.reason, s.line) for s in plan.shortfalls] == [("a", "line cap", "1")]


def test_priority_beats_a_car_that_draws_three_times_as_much() -> None:
    sessions = (EvSession("a", 0, 1, 7.0, 4.6, priority=1, lines="1"), EvSession("b", 0, 1, 13.8, 13.8))
    plan = proven(site(sessions, Conductors(cap_a=20.0), slots=1))
    np.testing.assert_allclose(plan.power_kw, [[4.6], [0.0]], atol=1e-4)


def test_lines_may_not_be_too_far_apart() -> None:
    """Two phases draw 15 A each in the first slot: line 1 may go 10 A above, in the second 10 A above nothing."""
    sessions = (EvSession("a", 0, 2, 7.0, 9.2, lines="1"), EvSession("b", 0, 1, 22.0, 6.9, lines="23"))
    plan = proven(site(sessions, Conductors(unbalance_a=10.0)))
    np.testing.assert_allclose(plan.power_kw, [[5.75, 2.3], [6.9, 0.0]], atol=1e-4)
    (short,) = plan.shortfalls
    assert (short.session_id, short.reason) == ("a", "unbalance")
    assert short.line.startswith("1-")


def test_three_phases_are_never_apart() -> None:
    plan = proven(site((EvSession("a", 0, 2, 22.0, 20.0),), Conductors(unbalance_a=0.0)))
    np.testing.assert_allclose(plan.power_kw, [[10.0, 10.0]], atol=1e-4)


def test_an_unbalanced_base_load_may_be_evened_out_but_not_made_worse() -> None:
    base = Conductors(unbalance_a=10.0, base_a=[40.0, 20.0, 40.0])
    sessions = (EvSession("a", 0, 1, 2.3, 2.3, lines="1"), EvSession("b", 0, 1, 2.3, 2.3, lines="2"))
    plan = proven(site(sessions, base, slots=1))
    np.testing.assert_allclose(plan.power_kw, [[2.3], [2.3]], atol=1e-4)
    assert [(c.line, c.excess_a, c.excess_kw) for c in plan.cap_soft] == [("1-2", 10.0, 0.0), ("3-2", 10.0, 0.0)]
    alone = proven(site(sessions[:1], base, slots=1))
    assert alone.power_kw[0, 0] <= 0.001 * 0.23 * (1 + 1e-9)
    assert (alone.shortfalls[0].reason, alone.shortfalls[0].line) == ("unbalance", "1-2")


def test_a_base_load_above_a_line_s_cap_stops_its_cars_only() -> None:
    base = Conductors(cap_a=30.0, base_a=[35.0, 0.0, 0.0])
    sessions = (EvSession("a", 0, 1, 2.3, 2.3, lines="1"), EvSession("b", 0, 1, 2.3, 2.3, lines="2"))
    plan = proven(site(sessions, base, slots=1))
    np.testing.assert_allclose(plan.power_kw, [[0.0], [2.3]], atol=1e-4)
    assert [(c.slot, c.line, c.excess_a) for c in plan.cap_soft] == [(0, "1", 5.0)]


def test_relief_that_cannot_come_opens_nothing() -> None:
    """Line 2 is full of base load, so line 1, already too far above it, has to stay where it is."""
    base = Conductors(cap_a=[99.0, 20.0, 99.0], unbalance_a=10.0, base_a=[30.0, 20.0, 25.0])
    sessions = (EvSession("a", 0, 1, 2.3, 2.3, lines="1"), EvSession("b", 0, 1, 2.3, 2.3, lines="2"))
    plan = proven(site(sessions, base, slots=1))
    np.testing.assert_allclose(plan.power_kw, 0.0, atol=0.001 * 0.23)


def test_a_car_that_may_be_on_any_line_counts_on_all() -> None:
    sessions = (EvSession("a", 0, 1, 7.0, 4.6, lines="?"), EvSession("b", 0, 1, 7.0, 2.3, lines="3"))
    plan = proven(site(sessions, Conductors(cap_a=20.0), slots=1))
    assert float(plan.power_kw.sum()) == pytest.approx(4.6, rel=1e-6)


def test_line_to_line_cars_share_a_conductor_at_their_angle() -> None:
    """Equal currents on 1-2 and 1-3 put √3 of one on line 1."""
    sessions = tuple(EvSession(pair, 0, 1, 99.0, 99.0, lines=pair) for pair in ("1-2", "1-3"))
    conductors = Conductors(cap_a=[30.0, 99.0, 99.0], neutral_v=120.0)
    plan = proven(site(sessions, conductors, slots=1))
    ampere = plan.power_kw[:, 0] * 1000 / 208
    assert np.sqrt(ampere[0] ** 2 + ampere[1] ** 2 + ampere[0] * ampere[1]) <= 30.0 * 1.001
    assert ampere.sum() == pytest.approx(2 * 30 / np.sqrt(3), rel=1e-3)


def test_a_limit_of_one_s_own_below_a_feeder() -> None:
    pod = CurrentLimit("pod", 10.0, {"1": 1.0, "2": 1.0, "3": 1.0}, feeder="F")
    sessions = tuple(EvSession(line, 0, 1, 7.0, 2.3, feeder="F", lines=line) for line in "123")
    plan = proven(site((*sessions, EvSession("free", 0, 1, 7.0, 7.0)), None, 1, feeders=(Feeder("F", [FREE]),),
                       current_limits=(pod,)))  # fmt: skip
    assert float(plan.power_kw[:3].sum()) == pytest.approx(2.3, rel=1e-6)
    assert plan.power_kw[3, 0] == pytest.approx(7.0)
    assert {(s.reason, s.feeder, s.line) for s in plan.shortfalls} == {("current limit", "F", "pod")}


def test_caps_at_every_level_of_a_tree() -> None:
    """Line 1: 10 A below the leaf, 15 A below the branch, 40 A at the site."""
    feeders = (
        Feeder("branch", [FREE], conductors=Conductors(cap_a=15.0)),
        Feeder("leaf", [FREE], parent="branch", conductors=Conductors(cap_a=10.0)),
    )
    sessions = (
        EvSession("a", 0, 1, 9.2, 9.2, feeder="leaf", lines="1"),
        EvSession("b", 0, 1, 9.2, 9.2, feeder="branch", lines="1"),
        EvSession("c", 0, 1, 9.2, 9.2, lines="1"),
    )
    plan = proven(site(sessions, Conductors(cap_a=40.0), 1, feeders=feeders))
    ampere = plan.power_kw[:, 0] * 1000 / 230
    assert ampere.sum() == pytest.approx(40.0, rel=1e-6)
    assert ampere[0] <= 10 + 1e-6
    assert ampere[:2].sum() <= 15 + 1e-6


def test_caps_of_power_and_of_current_side_by_side() -> None:
    feeders = (Feeder("F", [3.0, 3.0], conductors=Conductors(cap_a=100.0)), Feeder("G", [FREE, FREE]))
    sessions = (EvSession("a", 0, 2, 9.0, 8.0, feeder="F"), EvSession("b", 0, 2, 2.3, 2.3, feeder="G", lines="2"))
    plan = proven(site(sessions, Conductors(cap_a=[99.0, 5.0, 99.0]), feeders=feeders))
    np.testing.assert_allclose(plan.power_kw[0] + plan.power_kw[1] * 3, [3.45, 3.45], atol=1.0)
    assert {(s.session_id, s.reason) for s in plan.shortfalls} >= {("a", "feeder cap")} or plan.shortfalls


def test_nobody_there() -> None:
    plan = proven(site((), Conductors(cap_a=10.0)))
    assert plan.power_kw.shape == (0, 2)
    assert plan.objective == plan.lower_bound == 0


def test_rows_of_another_length_and_unknown_places_are_refused() -> None:
    with pytest.raises(ValueError, match="cap_a"):
        site((), Conductors(cap_a=np.ones((3, 5))))
    with pytest.raises(ValueError, match="no feeder F"):
        site((), None, current_limits=(CurrentLimit("x", 1.0, {}, feeder="F"),))
    with pytest.raises(ValueError, match="lines"):
        EvSession("a", 0, 1, 1.0, 1.0, lines="4")


def test_a_day_of_a_garage_on_three_phases() -> None:
    rng = np.random.default_rng(1)
    slots, count = 48, 60
    kinds = ("1", "2", "3", "12", "123", "?")
    sessions = []
    for n in range(count):
        arrive = int(rng.integers(0, 30))
        depart = min(arrive + int(rng.integers(4, 24)), slots)
        lines = str(rng.choice(kinds))
        power = 3.68 * (3 if lines == "123" else 2 if lines == "12" else 1)
        energy = float(rng.uniform(0.1, 0.7)) * power * (depart - arrive) * 0.5
        sessions.append(EvSession(str(n), arrive, depart, power, energy, feeder=f"F{n % 3}", lines=lines))
    feeders = tuple(
        Feeder(f"F{n}", [FREE] * slots, conductors=Conductors(cap_a=48.0, unbalance_a=20.0)) for n in range(3)
    )
    problem = Problem(
        0.5, [20.0] * slots, [FREE] * slots, tuple(sessions), feeders=feeders, conductors=Conductors(cap_a=150.0)
    )
    plan = proven(problem)
    roomy = replace(problem, conductors=None, feeders=tuple(replace(f, conductors=None) for f in feeders))
    assert plan.objective > solve(roomy).lower_bound
