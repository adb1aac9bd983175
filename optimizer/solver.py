"""Which method solves which instance, and the plan that comes out, with its proof.

`solve_instance` works on arrays; `solve` is the same for a `Problem` of sessions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from optimizer import interior_point, levels, phased
from optimizer.aggregate import Aggregate
from optimizer.arrays import FloatArray, IntArray
from optimizer.certificate import lower_bound, relative_gap
from optimizer.demand import Demand
from optimizer.instance import Instance, default_price, price_scale, usable_room
from optimizer.polyline import without_jumps
from optimizer.problem import CapSoft, Plan, Problem, Shortfall
from optimizer.repair import keep_caps
from optimizer.slot_cost import Scaled

MethodName: TypeAlias = Literal["levels", "interior point"]

LEVELS_FROM, LEVELS_SLOTS, LEVELS_GROWTH = 4000, 96, 1.5
"""The method of levels is the faster one from so many cars on at so many slots, measured; the number grows with the
slots to this power. Below, and for feeders, the interior point.
"""
GAP_TARGET = 1e-6
COMPLEMENTARITY = (2e-6, 1e-7)
"""Where the interior point stops at first, and where when the gap is not good enough then."""
SHORTFALL_MIN = 1e-4
"""Missing energy below this part of a session's wish is rounding, not a shortfall."""


@dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """A feasible table of energy per car and slot [N, T] (kWh), prices per node and slot [K, T], and the proof."""

    energy: FloatArray
    price: FloatArray
    method: str
    rounds: int
    objective: float
    lower_bound: float
    gap: float


def solve_instance(instance: Instance, method: MethodName | None = None) -> Answer:
    """The best plan, by the method that suits it or the one asked for; when that misses, by the other one too."""
    first = method or suited(instance)
    can = instance.nodes == 1 and instance.bend is None
    answer = METHODS[first](instance)
    if method is None and answer.gap > GAP_TARGET and can:
        other = METHODS["interior point" if first == "levels" else "levels"](instance)
        answer = other if other.gap < answer.gap else answer
    return answer


def suited(instance: Instance) -> MethodName:
    """Levels for many cars under one cap, unless the price jumps within reach.

    Slots that stand at a jump have prices of their own, so the search for blocks of equal price hardly ends there; the
    interior point does not mind.
    """
    many = len(instance.rate) >= LEVELS_FROM * (instance.slots / LEVELS_SLOTS) ** LEVELS_GROWTH
    alone = instance.nodes == 1 and instance.bend is None
    return "levels" if many and alone and not _jumps(instance) else "interior point"


def _jumps(instance: Instance) -> bool:
    """Whether the price of a slot jumps between its base load and the most that it can get."""
    _, jumps = without_jumps(instance.cost)
    first = instance.base[jumps.slot]
    last = first + np.minimum(instance.room[0], instance.most[0])[jumps.slot]
    return bool(((jumps.at > first) & (jumps.at < last)).any())


def by_interior_point(instance: Instance) -> Answer:
    """For a tree of caps, and the fastest for few cars (`optimizer.interior_point`)."""
    for aim in COMPLEMENTARITY:
        answer = _proven(instance, *interior_point.solve(instance, aim), method="interior point")
        if answer.gap <= GAP_TARGET:
            break
    return answer


def by_levels(instance: Instance) -> Answer:
    """Exact for one cap, whatever the number of cars (`optimizer.levels`)."""
    if instance.nodes > 1 or instance.bend is not None:
        raise ValueError("the method of levels knows one node and constant prices of unserved energy only")
    if not instance.energy.any():
        return _idle(instance)
    most, room, money = instance.most[0], usable_room(instance), price_scale(instance)
    unit = float(np.max(most, initial=0.0)) or 1.0
    fleet = _aggregate(instance, unit, None)
    reach = np.minimum(room[0], most) / unit
    demand = Demand(Scaled(instance.cost, unit, money), instance.base / unit, reach, np.zeros(0), np.zeros(0))
    found = levels.fill(fleet.windows, demand)
    if found.short:
        dear, classes = np.unique(instance.unserved, return_inverse=True)
        fleet = _aggregate(instance, unit, classes)
        demand = Demand(demand.cost, demand.base, reach, dear / money, fleet.windows.left)
        found = levels.fill(fleet.windows, demand)
    if not found.settled:
        return by_interior_point(instance)
    energy = np.zeros((len(instance.rate), instance.slots))
    fleet.share(found.mixtures, energy, unit)
    return _proven(instance, energy, found.price[None, : instance.slots] * money, found.rounds, method="levels")


