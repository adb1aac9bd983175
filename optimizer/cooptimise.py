"""One plan for everything at a site, with the certificate of `optimizer.certificate` and that of its batteries.

Grid, sale, sun, generators and flexible loads are the cost of the load (`optimizer.supply`), scenarios their mean
(`optimizer.polyline.expected`); cars, batteries and caps are solved together by the interior point. So the number of
scenarios hardly matters, and the price of a slot is one number for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from optimizer import interior_point
from optimizer.arrays import FloatArray
from optimizer.certificate import relative_gap
from optimizer.conductors import ShortfallReason
from optimizer.peak import lowest_peak
from optimizer.phased import feeder_price, soft, to_blame
from optimizer.preparation import Prepared, prepare
from optimizer.problem import CapSoft, Shortfall
from optimizer.site import Site, SitePlan
from optimizer.site_bill import bill
from optimizer.site_solver import Solved, solve_prepared
from optimizer.solver import SHORTFALL_MIN, blamed


def solve_site(site: Site) -> SitePlan:
    """The plan of least cost with a certified gap (aim 1e-6). Never raises for a valid site."""
    ready = prepare(site)
    solved = solve_prepared(ready)
    if site.peak_price > 0:
        ready, solved = lowest_peak(ready, solved)
    return _plan(ready, solved)


def _plan(ready: Prepared, solved: Solved) -> SitePlan:
    site, found, hours = ready.site, solved.found, ready.site.slot_h
    b, w = ready.batteries, ready.wired
    load = solved.load(ready)
    paid = bill(ready, load)
    powers = paid.mean_kw
    objective, bound = solved.objective, solved.lower_bound
    served = found.energy.sum(axis=1)
    return SitePlan(
        power_kw=found.energy / hours,
        served_kwh=served,
        charge_kw=found.charge / hours,
        discharge_kw=found.discharge / hours,
        stored_kwh=b.path(found.charge, found.discharge) if b.count else np.zeros((0, site.slots)),
        source_kw=powers,
        load_kw=load / hours,
        objective=objective,
        lower_bound=bound,
        gap=relative_gap(objective, bound),
        cost=paid.money + (float(b.wear @ found.discharge.sum(axis=1)) if b.count else 0.0),
        slot_price=found.price[0],
        feeder_price=found.price[1:] if w is None else feeder_price(w.instance.parent, w.wiring, found.price),
        value=found.value,
        peak_kw=paid.peak_kw,
        shortfalls=tuple(_shortfalls(ready, found)),
        cap_soft=(*_soft(ready, powers), *(() if w is None else soft(w.rows, site.problem().node_ids()))),
        iterations=found.iterations,
        limit_price=np.zeros((0, 0)) if w is None else w.limit_price(found.price),
    )


def _shortfalls(ready: Prepared, found: interior_point.Found) -> Iterator[Shortfall]:
    """Cars that lack something, and why; batteries too."""
    i, served = ready.instance, found.energy.sum(axis=1)
    cars, batteries = _blame(ready, found, served)
    for n, session in enumerate(ready.site.sessions):
        wanted, possible = session.energy_kwh, float(i.energy[n])
        if wanted - possible > SHORTFALL_MIN * wanted:
            yield Shortfall(session.id, wanted - possible, "window too short")
        if possible - served[n] > SHORTFALL_MIN * wanted:
            yield Shortfall(session.id, possible - float(served[n]), *cars(n))
    if not ready.batteries.count:
        return
    lacking = ready.batteries.lacking(found.charge, found.discharge)
    for n, user in enumerate(ready.site.batteries):
        if lacking[n] > SHORTFALL_MIN * user.energy_max_kwh:
            yield Shortfall(user.id, float(lacking[n]), *batteries(n))


Blame: TypeAlias = Callable[[int], tuple[ShortfallReason, str, str]]


def _blame(ready: Prepared, found: interior_point.Found, served: FloatArray) -> tuple[Blame, Blame]:
    """Which cap, conductor or limit cars and batteries lack something for: reason, feeder and line."""
    w, ids = ready.wired, ready.site.problem().node_ids()
    if w is None:
        guilty = blamed(ready.instance, served, found.price)

        def by_node(n: int) -> tuple[ShortfallReason, str, str]:
            return "feeder cap" if guilty[n] else "site cap", ids[guilty[n]], ""

        return by_node, lambda n: ("site cap", "", "")

    def to_name(group: int, arrive: int, depart: int) -> tuple[ShortfallReason, str, str]:
        row = to_blame(w, found.price, group, slice(arrive, depart))
        return row.reason, ids[row.node], row.line

    i, b, groups = ready.instance, ready.batteries, w.wiring.group
    return (
        lambda n: to_name(int(groups[n]), int(i.arrive[n]), int(i.depart[n])),
        lambda n: to_name(int(b.node[n]), int(b.arrive[n]), int(b.depart[n])),
    )


def _soft(ready: Prepared, powers: dict[str, FloatArray]) -> Iterator[CapSoft]:
    above = powers.get("beyond", np.zeros(ready.site.slots))
    for slot in np.flatnonzero(above > 1e-6 * np.max(np.abs(ready.site.base_load_kw), initial=1.0)):
        yield CapSoft(int(slot), float(above[slot]))
