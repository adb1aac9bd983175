"""What the site can offer an event: from what is usually drawn, and from the cars that are there. Pure.

An event that lies beyond the plan is judged by the baseline alone; one within it also by the cars: what of their
charging can wait through the event, and what that costs at the tariff.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from csms.model.response import Invitation, Kind, PriceUnit
from csms.response.taking_part import taking_part
from optimizer.arrays import FloatArray
from optimizer.problem import Plan, Problem
from optimizer.response import bid_curve, potential, shifting_costs

STEPS = 5
ALL_W = 10**10
WATT_KW = 0.001


@dataclass(frozen=True, slots=True)
class OfferRule:
    """`share` of what the baseline shows is offered, not less than `power_min_w`; at what it costs, but not below
    `price_min` (yuan per kWh), or without one at the price that is invited.
    """

    share: float = 0.5
    price_min: float | None = None
    power_min_w: int = 1000


@dataclass(frozen=True, slots=True)
class Offer:
    """What is offered, and why. W; price in the unit of the invitation. `usual_w`: what the baseline shows; `cars_w`:
    what the cars that are there can change; None where that says nothing. `why`: the reason for no offer.
    """

    power_w: int
    price: float
    usual_w: float | None
    cars_w: float | None
    why: str = ""


def usual_w(kind: Kind, baseline_w: Sequence[float] | None, least_w: Sequence[float]) -> float | None:
    """How far load can fall in every quarter-hour from what is usual to what always remains. Of what can rise the past
    says nothing: nobody knows how much energy waits then.
    """
    if baseline_w is None or kind is Kind.FILL:
        return None
    return max(min(usual - least for usual, least in zip(baseline_w, least_w, strict=True)), 0.0)


def slots_of(asked: Invitation, now: datetime, slot_h: float) -> tuple[int, int]:
    """The first slot of a plan from `now` on that an event lies in, and how many."""
    slot = timedelta(hours=slot_h)
    first = max(math.floor((asked.start - now) / slot), 0)
    return first, max(math.ceil((asked.end - now) / slot) - first, 1)


def of_cars(
    asked: Invitation,
    problem: Problem,
    plan: Plan,
    now: datetime,
    tariff: FloatArray,
    apart: Collection[str] = (),
    least_w: float = 0.0,
) -> tuple[float, float]:
    """(W, yuan per kWh): the change that the cars can hold through the event, and what its dearest step costs.
    `apart`: sessions that take no part; `least_w`: what load as a whole cannot be brought below.
    """
    first, slots = slots_of(asked, now, problem.slot_h)
    shave = asked.kind is Kind.SHAVE
    usual_kw = (np.asarray(problem.base_load_kw) + plan.power_kw.sum(axis=0))[first : first + slots]
    problem, power_kw = taking_part(problem, plan.power_kw, apart)
    if not problem.sessions:
        return 0.0, 0.0
    found = potential(problem, power_kw, first, slots, first, "down" if shave else "up", exact=False)
    offered_kw = min(found.sustained_kw, asked.target_w / 1000)
    if shave:
        offered_kw = max(min(offered_kw, float(usual_kw.min()) - least_w / 1000), 0.0)
    if not shave or offered_kw < WATT_KW:
        return offered_kw * 1000, 0.0
    # At the tariff the order of slots is what costs, so the valley's weight is all but taken away.
    dear = replace(problem, weight=np.full(problem.slots, 1e-6), price=tariff)
    costs = shifting_costs(dear, first, slots, [offered_kw * n / STEPS for n in range(1, STEPS + 1)])
    offers = bid_curve(costs, slots * problem.slot_h)
    return offered_kw * 1000, offers[-1].price if offers else 0.0


def offer(
    asked: Invitation, rule: OfferRule, usual: float | None, cars: tuple[float, float] | None, unused: str = ""
) -> Offer:
    """The lower of both, if there are both. Nothing is offered below the least price, nor less than the least power."""
    cars_w, cost = cars if cars is not None else (None, 0.0)
    known = [value for value in (None if usual is None else usual * rule.share, cars_w) if value is not None]
    power_w = math.floor(min([*known, asked.target_w])) if known else 0
    hours = asked.hours if asked.unit is PriceUnit.PER_KW else 1.0
    least = round(max(cost, rule.price_min or 0.0) * hours, 4)
    why = _why_not(asked, rule, power_w, least) if known else unused
    price = least if rule.price_min is not None else max(least, asked.price)
    return Offer(0 if why else power_w, price, usual, cars_w, why)


def _why_not(asked: Invitation, rule: OfferRule, power_w: int, least: float) -> str:
    if power_w < rule.power_min_w:
        return "too_little"
    return "too_cheap" if least > asked.price else ""