METHODS: dict[MethodName, Callable[[Instance], Answer]] = {"levels": by_levels, "interior point": by_interior_point}


def _aggregate(instance: Instance, unit: float, classes: IntArray | None) -> Aggregate:
    return Aggregate(
        instance.slots, instance.arrive, instance.depart, instance.rate / unit, instance.energy / unit, classes
    )


def _idle(instance: Instance) -> Answer:
    """Nobody wants anything."""
    nothing = np.zeros((len(instance.rate), instance.slots))
    return _proven(instance, nothing, default_price(instance, usable_room(instance)), 0, method="closed form")


def _proven(instance: Instance, energy: FloatArray, price: FloatArray, rounds: int, method: str) -> Answer:
    served = instance.served(energy)
    objective, bound = instance.objective(energy.sum(axis=0), served), lower_bound(instance, price, served)
    return Answer(energy, price, method, rounds, objective, bound, relative_gap(objective, bound))


def solve(problem: Problem) -> Plan:
    """The plan of least cost, with a certified relative gap (aim 1e-6). Never raises for a valid problem, never
    exceeds a cap.
    """
    if problem.wired:
        return phased.solve(problem)
    instance = problem.instance()
    answer = solve_instance(instance)
    power = answer.energy
    power /= problem.slot_h
    np.minimum(power, np.array([s.power_max_kw for s in problem.sessions])[:, None], out=power)
    keep_caps(instance, power, problem.caps_kw(), problem.base_loads_kw())
    charging, served = power.sum(axis=0) * problem.slot_h, power.sum(axis=1) * problem.slot_h
    objective = instance.objective(charging, served)
    return Plan(
        power_kw=power,
        served_kwh=served,
        objective=objective,
        lower_bound=answer.lower_bound,
        gap=relative_gap(objective, answer.lower_bound),
        slot_price=answer.price[0],
        cap_price=np.maximum(answer.price[0] - instance.cost.price(instance.base + charging), 0.0),
        feeder_price=answer.price[1:],
        shortfalls=_shortfalls(problem, instance, served, answer.price),
        cap_soft=_soft_caps(problem),
        method=answer.method,
        iterations=answer.rounds,
    )


def _shortfalls(problem: Problem, instance: Instance, served: FloatArray, price: FloatArray) -> tuple[Shortfall, ...]:
    found, ids = [], problem.node_ids()
    blame = blamed(instance, served, price)
    for i, session in enumerate(problem.sessions):
        clipped = session.energy_kwh - float(instance.energy[i])
        missing = float(instance.energy[i] - served[i])
        if clipped > SHORTFALL_MIN * session.energy_kwh:
            found.append(Shortfall(session.id, clipped, "window too short"))
        if missing > SHORTFALL_MIN * session.energy_kwh:
            feeder = ids[blame[i]]
            found.append(Shortfall(session.id, missing, "feeder cap" if feeder else "site cap", feeder))
    return tuple(found)


def _soft_caps(problem: Problem) -> tuple[CapSoft, ...]:
    excess = problem.base_loads_kw() - problem.caps_kw()
    return tuple(
        CapSoft(int(slot), float(excess[node, slot]), problem.node_ids()[node])
        for node, slot in np.argwhere(excess > 0)
    )


def blamed(instance: Instance, served: FloatArray, price: FloatArray) -> IntArray:
    """For every car the node whose cap made its window dearest (0 the site, also for cars that lack nothing)."""
    own = price.copy()
    own[0] -= instance.cost.price(instance.base)
    own[1:] -= price[instance.parent[1:]]
    total = np.concatenate([np.zeros((instance.nodes, 1)), np.cumsum(np.maximum(own, 0.0), axis=1)], axis=1)
    guilt = np.zeros(len(served), dtype=np.int64)
    for car in np.flatnonzero(served < instance.energy * (1.0 - SHORTFALL_MIN)):
        path = instance.path(int(instance.node[car]))
        guilt[car] = path[np.argmax(total[path, instance.depart[car]] - total[path, instance.arrive[car]])]
    return guilt
