"""What a plan of a whole site saves beside rules of thumb, and what its batteries are worth.

By a rule of thumb cars charge one slot after the other, those that could feed back like all others; batteries stand
still, generators and flexible loads answer each slot by itself, at least cost. Everybody is billed alike: a kWh above
the limit of the connection costs what one below it costs, and stands in a column of its own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.comparison import OPTIMUM, SERVED, Line, over_currents_a
from optimizer.cooptimise import solve_site
from optimizer.phased import wired
from optimizer.preparation import Prepared, prepare
from optimizer.problem import EvSession, Problem
from optimizer.site import GRID, Site, SitePlan
from optimizer.site_bill import Bill, bill
from optimizer.yardsticks import RULES, by_rule

WITHOUT_BATTERIES = "without batteries"


def compare_site(site: Site, plan: SitePlan) -> list[Line]:
    """All rules of thumb, the best plan without batteries where there are some, then the plan."""
    ready, problem = prepare(site), as_cars(site)
    lines = [_line(ready, rule, problem, by_rule(problem, rule)) for rule in RULES]
    if site.storages or site.cars:
        bare = replace(site, storages=(), cars=(), sessions=problem.sessions)
        lines.append(_line(ready, WITHOUT_BATTERIES, problem, solve_site(bare).power_kw))
    return [*lines, _planned(ready, problem, plan)]


def as_cars(site: Site) -> Problem:
    """Every car as one that only charges, under the limit of the import and what the sun gives, as rules see it."""
    none = np.zeros(site.slots)
    lacking = [(car, max(car.energy_wanted_kwh - car.energy_start_kwh, 0.0)) for car in site.cars]
    more = tuple(
        EvSession(
            car.id,
            car.arrival_slot,
            car.departure_slot,
            car.charge_max_kw,
            energy / car.charge_efficiency,
            car.priority,
            feeder=car.feeder,
            lines=car.lines,
        )
        for car, energy in lacking
    )
    problem = site.problem()
    return replace(
        problem,
        conductors=None if problem.conductors is None else problem.conductors.raised(site.base_load_kw, none),
        base_load_kw=site.base_load_kw - np.asarray(site.pv_kw),
        cap_kw=np.asarray(site.import_max_kw),
        sessions=site.sessions + more,
    )


def _line(ready: Prepared, name: str, problem: Problem, power: FloatArray) -> Line:
    site = ready.site
    load = site.base_load_kw + power.sum(axis=0)
    paid = bill(ready, load * site.slot_h)
    served = power.sum(axis=1) * site.slot_h
    wanted = np.array([session.energy_kwh for session in problem.sessions])
    flow = problem.base_loads_kw() + problem.instance().flow(power)
    below = np.max(flow[1:] - problem.caps_kw()[1:], initial=0.0)
    short = int((served < SERVED * wanted).sum())
    over_a = over_currents_a(wired(problem), power) if problem.wired else 0.0
    return replace(_summed(paid, name, power.sum(axis=0), short, 0.0, float(below)), over_a=over_a)


def _planned(ready: Prepared, problem: Problem, plan: SitePlan) -> Line:
    site = ready.site
    paid = bill(ready, plan.load_kw * site.slot_h)
    lacking = {short.session_id: short.energy_kwh for short in plan.shortfalls}
    short = sum(lacking.get(s.id, 0.0) > (1.0 - SERVED) * s.energy_kwh for s in problem.sessions)
    into_cars = plan.charge_kw[len(site.storages) :] - plan.discharge_kw[len(site.storages) :]
    charging = plan.power_kw.sum(axis=0) + into_cars.sum(axis=0)
    wears = [storage.wear_per_kwh for storage in site.storages] + [car.wear_per_kwh for car in site.cars]
    wear = float(np.array(wears) @ plan.discharge_kw.sum(axis=1)) * site.slot_h
    return _summed(paid, OPTIMUM, charging, short, wear, 0.0)


def _summed(paid: Bill, name: str, charging: FloatArray, short: int, wear: float, over_feeder_kw: float) -> Line:
    """Figures of the grid are the mean over scenarios, but for the peak; `charging` [T] of all cars in kW."""
    site, total = paid.ready.site, float(charging.sum())
    grid = np.asarray(sum(power for source, power in paid.mean_kw.items() if source in GRID))
    beyond = paid.of_kw("beyond")
    return Line(
        name=name,
        energy_kwh=total * site.slot_h,
        short_sessions=short,
        money=paid.money - _surcharge(paid) + wear,
        squares=0.5 * float(np.asarray(site.weight) @ (grid * site.slot_h) ** 2),
        peak_kw=paid.peak_kw,
        valley_kw=float(grid.min()),
        over_cap_kw=max(float(beyond.max(initial=0.0)), over_feeder_kw),
        mean_price=float(np.asarray(site.price) @ charging) / total if total > 0 else 0.0,
    )


def _surcharge(paid: Bill) -> float:
    """What kWh above the limit cost more than those below it."""
    ready, hours = paid.ready, paid.ready.site.slot_h
    if "beyond" not in ready.supply.ids:
        return 0.0
    dearer = ready.supply.price[ready.supply.ids.index("beyond")] - np.asarray(ready.site.price)
    return float(ready.weights @ (paid.of_kw("beyond") * hours @ dearer))
