"""What a plan saves beside what sites do without an optimiser, under the same caps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.phased import Wired, wired
from optimizer.problem import Plan, Problem
from optimizer.yardsticks import RULES, by_rule

OPTIMUM = "optimum"
SERVED = 0.99


@dataclass(frozen=True, slots=True)
class Line:
    """One way to charge: energy first, for who delivers less looks better in everything else.

    `money`: the tariff's part of the cost (0 without prices); `squares`: Σ w L² / 2, how uneven the load is;
    `over_cap_kw`, `over_a`: largest excess over a cap of power, over a limit of currents; `valley_kw` least, `peak_kw`
    largest load; `short_sessions` get less than 99 %.
    """

    name: str
    energy_kwh: float
    short_sessions: int
    money: float
    squares: float
    peak_kw: float
    valley_kw: float
    over_cap_kw: float
    mean_price: float
    over_a: float = 0.0

    @property
    def peak_to_valley_kw(self) -> float:
        """Peak-valley difference (峰谷差)."""
        return self.peak_kw - self.valley_kw


def compare(problem: Problem, plan: Plan) -> list[Line]:
    """All rules of thumb, then the plan."""
    return [*(_line(problem, rule, by_rule(problem, rule)) for rule in RULES), _line(problem, OPTIMUM, plan.power_kw)]


def _line(problem: Problem, name: str, power: FloatArray) -> Line:
    cost, load = problem.instance().cost, problem.load_kw(power)
    price = np.zeros(problem.slots) if problem.price is None else problem.price
    energy, served = load * problem.slot_h, power.sum(axis=1) * problem.slot_h
    wanted = np.array([s.energy_kwh for s in problem.sessions])
    money, total = float(price @ energy), float(power.sum()) * problem.slot_h
    base = problem.base_loads_kw()
    flow = problem.instance().flow(power)
    limit = np.maximum(problem.caps_kw(), base)
    return Line(
        name=name,
        energy_kwh=total,
        short_sessions=int((served < SERVED * wanted).sum()),
        money=money,
        squares=float(cost.value(energy).sum()) - money,
        peak_kw=float(load.max()),
        valley_kw=float(load.min()),
        over_cap_kw=float(np.max(base + flow - limit, initial=0.0)),
        mean_price=float(price @ power.sum(axis=0)) * problem.slot_h / total if total > 0 else 0.0,
        over_a=over_currents_a(wired(problem), power) if problem.wired else 0.0,
    )


def over_currents_a(w: Wired, power_kw: FloatArray) -> float:
    """Largest excess over any limit of currents."""
    currents = np.array([bool(row.line) for row in w.rows.sums])
    return float(np.max((w.values(power_kw) - w.rows.limit())[currents], initial=0.0))
