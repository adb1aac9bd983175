"""Why cars, batteries and sources of a whole site do what they do: the facts, for words in any language.

Cars that only charge are explained as in `optimizer.explain`. A battery buys where the price is low and gives where it
is high enough for its losses and its wear; a source gives where a kWh is worth what it costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.arrays import BoolArray, FloatArray
from optimizer.explain import SOME, Account, accounts, currents_price, stretches
from optimizer.limit_rows import Rows
from optimizer.models.vehicle import V2gSession
from optimizer.problem import Plan, Problem
from optimizer.site import Site, SitePlan

AT_LIMIT = 1e-5


@dataclass(frozen=True, slots=True)
class BatteryAccount:
    """One battery, or a car that feeds back. Stretches are [first, last] slots, energies kWh at the meter, prices means
    over the energy. `break_even`: what a kWh given back has cost, losses and wear counted; `stays` of a car.
    """

    id: str
    stays: tuple[int, int] | None
    charges: tuple[tuple[int, int], ...]
    discharges: tuple[tuple[int, int], ...]
    charged_kwh: float
    discharged_kwh: float
    end_kwh: float
    price_paid: float
    price_got: float
    break_even: float
    missing_kwh: float


@dataclass(frozen=True, slots=True)
class SourceAccount:
    """A source besides the purchase: when it gives (a flexible load: when it takes), how much, and what a kWh is worth
    then, the mean over that energy.
    """

    name: str
    gives: tuple[tuple[int, int], ...]
    energy_kwh: float
    worth: float


@dataclass(frozen=True, slots=True)
class SiteAccount:
    """Everything; `at_limit`: stretches in which the connection is full."""

    cars: tuple[Account, ...]
    batteries: tuple[BatteryAccount, ...]
    sources: tuple[SourceAccount, ...]
    at_limit: tuple[tuple[int, int], ...]


def account_site(site: Site, plan: SitePlan) -> SiteAccount:
    """The facts about a plan."""
    problem, plain = as_problem(site, plan)
    rows = site.rows() if site.wired else None
    return SiteAccount(
        cars=tuple(accounts(problem, plain, rows)),
        batteries=tuple(_battery(site, plan, n, (problem, plain, rows)) for n in range(len(site.batteries))),
        sources=tuple(
            _source(site, plan, name, power)
            for name, power in plan.source_kw.items()
            if name != "buy" and np.abs(power).max() > SOME
        ),
        at_limit=stretches(_full(site, plan)),
    )


def as_problem(site: Site, plan: SitePlan) -> tuple[Problem, Plan]:
    """What concerns the cars that only charge, as a problem with a plan; the cap of the site is that of its import."""
    full, bought = _full(site, plan), np.asarray(site.price) + np.asarray(site.weight) * plan.grid_kw * site.slot_h
    plain = Plan(
        power_kw=plan.power_kw,
        served_kwh=plan.served_kwh,
        objective=plan.objective,
        lower_bound=plan.lower_bound,
        gap=plan.gap,
        slot_price=plan.slot_price,
        cap_price=np.where(full, np.maximum(plan.slot_price - bought, 0.0), 0.0),
        feeder_price=plan.feeder_price,
        shortfalls=plan.shortfalls,
        cap_soft=plan.cap_soft,
        limit_price=plan.limit_price,
    )
    return site.problem(), plain


def _full(site: Site, plan: SitePlan) -> BoolArray:
    limited = np.isfinite(np.asarray(site.import_max_kw))
    limit = np.where(limited, site.import_max_kw, 0.0)
    return np.asarray(limited & (plan.grid_kw >= limit - AT_LIMIT * np.maximum(np.abs(limit), 1.0)))


def _battery(site: Site, plan: SitePlan, index: int, seen: tuple[Problem, Plan, Rows | None]) -> BatteryAccount:
    (problem, plain, rows), user, hours = seen, site.batteries[index], site.slot_h
    charge, discharge = plan.charge_kw[index], plan.discharge_kw[index]
    node = problem.node_ids().index(user.feeder)
    price = plan.slot_price if node == 0 else plan.feeder_price[node - 1]
    if rows is not None:
        price = price + sum(currents_price(problem, plain, user, rows).values())
    paid, got = _mean(price, charge), _mean(price, discharge)
    stays = (user.arrival_slot, user.departure_slot - 1) if isinstance(user, V2gSession) else None
    end = plan.stored_kwh[index, stays[1] if stays else -1]
    return BatteryAccount(
        id=user.id,
        stays=stays,
        charges=stretches(charge > SOME * max(user.charge_max_kw, SOME)),
        discharges=stretches(discharge > SOME * max(user.discharge_max_kw, SOME)),
        charged_kwh=float(charge.sum()) * hours,
        discharged_kwh=float(discharge.sum()) * hours,
        end_kwh=float(end),
        price_paid=paid,
        price_got=got,
        break_even=paid / (user.charge_efficiency * user.discharge_efficiency) + user.wear_per_kwh,
        missing_kwh=sum(s.energy_kwh for s in plan.shortfalls if s.session_id == user.id),
    )


def _source(site: Site, plan: SitePlan, name: str, power: FloatArray) -> SourceAccount:
    size = np.abs(power)
    return SourceAccount(
        name=name,
        gives=stretches(size > SOME * size.max()),
        energy_kwh=float(power.sum()) * site.slot_h,
        worth=_mean(plan.slot_price, size),
    )


def _mean(price: FloatArray, power: FloatArray) -> float:
    """Of the price, over the energy."""
    total = float(power.sum())
    return float(price @ power) / total if total > 0 else 0.0
