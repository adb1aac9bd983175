"""Tasks for pools: their processes import them by name."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import numpy as np

from optimizer import EvSession, Plan, Problem, solve


def problems(count: int, deadly: int = -1) -> list[Problem]:
    """Sites of a few cars with a cap that binds; one of the cars of number `deadly` is called so."""
    rng = np.random.default_rng(7)
    found = []
    for number in range(count):
        names = [f"car-{n}" for n in range(3)] + ["deadly" if number == deadly else "last"]
        arrive = rng.integers(0, 12, 4)
        sessions = tuple(
            EvSession(name, int(a), 24, 11.0, float(rng.uniform(5, 40))) for name, a in zip(names, arrive, strict=True)
        )
        found.append(Problem(1.0, 10 + 10 * rng.random(24), np.full(24, 30.0), sessions))
    return found


def same(plans: list[Plan], others: list[Plan]) -> bool:
    """To the last bit."""
    return all(
        a.power_kw.tobytes() == b.power_kw.tobytes() and a.lower_bound == b.lower_bound
        for a, b in zip(plans, others, strict=True)
    )


def process_id(_: object) -> int:
    """Who works."""
    return os.getpid()


def refuse(question: int) -> int:
    """Raises for odd ones."""
    if question % 2:
        raise LookupError(f"{question} is odd")
    return question


def elsewhere() -> bool:
    """Whether this is a process of a pool."""
    return multiprocessing.parent_process() is not None


def solve_or_die(problem: Problem) -> Plan:
    """Kills its process, if that is one of a pool, when a car of the problem is called deadly."""
    if elsewhere() and any(session.id == "deadly" for session in problem.sessions):
        os.kill(os.getpid(), signal.SIGKILL)
    return solve(problem)


def hang_elsewhere(question: int) -> int:
    """Answers only here."""
    if elsewhere():
        time.sleep(60.0)
    return question
