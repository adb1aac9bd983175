"""Why a car charges when it does: the facts behind a plan, for words in any language.

A plan's prices say it all: a car charges in the slots that are cheapest for it, a slot is dear where the load is high,
the tariff is, or a cap binds, and a car with little laxity has no choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.arrays import BoolArray, FloatArray
from optimizer.problem import EvSession, Plan, Problem
from optimizer.rounding import laxity_h

SOME = 1e-3
"""Power below this share of a car's most counts as none."""
BINDS = 1e-3
"""A cap's price above this share of the dearest slot's counts."""


@dataclass(frozen=True, slots=True)
class Held:
    """A cap that holds a car back: the feeder's id (empty for the site) and the first and last slot of each stretch."""

    feeder: str
    stretches: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Account:
    """One car. Stretches are [first, last] slots; prices per kWh, means weighted by energy or time.

    `laxity_h`: hours that it could still have waited at the start. `waits`: stretches of its stay without charging.
    `price_paid` while it charges, `price_avoided` the mean of those where it does not, None when there are none.
    """

    session: EvSession
    served_kwh: float
    laxity_h: float
    must_run: bool
    charges: tuple[tuple[int, int], ...]
    waits: tuple[tuple[int, int], ...]
    price_paid: float
    price_dearest: float
    price_avoided: float | None
    held: tuple[Held, ...]
    missing_kwh: float
    missing_reason: str
    missing_feeder: str
    missing_line: str = ""


def account(problem: Problem, plan: Plan, index: int) -> Account:
    """The facts about the session at `index`."""
    session, power = problem.sessions[index], plan.power_kw[index]
    slot = np.arange(problem.slots)
    here = (slot >= session.arrival_slot) & (slot < session.departure_slot)
    price = _prices(problem, plan, session.feeder)
    charging = power > SOME * session.power_max_kw
    waiting = here & ~charging
    stay = (session.departure_slot - session.arrival_slot) * problem.slot_h
    slack = laxity_h(stay, session.energy_kwh, session.power_max_kw)
    short = [s for s in plan.shortfalls if s.session_id == session.id]
    total = float(power.sum())
    return Account(
        session=session,
        served_kwh=float(plan.served_kwh[index]),
        laxity_h=slack,
        must_run=slack < problem.slot_h,
        charges=stretches(charging),
        waits=stretches(waiting),
        price_paid=float(price @ power / total) if total > 0 else 0.0,
        price_dearest=float(price[charging].max()) if charging.any() else 0.0,
        price_avoided=float(price[waiting].mean()) if waiting.any() else None,
        held=tuple(_held(problem, plan, session, here & (power < session.power_max_kw * (1.0 - SOME)))),
        missing_kwh=sum(s.energy_kwh for s in short),
        missing_reason=short[0].reason if short else "",
        missing_feeder=short[0].feeder if short else "",
        missing_line=short[0].line if short else "",
    )


def _prices(problem: Problem, plan: Plan, feeder: str) -> FloatArray:
    if not feeder:
        return plan.slot_price
    return np.asarray(plan.feeder_price[problem.node_ids().index(feeder) - 1])


def _held(problem: Problem, plan: Plan, session: EvSession, could_take: BoolArray) -> list[Held]:
    """The caps on the car's path that cost something where it could take more."""
    parents = {feeder.id: feeder.parent for feeder in problem.feeders}
    path, found = [session.feeder], []
    while path[-1]:
        path.append(parents[path[-1]])
    least = BINDS * max(float(np.abs(plan.slot_price).max()), 1e-12)
    for node in path:
        above = plan.cap_price if not node else _prices(problem, plan, node) - _prices(problem, plan, parents[node])
        binding = could_take & (above > least)
        if binding.any():
            found.append(Held(node, stretches(binding)))
    return found


def stretches(mask: BoolArray) -> tuple[tuple[int, int], ...]:
    """First and last index of every run of truths."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return tuple((int(first), int(last) - 1) for first, last in edges.reshape(-1, 2))
