"""From a nearly feasible power table to a plan: cut what exceeds a limit, give back what is missing, add the
certificate.

The order matters: box, then each session's energy, then the cap (all three only reduce), then missing energy is
spread over the slots that are neither empty nor full, and the rest goes to the cheapest slots that have room. So
every plan that leaves here keeps every limit.
"""

from __future__ import annotations

import numpy as np

from optimizer.certificate import lower_bound, relative_gap
from optimizer.objective import Quantities, marginal_cost, plan_objective, quantities, unserved_price, usable_room
from optimizer.problem import CapSoft, FloatArray, Plan, Problem, Shortfall

SPREAD_ROUNDS = 3
# Missing energy below this part of a session's wish is rounding, not a shortfall.
SHORTFALL_MIN = 1e-4
MISSING_MIN = 1e-13


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """part / whole where whole is above part, else 1."""
    return np.divide(part, whole, out=np.ones_like(whole), where=whole > part)


def _cut(q: Quantities, room: FloatArray, energy: FloatArray) -> FloatArray:
    energy = np.where(q.window, np.clip(np.nan_to_num(energy), 0.0, q.rate[:, None]), 0.0)
    energy = energy * _ratio(q.energy, energy.sum(axis=1))[:, None]
    return np.asarray(energy * _ratio(room, energy.sum(axis=0)), dtype=np.float64)


def _spread(q: Quantities, room: FloatArray, energy: FloatArray) -> FloatArray:
    """Adds missing energy over the slots where a session is strictly between 0 and its limit."""
    for _ in range(SPREAD_ROUNDS):
        missing = np.maximum(q.energy - energy.sum(axis=1), 0.0)
        space = np.minimum(energy, q.rate[:, None] - energy)
        share = np.divide(missing, space.sum(axis=1), out=np.zeros_like(missing), where=space.sum(axis=1) > 0)
        added = space * np.minimum(share, 1.0)[:, None]
        left = np.maximum(room - energy.sum(axis=0), 0.0)
        energy = energy + added * _ratio(left, added.sum(axis=0))
    return energy


def _top_up(
    q: Quantities, room: FloatArray, energy: FloatArray, slot_price: FloatArray, order: FloatArray
) -> FloatArray:
    """Gives each session what it still misses in its cheapest slots with room; dearest unserved price first."""
    missing = np.maximum(q.energy - energy.sum(axis=1), 0.0)
    left = np.maximum(room - energy.sum(axis=0), 0.0)
    for i in np.argsort(-order, kind="stable"):
        if missing[i] <= MISSING_MIN * q.energy[i]:
            continue
        slots = np.flatnonzero(q.window[i])
        slots = slots[np.argsort(slot_price[slots], kind="stable")]
        space = np.minimum(np.maximum(q.rate[i] - energy[i, slots], 0.0), left[slots])
        given = np.clip(missing[i] - (np.cumsum(space) - space), 0.0, space)
        energy[i, slots] += given
        left[slots] -= given
    return energy


def _power(problem: Problem, q: Quantities, energy: FloatArray) -> FloatArray:
    """kW, with a last look at the sums as a reader will form them."""
    limit = np.array([s.power_max_kw for s in problem.sessions])[:, None]
    power: FloatArray = np.minimum(energy / problem.slot_h, limit)
    shrink = 1.0
    while (over := (problem.load_kw(power) > problem.cap_kw) & power.any(axis=0)).any():
        shrink = 1.0 - 1e-12 if shrink == 1.0 else max(0.0, 1.0 - 8.0 * (1.0 - shrink))
        power = np.where(over, power * shrink, power)
    return power


def _shortfalls(problem: Problem, q: Quantities, served: FloatArray) -> tuple[Shortfall, ...]:
    found: list[Shortfall] = []
    for i, session in enumerate(problem.sessions):
        noise = SHORTFALL_MIN * q.wanted[i]
        clipped, missing = float(q.wanted[i] - q.energy[i]), float(q.energy[i] - served[i])
        if clipped > noise:
            found.append(Shortfall(session.id, clipped, "window too short"))
        if missing > noise:
            found.append(Shortfall(session.id, missing, "site cap"))
    return tuple(found)


def _soft_caps(problem: Problem) -> tuple[CapSoft, ...]:
    excess = problem.base_load_kw - problem.cap_kw
    return tuple(CapSoft(int(t), float(excess[t])) for t in np.flatnonzero(excess > 0))


def finish(problem: Problem, energy: FloatArray, slot_price: FloatArray, method: str, iterations: int) -> Plan:
    """A plan from a power table `energy` [N, T] (kWh per slot) that may miss the limits, and the prices that prove
    it.
    """
    q = quantities(problem)
    room, unserved = usable_room(problem, q), unserved_price(problem)
    energy = _spread(q, room, _cut(q, room, energy))
    energy = _cut(q, room, _top_up(q, room, energy, slot_price, unserved))
    power = _power(problem, q, energy)
    objective, bound = plan_objective(problem, power), lower_bound(problem, slot_price)
    served = power.sum(axis=1) * problem.slot_h
    return Plan(
        power_kw=power,
        served_kwh=served,
        objective=objective,
        lower_bound=bound,
        gap=relative_gap(objective, bound),
        slot_price=slot_price,
        cap_price=np.maximum(slot_price - marginal_cost(q, power.sum(axis=0) * problem.slot_h), 0.0),
        shortfalls=_shortfalls(problem, q, served),
        cap_soft=_soft_caps(problem),
        method=method,
        iterations=iterations,
    )
