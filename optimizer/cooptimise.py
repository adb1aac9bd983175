"""One plan for everything at a site, with the certificate of `optimizer.certificate` and that of its batteries.

Grid, sale, sun, generators and flexible loads are the cost of the load (`optimizer.supply`), scenarios their mean
(`optimizer.polyline.expected`); cars, batteries and caps are solved together by the interior point. So the number of
scenarios hardly matters, and the price of a slot is one number for all.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optimizer import interior_point
from optimizer.arrays import FloatArray
from optimizer.certificate import relative_gap
from optimizer.models.storage import Storage
from optimizer.models.vehicle import V2gSession
from optimizer.peak import lowest_peak
from optimizer.preparation import Prepared, prepare
from optimizer.problem import CapSoft, EvSession, Shortfall
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
    b = ready.batteries
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
        feeder_price=found.price[1:],
        value=found.value,
        peak_kw=paid.peak_kw,
        shortfalls=tuple(_shortfalls(ready, found)),
        cap_soft=tuple(_soft(ready, powers)),
        iterations=found.iterations,
    )


def _shortfalls(ready: Prepared, found: interior_point.Found) -> Iterator[Shortfall]:
    """Cars that lack something, and why; batteries too."""
    i, served, ids = ready.instance, found.energy.sum(axis=1), ready.site.problem().node_ids()
    blame = blamed(i, served, found.price)
    for n, session in enumerate(ready.site.sessions):
        yield from _missing(session, float(i.energy[n]), float(served[n]), ids[blame[n]])
    if not ready.batteries.count:
        return
    lacking = ready.batteries.lacking(found.charge, found.discharge)
    users: list[Storage | V2gSession] = [*ready.site.storages, *ready.site.cars]
    for n, user in enumerate(users):
        if lacking[n] > SHORTFALL_MIN * user.energy_max_kwh:
            yield Shortfall(user.id, float(lacking[n]), "site cap")


def _missing(session: EvSession, possible: float, served: float, feeder: str) -> Iterator[Shortfall]:
    wanted = session.energy_kwh
    if wanted - possible > SHORTFALL_MIN * wanted:
        yield Shortfall(session.id, wanted - possible, "window too short")
    if possible - served > SHORTFALL_MIN * wanted:
        yield Shortfall(session.id, possible - served, "feeder cap" if feeder else "site cap", feeder)


def _soft(ready: Prepared, powers: dict[str, FloatArray]) -> Iterator[CapSoft]:
    above = powers.get("beyond", np.zeros(ready.site.slots))
    for slot in np.flatnonzero(above > 1e-6 * np.max(np.abs(ready.site.base_load_kw), initial=1.0)):
        yield CapSoft(int(slot), float(above[slot]))
