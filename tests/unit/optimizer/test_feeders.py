"""Caps at every level of a tree: known plans, blame by name, and what a tree may not be."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer import EvSession, Feeder, Plan, Problem, check_plan, solve, valley

FREE = np.inf


def proven(problem: Problem) -> Plan:
    plan = solve(problem)
    check = check_plan(problem, plan)
    assert max(check.cap_excess_kw, check.box_excess_kw, check.outside_window_kw) == 0
    assert -1e-9 <= check.gap <= 1e-6
    return plan


def test_a_feeder_s_cap_moves_its_cars_and_the_others_fill_the_gap() -> None:
    sessions = (EvSession("a", 0, 2, 4.0, 4.0, feeder="F"), EvSession("b", 0, 2, 4.0, 4.0))
    plan = proven(Problem(1.0, [0, 4], [FREE, FREE], sessions, feeders=(Feeder("F", [1.0, 9.0]),)))
    np.testing.assert_allclose(plan.power_kw, [[1, 3], [4, 0]], atol=1e-4)
    assert plan.feeder_price[0, 0] >= plan.slot_price[0] - 1e-9


def test_a_feeder_without_a_cap_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    sessions = tuple(
        EvSession(str(i), int(a), int(a) + 4, 7.0, float(rng.uniform(1, 20)), feeder="F" if i % 2 else "")
        for i, a in enumerate(rng.integers(0, 8, 12))
    )
    base, cap = rng.uniform(0, 30, 12), np.full(12, 60.0)
    with_feeder = Problem(1.0, base, cap, sessions, feeders=(Feeder("F", [FREE] * 12),))
    alone = Problem(
        1.0, base, cap, tuple(EvSession(s.id, s.arrival_slot, s.departure_slot, 7.0, s.energy_kwh) for s in sessions)
    )
    assert proven(with_feeder).objective == pytest.approx(solve(alone).objective, rel=2e-6)


def test_three_levels_and_their_base_loads() -> None:
    feeders = (
        Feeder("leaf", [3.0, 3.0], parent="branch"),
        Feeder("branch", [6.0, 6.0], base_load_kw=[2.0, 5.0]),
    )
    sessions = (EvSession("a", 0, 2, 9.0, 5.0, feeder="leaf"), EvSession("b", 0, 2, 9.0, 1.0, feeder="branch"))
    plan = proven(Problem(1.0, [3.0, 6.0], [20.0, 20.0], sessions, feeders=feeders))
    np.testing.assert_allclose(plan.power_kw.sum(axis=0), [4.0, 1.0], atol=1e-5)
    assert plan.shortfalls[0].feeder in {"leaf", "branch"}
    assert sum(s.energy_kwh for s in plan.shortfalls) == pytest.approx(1.0, rel=1e-5)


def test_the_cap_to_blame_is_named() -> None:
    sessions = (
        EvSession("tight", 0, 2, 9.0, 9.0, feeder="small"),
        EvSession("fine", 0, 2, 9.0, 9.0, feeder="large"),
    )
    feeders = (Feeder("small", [2.0, 2.0]), Feeder("large", [50.0, 50.0]))
    plan = proven(Problem(1.0, [1.0, 1.0], [40.0, 40.0], sessions, feeders=feeders))
    (short,) = plan.shortfalls
    assert (short.session_id, short.reason, short.feeder) == ("tight", "feeder cap", "small")
    assert short.energy_kwh == pytest.approx(5.0, rel=1e-6)


def test_the_site_is_to_blame_where_the_feeder_has_room() -> None:
    sessions = (EvSession("a", 0, 1, 9.0, 9.0, feeder="F"),)
    plan = proven(Problem(1.0, [1.0], [3.0], sessions, feeders=(Feeder("F", [8.0]),)))
    assert [(s.reason, s.feeder) for s in plan.shortfalls] == [("site cap", "")]


def test_a_feeder_overloaded_by_itself_is_flagged() -> None:
    problem = Problem(1.0, [5.0], [9.0], (EvSession("a", 0, 1, 3.0, 3.0, feeder="F"),),
                      feeders=(Feeder("F", [2.0], base_load_kw=[4.0]),))  # fmt: skip
    plan = proven(problem)
    assert [(c.slot, c.excess_kw, c.feeder) for c in plan.cap_soft] == [(0, 2.0, "F")]
    assert plan.power_kw[0, 0] == 0


def test_a_day_on_ten_feeders() -> None:
    rng = np.random.default_rng(0)
    count, slots = 200, 96
    arrive = rng.integers(0, 80, count)
    depart = np.minimum(arrive + rng.integers(4, 50, count), slots)
    power = rng.choice([3700.0, 7000.0, 11000.0], count)
    energy = rng.uniform(0.1, 0.8, count) * power * (depart - arrive) * 0.25
    of = rng.integers(-1, 10, count)
    cap = np.full((10, slots), np.inf)
    cap[::2] = 0.5 * energy.sum() / 24 / 10 * 2
    parent = np.array([-1, 0, 0, -1, 3, 3, -1, 6, 7, 8])
    base = 1000.0 * count * (1 + 0.5 * np.sin(np.arange(slots) / slots * 2 * np.pi))
    plan = valley.fill(base, energy, power, arrive, depart, np.full(slots, base.max() * 1.5), 0.25,
                       feeders=valley.Feeders(cap, of, parent))  # fmt: skip
    assert -1e-9 <= plan.gap <= 1e-6
    flow = np.zeros((10, slots))
    np.add.at(flow, of[of >= 0], plan.power_w[of >= 0])
    for feeder in range(9, -1, -1):
        if parent[feeder] >= 0:
            flow[parent[feeder]] += flow[feeder]
    assert (flow <= cap * (1 + 1e-12)).all()


@pytest.mark.parametrize(
    ("feeders", "words"),
    [
        ((Feeder("", [1.0]),), "id of its own"),
        ((Feeder("a", [1.0]), Feeder("a", [1.0])), "id of its own"),
        ((Feeder("a", [1.0], parent="b"),), "unknown"),
        ((Feeder("a", [1.0], parent="b"), Feeder("b", [1.0], parent="a")), "below it"),
        ((Feeder("a", [1.0, 2.0]),), "2 values for 1 slots"),
        ((Feeder("a", [1.0], base_load_kw=[1.0, 2.0]),), "2 values for 1 slots"),
    ],
)
def test_what_is_no_tree_is_refused(feeders: tuple[Feeder, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Problem(1.0, [1.0], [2.0], (), feeders=feeders)


def test_a_session_on_an_unknown_feeder_is_refused() -> None:
    with pytest.raises(ValueError, match="no feeder nowhere"):
        Problem(1.0, [1.0], [2.0], (EvSession("a", 0, 1, 1.0, 1.0, feeder="nowhere"),))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (valley.Feeders([1.0], [0]), "feeders.cap_w"),
        (valley.Feeders([[1.0, 1.0]], [1]), "feeders.of"),
        (valley.Feeders([[1.0, 1.0]], [0, 0]), "feeders.of"),
        (valley.Feeders([[1.0, 1.0]], [0], [0]), "feeders.parent"),
        (valley.Feeders([[1.0, -1.0]], [0]), "feeders.cap_w"),
    ],
)
def test_nonsense_about_feeders_is_refused_by_name(given: valley.Feeders, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        valley.fill([1.0, 1.0], [1.0], [1.0], [0], [2], [9.0, 9.0], 1.0, feeders=given)
