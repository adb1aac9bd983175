"""An independent look at a plan: limits, objective, bound and gap from the power table and the prices alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer import certificate, phased, wired_point
from optimizer.arrays import FloatArray
from optimizer.instance import Instance
from optimizer.problem import Plan, Problem


def _instance(problem: Problem) -> Instance:
    return phased.wired(problem).instance if problem.wired else problem.instance()


def unserved_price(problem: Problem) -> FloatArray:
    """Cost per kWh not served, per session."""
    return _instance(problem).unserved


def plan_objective(problem: Problem, power_kw: FloatArray) -> float:
    """Cost of the load plus the price of the energy not served (of the part that the windows can hold)."""
    energy = power_kw * problem.slot_h
    return _instance(problem).objective(energy.sum(axis=0), energy.sum(axis=1))


def lower_bound(
    problem: Problem,
    slot_price: FloatArray,
    feeder_price: FloatArray | None = None,
    served_kwh: FloatArray | None = None,
) -> float:
    """A value that no plan can go below, for any finite `slot_price` [T] and `feeder_price` [F, T] (cost per kWh);
    ValueError if a price is not finite. `served_kwh` [N] of the plan to be proven helps where shares are to be equal.
    """
    none = np.repeat(slot_price[None], len(problem.feeders), axis=0)
    price = np.concatenate([slot_price[None], none if feeder_price is None else feeder_price])
    if price.shape != (len(problem.feeders) + 1, problem.slots) or not np.isfinite(price).all():
        raise ValueError(f"slot_price: {problem.slots} finite numbers expected")
    return certificate.lower_bound(problem.instance(), price, served_kwh)


@dataclass(frozen=True, slots=True)
class PlanCheck:
    """What is found; every excess is 0 in a correct plan (kW, kWh)."""

    cap_excess_kw: float
    current_excess_a: float
    box_excess_kw: float
    outside_window_kw: float
    energy_excess_kwh: float
    objective: float
    lower_bound: float
    gap: float


def check_plan(problem: Problem, plan: Plan) -> PlanCheck:
    """Recomputes everything.

    A slot whose base load stands above the cap may hold no charging at all; its own excess is not the plan's.
    """
    instance, power = problem.instance(), plan.power_kw
    base = problem.base_loads_kw()
    limit = np.maximum(problem.caps_kw(), base)
    rate_kw = np.array([s.power_max_kw for s in problem.sessions])[:, None]
    wanted = np.array([s.energy_kwh for s in problem.sessions])
    objective = plan_objective(problem, power)
    current, bound = 0.0, 0.0
    if problem.wired:
        current, bound = _wired(problem, plan)
    else:
        bound = lower_bound(problem, plan.slot_price, plan.feeder_price, plan.served_kwh)
    return PlanCheck(
        cap_excess_kw=float(np.max(base + instance.flow(power) - limit, initial=0.0)),
        current_excess_a=current,
        box_excess_kw=float(max(np.max(power - rate_kw, initial=0.0), np.max(-power, initial=0.0))),
        outside_window_kw=float(np.max(np.abs(power), initial=0.0, where=~instance.window())),
        energy_excess_kwh=float(np.max(power.sum(axis=1) * problem.slot_h - wanted, initial=0.0)),
        objective=objective,
        lower_bound=bound,
        gap=certificate.relative_gap(objective, bound),
    )


def _wired(problem: Problem, plan: Plan) -> tuple[float, float]:
    """Largest excess over any limit of currents, and the bound that the plan's prices prove."""
    w = phased.wired(problem)
    row_price = w.row_price(plan.slot_price, plan.limit_price)
    if not np.isfinite(row_price).all():
        raise ValueError("limit_price: finite numbers expected")
    excess = (w.values(plan.power_kw) - w.rows.limit())[len(problem.feeders) + 1 :]
    return float(np.max(excess, initial=0.0)), wired_point.lower_bound(w.instance, w.wiring, row_price, plan.served_kwh)
