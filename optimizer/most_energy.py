"""What to give now when energy is short and nobody knows who comes next: the most energy, by a rule where it can be.

Least laxity first never leaves a cap unused while somebody wants something, and treats newcomers well because it keeps
those who can wait. It is followed as long as it provably costs the known cars next to nothing: what it would serve
until the last one leaves is compared with the best plan (`optimizer.deliverable`). Where it would lose, as on three
phases with cars that have to be picked to balance them, the best plan that is early is followed, and what it leaves
goes by the rule again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.deliverable import Deliverable, deliverable
from optimizer.problem import Problem
from optimizer.yardsticks import laxity, run, scene

LOSES = 1e-2
"""So much of what known cars can get the rule may lose: cars that are still to come will use what is left idle."""


@dataclass(frozen=True, eq=False, slots=True)
class Shares:
    """`power_kw` [N] for the first slot; the plan behind it, None where the rule is good enough; what the rule loses
    (kWh).
    """

    power_kw: FloatArray
    plan: Deliverable | None
    lost_kwh: float


def share_now(problem: Problem) -> Shares:
    """Power of every car in slot 0, all limits kept."""
    site, rate = scene(problem), _rates(problem)
    if not len(rate):
        return Shares(np.zeros(0), None, 0.0)
    by_laxity = run(site, rate, "least laxity")
    best = deliverable(problem, soon=True)
    lost = max(best.energy_kwh - float(by_laxity.sum()), 0.0)
    if lost <= LOSES * best.energy_kwh:
        return Shares(by_laxity[:, 0] / problem.slot_h, None, lost)
    return Shares(least_laxity_now(problem, best.power_kw[:, 0]), best, lost)


def least_laxity_now(problem: Problem, planned_kw: FloatArray | None = None) -> FloatArray:
    """Power [N] in slot 0 by the rule, of what `planned_kw` [N] leaves if that is given."""
    site, rate = scene(problem), _rates(problem)
    instance, room = site.instance, site.room.copy()
    wish = np.where(instance.arrive == 0, np.minimum(rate, instance.energy), 0.0)
    order = np.argsort(laxity(instance, 0, instance.energy), kind="stable")
    first = np.zeros_like(wish)
    if planned_kw is not None:
        first = np.minimum(planned_kw * problem.slot_h, wish)
        own = site.own(first)
        first *= site.limits.shares(room[:, :1], own)[site.group, 0]
        room[:, 0] = np.maximum(room[:, 0] - site.limits.flow(site.own(first))[:, 0], 0.0)
    return (first + site.in_order(0, wish - first, order, room)) / problem.slot_h


def _rates(problem: Problem) -> FloatArray:
    return np.array([s.power_max_kw for s in problem.sessions]) * problem.slot_h
