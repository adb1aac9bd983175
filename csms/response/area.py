"""What an area can do for the grid: the potential of its sites together, from cars that are there and to come. Pure.

What is promised counts the cars that are there alone; what cars to come would add is told beside it, never promised.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from optimizer.incentive import Design, Response, best_incentive
from optimizer.problem import Problem
from optimizer.response import Potential, of_area, potential
from optimizer.solver import solve


@dataclass(frozen=True, slots=True)
class SitePotential:
    """Of one site: how far load can fall or rise through the event with the cars that are there, and how far it could
    fall with those expected.
    """

    site: str
    cars: int
    expected: int
    down: Potential
    up: Potential
    down_expected: Potential


@dataclass(frozen=True, slots=True)
class AreaPotential:
    """Sites together: changes add up."""

    sites: tuple[SitePotential, ...]
    down: Potential
    up: Potential
    down_expected: Potential


def site_potential(
    site: str,
    problem: Problem,
    expected: frozenset[str],
    first: int,
    slots: int,
    notice: int,
    floors_kw: float = 0.0,
) -> SitePotential:
    """Potential of `slots` slots from `first` on, told `notice` slots before; `expected`: ids of sessions to come;
    `floors_kw`: what stations may draw whatever is ordered, below which nothing is promised.

    Raises ValueError for an event that the plan does not reach.
    """
    if not 0 <= first < first + slots <= problem.slots:
        raise ValueError(
            f"the plan of {site} has {problem.slots} slots, the event needs those from {first} to {first + slots}"
        )
    there = replace(problem, sessions=tuple(one for one in problem.sessions if one.id not in expected))
    down, up = (_potential(there, first, slots, notice, up, floors_kw) for up in (False, True))
    more = (
        _potential(problem, first, slots, notice, False, floors_kw)
        if len(there.sessions) < len(problem.sessions)
        else down
    )
    return SitePotential(site, len(there.sessions), len(problem.sessions) - len(there.sessions), down, up, more)


def area_potential(sites: Iterable[SitePotential]) -> AreaPotential:
    """All of them."""
    each = tuple(sites)
    return AreaPotential(
        each,
        of_area(one.down for one in each),
        of_area(one.up for one in each),
        of_area(one.down_expected for one in each),
    )


def driver_offer(area: AreaPotential, reward: float, spread: float, response: Response) -> Design:
    """What to offer drivers for each kWh that they let wait, when the grid pays `reward` for it."""
    return best_incentive(area.down.energy_kwh, reward, spread, response)


def _potential(problem: Problem, first: int, slots: int, notice: int, up: bool, floors_kw: float) -> Potential:
    if not problem.sessions:
        return Potential(0.0, 0.0)
    plan_kw = solve(problem).power_kw
    found = potential(problem, plan_kw, first, slots, notice, "up" if up else "down", exact=False)
    if up:
        return found
    above_kw = np.maximum(plan_kw.sum(axis=0)[first : first + slots] - floors_kw, 0.0)
    return Potential(
        min(found.sustained_kw, float(above_kw.min())),
        min(found.energy_kwh, float(above_kw.sum()) * problem.slot_h),
    )
