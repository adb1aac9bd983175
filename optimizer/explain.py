"""Why a car charges when it does: the facts behind a plan, for words in any language.

A plan's prices say it all: a car charges in the slots that are cheapest for it, a slot is dear where the load is high,
the tariff is, or a cap binds, and a car with little laxity has no choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from optimizer.arrays import BoolArray, FloatArray
from optimizer.conductors import ShortfallReason
from optimizer.limit_rows import Rows
from optimizer.phased import wired
from optimizer.problem import EvSession, Plan, Problem
from optimizer.rounding import laxity_h

SOME = 1e-3
"""Power below this share of a car's most counts as none."""
BINDS = 1e-3
"""A cap's price above this share of the dearest slot's counts."""


@dataclass(frozen=True, slots=True)
class Held:
    """A cap that holds a car back: the feeder's id (empty for the site) and the first and last slot of each stretch.

    `line` names the conductor, the pair that stands too far apart or the limit, where it is one of currents.
    """

    feeder: str
    stretches: tuple[tuple[int, int], ...]
    reason: ShortfallReason = "site cap"
    line: str = ""


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


def accounts(problem: Problem, plan: Plan, rows: Rows | None = None) -> list[Account]:
    """The facts about every session; `rows`: what the plan's `limit_price` belongs to, if not the problem's own."""
    if rows is None and problem.wired:
        rows = wired(problem).rows
    return [account(problem, plan, n, rows) for n in range(len(problem.sessions))]


def account(problem: Problem, plan: Plan, index: int, rows: Rows | None = None) -> Account:
    """The facts about the session at `index`."""
    if rows is None and problem.wired:
        rows = wired(problem).rows
    currents = {} if rows is None else currents_price(problem, plan, problem.sessions[index], rows)
    session, power = problem.sessions[index], plan.power_kw[index]
    slot = np.arange(problem.slots)
    here = (slot >= session.arrival_slot) & (slot < session.departure_slot)
    price = _prices(problem, plan, session.feeder) + sum(currents.values())
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
        held=tuple(_held(problem, plan, session, currents, here & (power < session.power_max_kw * (1.0 - SOME)))),
        missing_kwh=sum(s.energy_kwh for s in short),
        missing_reason=short[0].reason if short else "",
        missing_feeder=short[0].feeder if short else "",
        missing_line=short[0].line if short else "",
    )


def _prices(problem: Problem, plan: Plan, feeder: str) -> FloatArray:
    if not feeder:
        return plan.slot_price
    return np.asarray(plan.feeder_price[problem.node_ids().index(feeder) - 1])


Name: TypeAlias = tuple[str, ShortfallReason, str]
"""Feeder, reason and line."""


class User(Protocol):
    """A car or a battery: where it hangs and on which conductors."""

    @property
    def feeder(self) -> str:
        """Empty for the site."""
        ...

    @property
    def lines(self) -> str:
        """As in `optimizer.conductors`."""
        ...


def currents_price(problem: Problem, plan: Plan, user: User, rows: Rows) -> dict[Name, FloatArray]:
    """What each limit of currents adds to a kWh of a car or battery [T]; the chords of one circle together."""
    ids, found = problem.node_ids(), dict[Name, FloatArray]()
    path = {ids.index(node) for node in _path(problem, user)}
    for row, price in zip(rows.sums, plan.limit_price, strict=True):
        if row.line and row.node in path and price.any():
            name = (ids[row.node], row.reason, row.line)
            adds = row.per_kw[user.lines] * price / problem.slot_h
            found[name] = found.get(name, np.zeros(problem.slots)) + adds
    return found


def _path(problem: Problem, user: User) -> list[str]:
    """From its feeder to the site."""
    parents = {feeder.id: feeder.parent for feeder in problem.feeders}
    path = [user.feeder]
    while path[-1]:
        path.append(parents[path[-1]])
    return path


def _held(
    problem: Problem, plan: Plan, session: EvSession, currents: Mapping[Name, FloatArray], could_take: BoolArray
) -> list[Held]:
    """The caps on the car's path that cost something where it could take more."""
    parents = {feeder.id: feeder.parent for feeder in problem.feeders}
    least, costs = BINDS * max(float(np.abs(plan.slot_price).max()), 1e-12), dict[Name, FloatArray]()
    for node in _path(problem, session):
        above = plan.cap_price if not node else _prices(problem, plan, node) - _prices(problem, plan, parents[node])
        costs[node, "feeder cap" if node else "site cap", ""] = above
    found = []
    for (node, reason, line), cost in (costs | dict(currents)).items():
        binding = could_take & (cost > least)
        if binding.any():
            found.append(Held(node, stretches(binding), reason, line))
    return found


def stretches(mask: BoolArray) -> tuple[tuple[int, int], ...]:
    """First and last index of every run of truths."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return tuple((int(first), int(last) - 1) for first, last in edges.reshape(-1, 2))
