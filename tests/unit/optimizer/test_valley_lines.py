"""Valley filling with plain arrays where currents are limited: by hand, beside the same problem of sessions, and
against cvxpy with Clarabel, which knows amperes only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from optimizer import Conductors, EvSession, Feeder, Problem, solve
from optimizer.valley import Feeders, Filled, fill

VOLT = 230.0
KINDS = ("1", "2", "3", "12", "23", "123")


def ampere(power_w: np.ndarray, lines: list[str]) -> np.ndarray:
    """On the three conductors [3, T]."""
    on = np.array([[(line in own) / len(own) for own in lines] for line in "123"])
    return on @ power_w / VOLT


def hall(count: int = 40, slots: int = 24, seed: int = 0) -> tuple[dict[str, Any], list[str], Feeders]:
    """Cars on all kinds of connections in two halls of 60 A, 15 A apart, behind 110 A, 25 A apart."""
    rng = np.random.default_rng(seed)
    arrive = rng.integers(0, slots - 6, count)
    depart = np.minimum(arrive + rng.integers(4, 12, count), slots)
    lines = [str(kind) for kind in rng.choice(KINDS, count)]
    power = np.array([3680.0 * len(kind) for kind in lines])
    given: dict[str, Any] = {
        "base_load_w": 9000.0 + 4000.0 * np.sin(np.arange(slots) / 4),
        "energy_wh": rng.uniform(0.1, 0.4, count) * power * (depart - arrive) * 0.5,
        "power_max_w": power, "arrive": arrive, "depart": depart,
        "cap_w": np.full(slots, 90_000.0), "slot_h": 0.5,
    }  # fmt: skip
    halls = Conductors(cap_a=60.0, unbalance_a=15.0)
    feeders = Feeders(np.full((2, slots), np.inf), rng.integers(0, 2, count), conductors=(halls, halls))
    return given, lines, feeders


def kept(given: dict[str, Any], lines: list[str], feeders: Feeders, plan: Filled) -> None:
    """Every limit, from the powers alone."""
    own = np.asarray(feeders.of)
    base = given["base_load_w"] / (3 * VOLT)
    places = [(np.ones(len(lines), dtype=bool), 110.0, 25.0, base), *((own == n, 60.0, 15.0, 0.0) for n in (0, 1))]
    for inside, cap, apart, carried in places:
        on = ampere(plan.power_w * inside[:, None], lines) + carried
        assert on.max() <= cap * (1 + 1e-9)
        assert (on.max(axis=0) - on.min(axis=0)).max() <= apart * (1 + 1e-9)


def test_a_line_carries_its_own_cars() -> None:
    """10 A on a conductor are 2.3 kW of a car on one phase, 6.9 kW on three."""
    plan = fill([0, 0], [9200, 4600], [7000, 7000], [0, 0], [2, 2], [np.inf] * 2, 1.0, conductors=Conductors(10.0),
                lines=["1", "2"])  # fmt: skip
    np.testing.assert_allclose(plan.power_w, 2300.0, atol=0.1)
    np.testing.assert_allclose(plan.unserved_wh, [4600.0, 0.0], atol=0.2)
    assert -1e-9 <= plan.gap <= 1e-6
    even = fill([0, 0], [99e3], [99e3], [0], [2], [np.inf] * 2, 1.0, conductors=Conductors(10.0))
    np.testing.assert_allclose(even.power_w, 6900.0, rtol=1e-6)


def test_halls_behind_a_transformer_as_the_problem_of_sessions() -> None:
    given, lines, feeders = hall()
    plan = fill(**given, conductors=Conductors(110.0, 25.0), lines=lines, feeders=feeders)
    kept(given, lines, feeders, plan)
    assert -1e-9 <= plan.gap <= 1e-6
    halls = tuple(
        Feeder(str(n), [np.inf] * 24, conductors=Conductors(60.0, 15.0))
        for n in (0, 1)  # type: ignore[arg-type]
    )
    sessions = tuple(
        EvSession(str(n), int(a), int(d), float(p) / 1000, float(e) / 1000, feeder=str(f), lines=line)
        for n, (a, d, p, e, f, line) in enumerate(
            zip(given["arrive"], given["depart"], given["power_max_w"], given["energy_wh"], feeders.of, lines,
                strict=True)  # type: ignore[arg-type]
        )
    )  # fmt: skip
    same = solve(
        Problem(0.5, given["base_load_w"] / 1000, given["cap_w"] / 1000, sessions, feeders=halls,
                conductors=Conductors(110.0, 25.0))
    )  # fmt: skip
    assert plan.objective == pytest.approx(same.objective, rel=2e-6)


def test_the_trusted_solver_agrees() -> None:
    cp = pytest.importorskip("cvxpy")
    given, lines, feeders = hall(seed=3)
    plan = fill(**given, conductors=Conductors(110.0, 25.0), lines=lines, feeders=feeders)
    assert plan.unserved_wh.max() < 1.0, "the instance binds but serves everybody"
    slots, own = 24, np.asarray(feeders.of)
    slot = np.arange(slots)
    here = (slot >= given["arrive"][:, None]) & (slot < given["depart"][:, None])
    power = cp.Variable(here.shape, nonneg=True)  # kW
    rules = [power <= here * given["power_max_w"][:, None] / 1000]
    rules += [cp.sum(power, axis=1) * 0.5 == given["energy_wh"] / 1000]
    load = given["base_load_w"] / 1000 + cp.sum(power, axis=0)
    rules += [load <= given["cap_w"] / 1000]
    on = np.array([[(line in kind) / len(kind) for kind in lines] for line in "123"]) * 1000 / VOLT
    base = given["base_load_w"] / (3 * VOLT)
    for inside, cap, apart, carried in ((own >= 0, 110, 25, base), (own == 0, 60, 15, 0), (own == 1, 60, 15, 0)):
        lines_a = [(on[n] * inside) @ power + carried for n in range(3)]
        rules += [one <= cap for one in lines_a]
        rules += [one - other <= apart for one in lines_a for other in lines_a if one is not other]
    best = cp.Problem(cp.Minimize(0.5 * cp.sum_squares(load * 0.5)), rules)
    best.solve(solver=cp.CLARABEL)
    assert plan.objective == pytest.approx(best.value, rel=2e-6)


def test_classes_and_what_makes_no_sense() -> None:
    plan = fill([0], [4600, 4600], [9e3, 9e3], [0, 0], [1, 1], [np.inf], 1.0, conductors=Conductors(20.0),
                lines=["1", "1"], priority=[0, 1])  # fmt: skip
    np.testing.assert_allclose(plan.power_w[:, 0], [0.0, 4600.0], atol=0.1)
    with pytest.raises(ValueError, match="lines"):
        fill([0], [1], [1], [0], [1], [9], 1.0, conductors=Conductors(20.0), lines=["4"])
    with pytest.raises(ValueError, match=r"feeders\.conductors"):
        fill([0], [1], [1], [0], [1], [9], 1.0, feeders=Feeders([[9.0]], [0], conductors=(None, None)))
    with pytest.raises(ValueError, match="cap_a"):
        fill([0], [1], [1], [0], [1], [9], 1.0, conductors=Conductors([[1.0, 2.0]] * 3))
