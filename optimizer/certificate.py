"""How good a plan is, proved without trusting the solver that made it.

For any price per slot the sum of two independent minimisations, each slot's load by itself and each session's
cheapest slots by itself, is a lower bound on every feasible plan (Lagrange). A checker needs the problem, the plan
and its slot prices, nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.objective import Quantities, load_cost, plan_objective, quantities, unserved_price
from optimizer.problem import FloatArray, Plan, Problem


def _slot_bound(q: Quantities, slot_price: FloatArray) -> float:
    """Sum of min over 0 <= y <= room of f(base + y) − price·y."""
    slope = q.weight * q.base + q.price - slot_price
    at_zero = np.where(slope < 0, q.room, 0.0)
    bend = np.divide(-slope, q.weight, out=at_zero.copy(), where=q.weight > 0)
    charging = np.clip(bend, 0.0, q.room)
    return load_cost(q, charging) - float(slot_price @ charging)


def _session_bound(q: Quantities, slot_price: FloatArray, unserved: FloatArray) -> float:
    """Each session buys its energy in its cheapest slots, or leaves it unserved where that is cheaper."""
    if len(q.rate) == 0:
        return 0.0
    offers = np.minimum(np.where(q.window, slot_price, np.inf), unserved[:, None])
    offers.sort(axis=1)
    before = np.arange(offers.shape[1]) * q.rate[:, None]
    taken = np.clip(q.energy[:, None] - before, 0.0, q.rate[:, None])
    rest = np.maximum(q.energy - taken.sum(axis=1), 0.0)
    return float((taken * offers).sum() + rest @ unserved)


def lower_bound(problem: Problem, slot_price: FloatArray) -> float:
    """A value that no plan can go below, for any finite `slot_price` [T] (cost per kWh); ValueError if a price is not
    finite.
    """
    if slot_price.shape != (problem.slots,) or not np.isfinite(slot_price).all():
        raise ValueError(f"slot_price: {problem.slots} finite numbers expected")
    q = quantities(problem)
    return _slot_bound(q, slot_price) + _session_bound(q, slot_price, unserved_price(problem))


def relative_gap(objective: float, bound: float) -> float:
    """(objective − bound) / max(1, |objective|)."""
    return (objective - bound) / max(1.0, abs(objective))


@dataclass(frozen=True, slots=True)
class PlanCheck:
    """What an independent look at a plan finds; every excess is 0 in a correct plan (kW, kWh)."""

    cap_excess_kw: float
    box_excess_kw: float
    outside_window_kw: float
    energy_excess_kwh: float
    objective: float
    lower_bound: float
    gap: float


def check_plan(problem: Problem, plan: Plan) -> PlanCheck:
    """Recomputes limits, objective, bound and gap from the power table and the slot prices alone.

    A slot whose base load stands above the cap may hold no charging at all; its own excess is not the plan's.
    """
    q = quantities(problem)
    power = plan.power_kw
    limit = np.maximum(problem.cap_kw, problem.base_load_kw)
    rate_kw = np.array([s.power_max_kw for s in problem.sessions])[:, None]
    wanted = np.array([s.energy_kwh for s in problem.sessions])
    objective, bound = plan_objective(problem, power), lower_bound(problem, plan.slot_price)
    return PlanCheck(
        cap_excess_kw=float(np.max(problem.load_kw(power) - limit, initial=0.0)),
        box_excess_kw=float(max(np.max(power - rate_kw, initial=0.0), np.max(-power, initial=0.0))),
        outside_window_kw=float(np.max(np.abs(power), initial=0.0, where=~q.window)),
        energy_excess_kwh=float(np.max(power.sum(axis=1) * problem.slot_h - wanted, initial=0.0)),
        objective=objective,
        lower_bound=bound,
        gap=relative_gap(objective, bound),
    )
