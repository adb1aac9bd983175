"""One plan for everything at a site, with the certificate of `optimizer.certificate` and that of its batteries.

Grid, sale, sun, generators and flexible loads are the cost of the load (`optimizer.supply`), scenarios their mean
(`optimizer.polyline.expected`); cars, batteries and caps are solved together by the interior point. So the number of
scenarios hardly matters, and the price of a slot is one number for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from optimizer import interior_point
from optimizer.arrays import FloatArray
from optimizer.batteries import Batteries, make_batteries
from optimizer.certificate import car_bounds, monotone, relative_gap
from optimizer.instance import Instance, make_instance, unserved_prices, up_the_tree
from optimizer.models.storage import Storage
from optimizer.models.vehicle import V2gSession
from optimizer.polyline import expected
from optimizer.problem import CapSoft, EvSession, Shortfall
from optimizer.site import GRID, Site, SitePlan
from optimizer.slot_cost import SlotCost
from optimizer.solver import SHORTFALL_MIN, blamed
from optimizer.supply import Source, Supply, flexible_source, generator_source, supply

AIMS = (1e-6, 1e-7, 1e-9)
"""Complementarity at which the interior point stops, the next one when the gap is not good enough."""
GAP_TARGET = 1e-6
BEYOND = 3.0
"""A kWh above a limit that the base load alone breaks costs so many times the dearest."""
DEARER, TINY = 1.05, 1e-9
PHANTOM = 1e-7


@dataclass(frozen=True, eq=False, slots=True)
class Prepared:
    """A site in arrays, kWh per slot; `extra` [Ω, T] and `weights` of the scenarios (one of nothing without them)."""

    site: Site
    supply: Supply
    cost: SlotCost
    extra: FloatArray
    weights: FloatArray
    instance: Instance
    batteries: Batteries


@dataclass(frozen=True, eq=False, slots=True)
class Solved:
    """What came out, in arrays."""

    found: interior_point.Found
    objective: float
    lower_bound: float

    @property
    def gap(self) -> float:
        """Relative."""
        return relative_gap(self.objective, self.lower_bound)


def solve_site(site: Site) -> SitePlan:
    """The plan of least cost with a certified gap (aim 1e-6). Never raises for a valid site."""
    ready = prepare(site)
    return _plan(ready, solve_prepared(ready))


def prepare(site: Site, import_max_kw: FloatArray | None = None) -> Prepared:
    """The site in normal form; `import_max_kw` instead of its own."""
    limit = np.asarray(site.import_max_kw if import_max_kw is None else import_max_kw)
    hours, base = site.slot_h, site.base_load_kw * site.slot_h
    if site.scenarios is None:
        extra, weights = np.zeros((1, site.slots)), np.ones(1)
    else:
        extra, weights = site.scenarios.values * hours, site.scenarios.weights
    margin = np.zeros(site.slots) if site.scenarios is None else site.scenarios.quantile(site.confidence) * hours
    beyond = base + margin
    sources = list(_sources(site, limit, beyond))
    given = supply(sources, site.slots)
    regular = np.array([source.id not in ("beyond", "spill") for source in sources])
    room = np.where(regular[:, None], given.high, 0.0).sum(axis=0) - margin
    cost = given.cost if site.scenarios is None else expected(given.cost, extra, weights)
    instance = _instance(site, cost, base, room)
    open_at = instance.room > 0
    for node in range(1, instance.nodes):
        open_at[node] &= open_at[instance.parent[node]]
    return _with_batteries(site, given, cost, extra, weights, instance, (~open_at).astype(np.float64))


def _sources(site: Site, limit: FloatArray, load: FloatArray) -> Iterator[Source]:
    """`load` is what has to be met anyway: where it is above what can be, more can be had, but dearly."""
    hours, given = site.slot_h, limit * site.slot_h
    taken, sun = np.asarray(site.export_max_kw) * hours, np.asarray(site.pv_kw) * hours
    buy, sell = np.asarray(site.price), np.asarray(site.sell_price)
    apart = bool((sell < buy).any())
    regular = [Source("buy", buy, site.weight, 0.0 if apart else -taken, given)]
    if apart:
        regular.append(Source("sell", sell, site.weight, -taken, 0.0))
    if sun.any():
        regular.append(Source("pv", 0.0, 0.0, 0.0, sun))
    regular += [generator_source(unit) for unit in site.generators] + [flexible_source(x) for x in site.flexible_loads]
    yield from regular
    least, most = (
        sum((np.asarray(getattr(s, side)) for s in regular), np.zeros(site.slots)) for side in ("low", "high")
    )
    dear = DEARER * np.max(np.stack([np.broadcast_to(_dearest(s), load.shape) for s in regular]), axis=0) + TINY
    if np.isfinite(given).any():
        yield Source("beyond", np.where(load > most, BEYOND * dear.max(), dear), 0.0, 0.0, np.inf)
    if np.isfinite(taken).any():
        yield Source("spill", np.where(load < least, -BEYOND * dear.max(), -dear), 0.0, -np.inf, 0.0)


def _dearest(source: Source) -> FloatArray:
    """The largest marginal price, in size, between finite limits."""
    ends = [np.where(np.isfinite(side), np.abs(side), 0.0) for side in (source.low, source.high)]
    return np.asarray(np.abs(source.price) + np.asarray(source.curvature) * np.maximum(*ends))


def _instance(site: Site, cost: SlotCost, base: FloatArray, room: FloatArray) -> Instance:
    problem = site.problem()
    plain = problem.instance()
    caps = problem.caps_kw() * site.slot_h
    caps[0] = room
    sessions = site.sessions
    return make_instance(
        base=base,
        cost=cost,
        arrive=plain.arrive,
        depart=plain.depart,
        rate=np.array([s.power_max_kw for s in sessions], dtype=np.float64) * site.slot_h,
        energy=np.array([s.energy_kwh for s in sessions], dtype=np.float64),
        cap=caps,
        node=plain.node,
        parent=plain.parent,
        node_base=problem.base_loads_kw() * site.slot_h,
    )


def _with_batteries(
    site: Site,
    given: Supply,
    cost: SlotCost,
    extra: FloatArray,
    weights: FloatArray,
    instance: Instance,
    closed: FloatArray,
) -> Prepared:
    """Prices of what is not served, for cars of both kinds by one row of classes; what batteries may draw counts."""
    ids = site.problem().node_ids()
    cars: list[EvSession | V2gSession] = [*site.sessions, *site.cars]
    classes = np.array([car.priority for car in cars] or [0], dtype=np.int64)

    def batteries(dear: float, step: float) -> Batteries:
        return make_batteries(site.storages, site.cars, site.slots, site.slot_h, ids, dear, step, closed)

    most = np.array(instance.most, dtype=np.float64)
    losses = 1.0
    if site.storages or site.cars:
        plain = batteries(0.0, 0.0)
        most += up_the_tree(instance.parent, plain.own_flow(plain.charge, instance.nodes))
        losses = float(np.max(plain.loss / plain.gain))
    prices = losses * unserved_prices(cost, instance.base, instance.room[0], most[0], classes, len(classes))
    instance = replace(instance, most=most, unserved=prices[: len(site.sessions)])
    step = float(np.min(np.diff(np.unique(prices)), initial=np.inf))
    feeding = batteries(
        float(prices[len(site.sessions) :].min(initial=prices.max())), step if np.isfinite(step) else 0.0
    )
    return Prepared(site, given, cost, extra, weights, instance, feeding)


def solve_prepared(ready: Prepared) -> Solved:
    """The best plan with its bound."""
    instance = _with_phantom(ready)
    solved = None
    for aim in AIMS:
        found = interior_point.solve_beside(instance, aim, ready.batteries if ready.batteries.count else None)
        found = replace(found, energy=found.energy[: len(ready.instance.rate)])
        solved = Solved(found, _objective(ready, found), _bound(ready, found))
        if solved.gap <= GAP_TARGET:
            break
    assert solved is not None
    return solved


def _with_phantom(ready: Prepared) -> Instance:
    """The interior point wants one car: a negligible one when nobody else wants anything."""
    i, b = ready.instance, ready.batteries
    if i.energy.any():
        return i
    size = PHANTOM * max(float(np.max(b.charge, initial=0.0)), float(np.max(np.abs(i.base), initial=0.0)), 1.0)
    return replace(
        i,
        arrive=np.zeros(1, dtype=np.int64),
        depart=np.array([i.slots], dtype=np.int64),
        rate=np.array([size]),
        energy=np.array([size]),
        unserved=np.array([float(i.cost.price(i.base + i.most[0]).max())]),
        node=np.zeros(1, dtype=np.int64),
        most=i.most + size,
    )


def _objective(ready: Prepared, found: interior_point.Found) -> float:
    net = (found.charge - found.discharge).sum(axis=0)
    beside = ready.batteries.cost(found.charge, found.discharge) if ready.batteries.count else 0.0
    return ready.instance.objective(found.energy.sum(axis=0) + net, found.energy.sum(axis=1)) + beside


def _bound(ready: Prepared, found: interior_point.Found) -> float:
    """No plan can cost less: sums of independent minimisations at the prices found."""
    i, b = ready.instance, ready.batteries
    price = monotone(i, found.price)
    least = -b.discharge.sum(axis=0) if b.count else np.zeros(i.slots)
    most = np.minimum(i.room[0], i.most[0])
    added = np.clip(i.cost.load(price[0]) - i.base, least, most)
    loads = float(i.cost.value(i.base + added).sum()) - float(price[0] @ added)
    above = price[1:] - price[i.parent[1:]]
    caps = -float((above * np.minimum(i.room[1:], i.most[1:])).sum())
    return loads + caps + float(car_bounds(i, price).sum()) + (b.bound(price, found.value) if b.count else 0.0)


def _plan(ready: Prepared, solved: Solved) -> SitePlan:
    site, found, hours = ready.site, solved.found, ready.site.slot_h
    b = ready.batteries
    load = ready.instance.base + found.energy.sum(axis=0) + (found.charge - found.discharge).sum(axis=0)
    given = [ready.supply.dispatch(load + more) for more in ready.extra]
    mean = np.einsum("w,wpt->pt", ready.weights, np.stack(given))
    powers: dict[str, FloatArray] = {name: row / hours for name, row in zip(ready.supply.ids, mean, strict=True)}
    grid = [sum(g[n] for n, name in enumerate(ready.supply.ids) if name in GRID) for g in given]
    peak = max(site.peak_so_far_kw, float(np.max(grid)) / hours)
    peak_cost = site.peak_price * (peak - site.peak_so_far_kw)
    objective, bound = solved.objective + peak_cost, solved.lower_bound + peak_cost
    flat = replace(ready.supply, curvature=np.where(_is_grid(ready)[:, None], 0.0, ready.supply.curvature))
    money = float(sum(w * flat.costs(g).sum() for w, g in zip(ready.weights, given, strict=True))) + peak_cost
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
        cost=money + (float(b.wear @ found.discharge.sum(axis=1)) if b.count else 0.0),
        slot_price=found.price[0],
        feeder_price=found.price[1:],
        value=found.value,
        peak_kw=peak,
        shortfalls=tuple(_shortfalls(ready, found)),
        cap_soft=tuple(_soft(ready, powers)),
        iterations=found.iterations,
    )


def _is_grid(ready: Prepared) -> FloatArray:
    return np.array([name in GRID for name in ready.supply.ids])


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
