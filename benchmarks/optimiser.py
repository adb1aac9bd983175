"""Solve times of the planner's problem: 96 quarter-hours, random sessions, a cap that binds in the evening."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from optimizer import EvSession, Problem, solve

SLOTS = 96
RUNS = 5


def run() -> dict[str, Any]:
    """CPU seconds (median of 5) and the certified gap for fleets of a site."""
    figures: dict[str, Any] = {}
    for sessions in (24, 100, 300):
        problem = _problem(sessions, seed=sessions)
        spent = []
        for _ in range(RUNS):
            began = time.process_time()
            plan = solve(problem)
            spent.append(time.process_time() - began)
        figures[f"{sessions} sessions, CPU s"] = statistics.median(spent)
        figures[f"{sessions} sessions, gap"] = float(plan.gap)
    return figures


def _problem(count: int, seed: int) -> Problem:
    """The same problem for the same seed; the cap leaves 1.15 times the energy asked for."""
    chance = np.random.default_rng(seed)
    sessions = []
    for number in range(count):
        arrival = int(chance.integers(0, 72))
        stay = int(np.clip(chance.normal(32, 12), 4, SLOTS - arrival))
        power_kw = float(chance.choice([3.7, 7.0, 11.0, 22.0]))
        energy_kwh = float(chance.uniform(0.1, 0.8)) * power_kw * stay * 0.25
        sessions.append(EvSession(f"ev{number}", arrival, arrival + stay, power_kw, energy_kwh))
    hours = np.arange(SLOTS) / 4
    base_kw = count * (1.0 + 0.6 * np.exp(-(((hours - 19) / 3) ** 2)))
    asked_kw = sum(session.energy_kwh for session in sessions) / 24
    cap_kw = base_kw.max() + 2.2 * asked_kw + np.zeros(SLOTS)
    cap_kw[68:80] = base_kw.max() + 1.2 * asked_kw
    return Problem(slot_h=0.25, base_load_kw=base_kw, cap_kw=cap_kw, sessions=tuple(sessions))
