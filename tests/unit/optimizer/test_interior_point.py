"""Plans known by hand, and problems that break solvers: no room, ties, one slot, nothing to do."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer import EvSession, Plan, Problem, Solver, check_plan, interior_point, solve

FREE = np.inf


def proven(problem: Problem) -> Plan:
    """The plan, after an independent look at it."""
    plan = solve(problem)
    check = check_plan(problem, plan)
    assert max(check.cap_excess_kw, check.box_excess_kw, check.outside_window_kw) == 0
    wanted = [s.energy_kwh for s in problem.sessions]
    assert check.energy_excess_kwh <= 1e-9 * max([1.0, *wanted])
    assert -1e-9 <= check.gap <= 1e-4
    assert np.all(plan.cap_price >= 0)
    return plan


def test_vector_3_one_session_fills_the_valley() -> None:
    plan = proven(Problem(1.0, [5, 1, 3], [FREE] * 3, (EvSession("a", 0, 3, 2.0, 3.0),)))
    np.testing.assert_allclose(plan.power_kw, [[0, 2, 1]], atol=1e-6)
    assert plan.objective == pytest.approx(25.0, rel=1e-6)
    assert plan.gap == pytest.approx(0.0, abs=1e-6)
    assert plan.served_kwh[0] == pytest.approx(3.0, rel=1e-12)


def test_vector_4_two_windows_share() -> None:
    sessions = (EvSession("A", 0, 2, 2.0, 2.0), EvSession("B", 1, 2, 2.0, 1.0))
    plan = proven(Problem(1.0, [1, 1], [FREE] * 2, sessions))
    np.testing.assert_allclose(plan.power_kw, [[1.5, 0.5], [0, 1]], atol=1e-6)


def test_vector_8_equal_sessions_get_equal_rows() -> None:
    sessions = tuple(EvSession(name, 1, 5, 3.7, 6.0) for name in "ab")
    plan = proven(Problem(0.5, [9, 3, 4, 1, 2, 8], [8.0] * 6, sessions))
    np.testing.assert_allclose(plan.power_kw[0], plan.power_kw[1], atol=1e-6)


def test_a_binding_cap_moves_energy_and_has_a_price() -> None:
    plan = proven(Problem(1.0, [0, 4], [2, 10], (EvSession("a", 0, 2, 5.0, 5.0),)))
    np.testing.assert_allclose(plan.power_kw, [[2, 3]], atol=1e-5)
    np.testing.assert_allclose(plan.slot_price, [7, 7], rtol=1e-4)
    np.testing.assert_allclose(plan.cap_price, [5, 0], atol=1e-3)
    assert plan.shortfalls == ()


def test_time_of_use_prices_alone() -> None:
    plan = proven(
        Problem(1.0, [1, 1, 1], [FREE] * 3, (EvSession("a", 0, 3, 2.0, 3.0),), weight=[0] * 3, price=[3, 1, 2])
    )
    np.testing.assert_allclose(plan.power_kw, [[0, 2, 1]], atol=1e-6)


def test_what_the_cap_does_not_allow_is_named() -> None:
    sessions = (EvSession("a", 0, 2, 5.0, 10.0), EvSession("b", 0, 2, 5.0, 4.0, priority=1))
    plan = proven(Problem(1.0, [1, 1], [4, 4], sessions))
    assert plan.served_kwh == pytest.approx([2.0, 4.0], rel=1e-5)
    (short,) = plan.shortfalls
    assert (short.session_id, short.reason) == ("a", "site cap")
    assert short.energy_kwh == pytest.approx(8.0, rel=1e-5)


def test_a_window_too_short_is_named_and_the_rest_served() -> None:
    plan = proven(Problem(0.25, [0, 0], [99, 99], (EvSession("a", 0, 2, 4.0, 3.0),)))
    assert plan.served_kwh[0] == pytest.approx(2.0)
    assert [(s.reason, s.energy_kwh) for s in plan.shortfalls] == [("window too short", pytest.approx(1.0))]


def test_base_load_above_the_cap_is_flagged_and_nobody_charges_there() -> None:
    plan = proven(Problem(1.0, [5, 1], [3, 3], (EvSession("a", 0, 2, 5.0, 4.0),)))
    assert [(c.slot, c.excess_kw) for c in plan.cap_soft] == [(0, 2.0)]
    assert plan.power_kw[0, 0] == 0
    assert plan.power_kw[0, 1] == pytest.approx(2.0, rel=1e-6)


def test_no_room_at_all() -> None:
    plan = proven(Problem(1.0, [3, 3], [3, 3], (EvSession("a", 0, 2, 5.0, 4.0),)))
    assert not plan.power_kw.any()
    assert plan.shortfalls[0].energy_kwh == 4.0


@pytest.mark.parametrize(
    "sessions",
    [
        (),
        (EvSession("a", 0, 1, 7.0, 0.0),),
        (EvSession("a", 0, 1, 0.0, 5.0),),
        (EvSession("a", 0, 1, 7.0, 7.0),),
        (EvSession("a", 0, 1, 7.0, 1e-9), EvSession("b", 0, 1, 1e5, 9e4)),
    ],
)
@pytest.mark.parametrize("cap", [FREE, 10.0, 2.0, 1.0, -1.0])
def test_one_slot(sessions: tuple[EvSession, ...], cap: float) -> None:
    plan = proven(Problem(1.0, [1.0], [cap], sessions))
    assert plan.power_kw.shape == (len(sessions), 1)


def test_ties_everywhere() -> None:
    sessions = tuple(EvSession(f"s{i}", 0, 96, 7.0, 7.0 * 24 if i % 2 else 7.0) for i in range(40))
    plan = proven(Problem(0.25, [100.0] * 96, [100.0 + 20 * 7.0 + 6.0] * 96, sessions))
    assert plan.shortfalls == ()


def test_very_different_scales() -> None:
    sessions = (
        EvSession("tiny", 0, 4, 1e-3, 2e-3),
        EvSession("huge", 1, 4, 5e4, 1e5),
        EvSession("car", 0, 3, 11.0, 20.0),
    )
    plan = proven(Problem(1.0, [1e5, 2e5, 0, 50], [FREE, 2.4e5, 6e4, 6e4], sessions))
    assert plan.shortfalls == ()


def test_full_power_all_the_stay_leaves_no_choice() -> None:
    plan = proven(Problem(0.25, [1] * 8, [50] * 8, (EvSession("a", 2, 6, 22.0, 22.0),)))
    np.testing.assert_allclose(plan.power_kw[0, 2:6], 22.0, rtol=1e-9)


def seeded_site(count: int, seed: int) -> Problem:
    """A day with a base-load hump and a cap event that bites."""
    rng = np.random.default_rng(seed)
    arrival = rng.integers(0, 80, count)
    stay = np.clip(rng.exponential(32, count), 1, 96 - arrival).astype(int)
    power = rng.choice([3.7, 7.0, 11.0, 22.0], count)
    energy = rng.uniform(0.1, 1.0, count) * power * stay * 0.25
    base = 1.5 * count * (1.2 + np.sin(np.arange(96) / 96 * 2 * np.pi))
    cap = np.full(96, 8.0 * count)
    cap[60:72] = 4.0 * count
    rows = zip(arrival, stay, power, energy, strict=True)
    sessions = tuple(EvSession(f"s{i}", int(a), int(a + n), float(p), float(e)) for i, (a, n, p, e) in enumerate(rows))
    return Problem(0.25, base, cap, sessions)


@pytest.mark.parametrize("count", [1, 24, 300])
def test_a_day_of_quarter_hours(count: int) -> None:
    plan = proven(seeded_site(count, seed=count))
    assert plan.gap <= 1e-6
    assert plan.method == "interior point"
    assert plan.iterations <= 40


def test_the_same_input_gives_the_same_plan() -> None:
    first, second = solve(seeded_site(24, 5)), solve(seeded_site(24, 5))
    np.testing.assert_array_equal(first.power_kw, second.power_kw)


@pytest.mark.parametrize("iterations", [0, 2, 5])
def test_a_stalled_method_still_ends_in_a_certified_plan(iterations: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interior_point, "ITERATIONS_MAX", iterations)
    plan = proven(seeded_site(12, seed=3))
    assert plan.method == "levels"


def test_any_function_from_problem_to_plan_is_a_solver() -> None:
    solver: Solver = solve
    assert solver(Problem(1.0, [1.0], [2.0], ())).gap == 0


def test_feeding_in_sites_have_negative_prices() -> None:
    plan = proven(Problem(1.0, [-500.0] * 3, [-400.0] * 3, (EvSession("a", 1, 3, 110.0, 50.0),), weight=[1e-4] * 3))
    assert plan.slot_price[1] < 0
    assert plan.method == "interior point"
    assert plan.served_kwh[0] == pytest.approx(50.0, rel=1e-9)
