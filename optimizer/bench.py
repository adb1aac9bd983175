"""How fast the optimiser is on this machine: seeded days of many cars, and many sites at once.

Wall seconds, the best of some runs, from plain arrays to the plan with its proof. The same days stand in
`benchmarks/optimizer.py`, there beside other solvers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optimizer import valley
from optimizer.examples import day
from optimizer.pool import Pool
from optimizer.problem import EvSession, Problem

CARS = (100, 1_000, 10_000)
CARS_MAX = 1_000_000
SECONDS_PER_SIZE = 0.5
"""A size is run again until so much time has gone."""
SITES, SITE_CARS = 20, 1_000


@dataclass(frozen=True, slots=True)
class Timing:
    """One size of fleet: seconds, the proof, and what was over a cap (kW, 0 in every correct plan)."""

    cars: int
    method: str
    seconds: float
    gap: float
    rounds: int
    over_cap_kw: float
    served_kwh: float
    unserved_kwh: float


@dataclass(frozen=True, slots=True)
class PoolTiming:
    """Many sites in one process and in the pool; `same`: whether both gave the same plans to the last bit."""

    sites: int
    cars: int
    processes: int
    seconds_here: float
    seconds_pool: float
    same: bool
    lost: tuple[str, ...]


def timings(cars: Sequence[int]) -> Iterator[Timing]:
    """One after the other, as they are done."""
    for count in cars:
        yield timing(count)


def timing(count: int) -> Timing:
    """A day of so many cars."""
    case = day(count)
    seconds, plan = _best(case)
    load = plan.power_w.sum(axis=0) + case["base_load_w"]
    return Timing(
        cars=count,
        method=plan.method,
        seconds=seconds,
        gap=plan.gap,
        rounds=plan.rounds,
        over_cap_kw=max(float(np.max(load - case["cap_w"])), 0.0) / 1000,
        served_kwh=float(plan.power_w.sum()) * case["slot_h"] / 1000,
        unserved_kwh=float(plan.unserved_wh.sum()) / 1000,
    )


def _best(case: dict[str, Any]) -> tuple[float, valley.Filled]:
    began = time.perf_counter()
    best, plan = np.inf, None
    while plan is None or time.perf_counter() - began < SECONDS_PER_SIZE:
        start = time.perf_counter()
        plan = valley.fill(**case)
        best = min(best, time.perf_counter() - start)
    return best, plan


def many_sites(processes: int, sites: int = SITES, cars: int = SITE_CARS) -> PoolTiming:
    """Sites of so many cars each, one after the other here and then in the pool."""
    problems = [site_problem(cars, seed) for seed in range(sites)]
    lost: list[str] = []
    with Pool.here_or_there(processes, lambda place, reason: lost.append(f"{place}: {reason}")) as pool:
        pool.begin()
        began = time.perf_counter()
        there = pool.solve(problems)
        seconds_pool = time.perf_counter() - began
    began = time.perf_counter()
    here = Pool().solve(problems)
    seconds_here = time.perf_counter() - began
    same = all(a.power_kw.tobytes() == b.power_kw.tobytes() for a, b in zip(here, there, strict=True))
    return PoolTiming(sites, cars, processes, seconds_here, seconds_pool, same, tuple(lost))


def site_problem(cars: int, seed: int) -> Problem:
    """The day as a problem."""
    case = day(cars, seed)
    columns = (case["arrive"], case["depart"], case["power_max_w"] / 1000, case["energy_wh"] / 1000)
    sessions = tuple(
        EvSession(f"{n}", int(arrive), int(depart), float(power), float(energy))
        for n, (arrive, depart, power, energy) in enumerate(zip(*columns, strict=True))
    )
    return Problem(case["slot_h"], case["base_load_w"] / 1000, case["cap_w"] / 1000, sessions)
