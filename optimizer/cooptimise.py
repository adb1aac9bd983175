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
from optimizer.arrays import BoolArray, FloatArray
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
"""A kWh above a limit that the base load alone breaks costs so many times what a car's unserved kWh costs."""
DEARER, TINY = 1.05, 1e-9
PHANTOM = 1e-7
PEAK_STEPS, PEAK_AIM, PEAK_BINDS = 25, 2e-7, 1e-5


@dataclass(frozen=True, eq=False, slots=True)
class Prepared:
    """A site in arrays, kWh per slot; `extra` [Ω, T] and `weights` of the scenarios (one of nothing without them).

    `root_room` [T]: what may be drawn besides the base load, negative where that alone is above the limit.
    """

    site: Site
    supply: Supply
    cost: SlotCost
    extra: FloatArray
    weights: FloatArray
    instance: Instance
    batteries: Batteries
    root_room: FloatArray


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
    solved = solve_prepared(ready)
    if site.peak_price > 0:
        ready, solved = lowest_peak(ready, solved)
    return _plan(ready, solved)


def prepare(site: Site, peak_kw: float = np.inf, adder: FloatArray | float = 0.0) -> Prepared:
    """The site in normal form, importing at most `peak_kw`; `adder` on the price of a kWh bought.

    A base load above the limit is met, at a price above that of any car left unserved. So cars may charge there only
    as far as batteries make room for them.
    """
    plain = _prepared(site, peak_kw, adder, None)
    if (plain.instance.room[0] > 0).all():
        return plain
    dear = max(float(np.max(prices, initial=0.0)) for prices in (plain.instance.unserved, plain.batteries.dear))
    return _priced_as(plain, _prepared(site, peak_kw, adder, BEYOND * dear))


def _prepared(site: Site, peak_kw: float, adder: FloatArray | float, penalty: float | None) -> Prepared:
    limit = np.minimum(np.asarray(site.import_max_kw), peak_kw)
    hours, base = site.slot_h, site.base_load_kw * site.slot_h
    if site.scenarios is None:
        extra, weights = np.zeros((1, site.slots)), np.ones(1)
    else:
        extra, weights = site.scenarios.values * hours, site.scenarios.weights
    margin = np.zeros(site.slots) if site.scenarios is None else site.scenarios.quantile(site.confidence) * hours
    beyond = base + margin
    sources = list(_sources(site, limit, beyond, adder, penalty))
    given = supply(sources, site.slots)
    regular = np.array([source.id not in ("beyond", "spill") for source in sources])
    room = np.where(regular[:, None], given.high, 0.0).sum(axis=0) - margin
    cost = given.cost if site.scenarios is None else expected(given.cost, extra, weights)
    root_room = room - base
    if penalty is not None:
        room = np.where((room <= base) & (_discharge(site) > 0), np.inf, room)
    instance = _instance(site, cost, base, room)
    open_at = instance.room > 0
    for node in range(1, instance.nodes):
        open_at[node] &= open_at[instance.parent[node]]
    ready = _with_batteries(site, given, cost, extra, weights, instance, (~open_at).astype(np.float64))
    return replace(ready, root_room=root_room)


def _discharge(site: Site) -> FloatArray:
    """What batteries could give per slot."""
    total = np.full(site.slots, sum(storage.discharge_max_kw for storage in site.storages))
    for car in site.cars:
        total[car.arrival_slot : car.departure_slot] += car.discharge_max_kw
    return np.asarray(total, dtype=np.float64) * site.slot_h


def _sources(
    site: Site, limit: FloatArray, load: FloatArray, adder: FloatArray | float, penalty: float | None
) -> Iterator[Source]:
    """`load` is what has to be met anyway: where it is above what can be, more can be had, for the `penalty`."""
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
    yield replace(regular[0], price=buy + adder)
    yield from regular[1:]
    least, most = (
        sum((np.asarray(getattr(s, side)) for s in regular), np.zeros(site.slots)) for side in ("low", "high")
    )
    dear = DEARER * np.max(np.stack([np.broadcast_to(_dearest(s), load.shape) for s in regular]), axis=0) + TINY
    dear += site.peak_price / hours
    above, below = (load > most, load < least) if penalty is not None else (False, False)
    if np.isfinite(given).any():
        yield Source("beyond", np.where(above, penalty or 0.0, dear), 0.0, 0.0, np.inf)
    if np.isfinite(taken).any():
        yield Source("spill", np.where(below, -(penalty or 0.0), -dear), 0.0, -np.inf, 0.0)


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
    # A kWh more may also raise the peak.
    prices += losses * site.peak_price / site.slot_h
    instance = replace(instance, most=most, unserved=prices[: len(site.sessions)])
    step = float(np.min(np.diff(np.unique(prices)), initial=np.inf))
    feeding = batteries(
        float(prices[len(site.sessions) :].min(initial=prices.max())), step if np.isfinite(step) else 0.0
    )
    return Prepared(site, given, cost, extra, weights, instance, feeding, instance.room[0])


def solve_prepared(ready: Prepared) -> Solved:
    """The best plan with its bound."""
    instance = _with_phantom(ready)
    solved = None
    for aim in AIMS:
        batteries = ready.batteries if ready.batteries.count else None
        found = interior_point.solve_beside(instance, aim, batteries, ready.root_room)
        if instance is not ready.instance:
            found = replace(found, energy=np.zeros((len(ready.instance.rate), instance.slots)))
        solved = Solved(found, _objective(ready, found), _bound(ready, found))
        if solved.gap <= GAP_TARGET:
            break
    assert solved is not None
    return solved


def import_kwh(ready: Prepared, solved: Solved) -> FloatArray:
    """What is bought (less what is sold) per slot, the largest over the scenarios."""
    found = solved.found
    load = ready.instance.base + found.energy.sum(axis=0) + (found.charge - found.discharge).sum(axis=0)
    each = [ready.supply.dispatch(load + more)[_is_grid(ready)].sum(axis=0) for more in ready.extra]
    return np.asarray(np.max(each, axis=0))


def lowest_peak(free: Prepared, solved: Solved) -> tuple[Prepared, Solved]:
    """The best compromise with the price of the peak, from the plan without it; objective and bound count that price.

    The cost of everything else is convex in the peak allowed, and the prices of the import limit are its slope:
    tangents at both ends of a bracket meet near the best peak. The bound charges the slots by those prices (they add up
    to the price of the peak) instead of the peak; what that costs at least no plan with the peak's price can go below.
    """
    site, start = free.site, free.site.peak_so_far_kw
    high = _At(free, free, solved, max(float(import_kwh(free, solved).max()) / site.slot_h, start))
    if high.peak_kw <= start:
        return free, solved
    low = high.lowered(start)
    best = low if low.sound and low.total < high.total else high
    for _ in range(PEAK_STEPS):
        if _settled(low, high, best.total):
            break
        middle = high.lowered(low.where(high) if low.sound else 0.5 * (low.peak_kw + high.peak_kw))
        if middle.sound and middle.total < best.total:
            best = middle
        low, high = (middle, high) if middle.slope < 0 or not middle.sound else (low, middle)
    return best.ready, replace(best.solution, objective=best.total, lower_bound=_peak_bound(low, high))


def _settled(low: _At, high: _At, best: float) -> bool:
    """Whether the tangents leave nothing to win."""
    if not low.sound:
        return high.peak_kw - low.peak_kw <= PEAK_AIM * high.peak_kw
    return low.slope >= 0 or high.slope <= 0 or low.meets(high) >= best - PEAK_AIM * abs(best)


def _peak_bound(low: _At, high: _At) -> float:
    """What the site costs at least when slots are charged for the peak, with prices between those of both ends."""
    site = low.free.site
    share = 1.0 if low.slope >= 0 else max(high.slope, 0.0) / (max(high.slope, 0.0) - low.slope)
    adder = share * low.limit_price + (1.0 - share) * high.limit_price
    adder *= min(1.0, site.peak_price / max(float(adder.sum()) * site.slot_h, TINY))
    charged = solve_prepared(_priced_as(low.free, prepare(site, adder=adder)))
    return charged.lower_bound - float(adder.sum()) * site.slot_h * site.peak_so_far_kw


def _priced_as(free: Prepared, ready: Prepared) -> Prepared:
    """With the same prices of what is not served."""
    return replace(
        ready,
        instance=replace(ready.instance, unserved=free.instance.unserved),
        batteries=replace(ready.batteries, dear=free.batteries.dear),
    )


@dataclass(frozen=True, eq=False, slots=True)
class _At:
    """The best plan that imports at most `peak_kw`; `free` is the site without that limit."""

    free: Prepared
    ready: Prepared
    solution: Solved
    peak_kw: float

    def lowered(self, peak_kw: float) -> _At:
        """The same with another limit."""
        ready = _priced_as(self.free, prepare(self.free.site, peak_kw))
        return _At(self.free, ready, solve_prepared(ready), peak_kw)

    @property
    def sound(self) -> bool:
        """Whether the limit is kept and nobody goes short for it; elsewhere the total is not convex in the peak."""
        missing = self.ready.instance.energy.sum() - self.solution.found.energy.sum()
        more = float(missing) > PEAK_BINDS * max(float(self.ready.instance.energy.sum()), TINY)
        over = float(import_kwh(self.ready, self.solution).max()) / self.free.site.slot_h - self.peak_kw
        return not more and over <= PEAK_BINDS * max(self.peak_kw, 1.0)

    @property
    def total(self) -> float:
        site = self.free.site
        return self.solution.objective + site.peak_price * (self.peak_kw - site.peak_so_far_kw)

    @property
    def limit_price(self) -> FloatArray:
        """What a kWh more of import is worth in each slot, beyond its own price, where the limit binds."""
        site, most = self.free.site, self.peak_kw * self.free.site.slot_h
        bought = np.asarray(site.price) + np.asarray(site.weight) * most
        binds = import_kwh(self.ready, self.solution) >= most * (1.0 - PEAK_BINDS) - TINY
        return np.where(binds, np.maximum(self.solution.found.price[0] - bought, 0.0), 0.0)

    @property
    def slope(self) -> float:
        """Of the total in the peak."""
        site = self.free.site
        return site.peak_price - float(self.limit_price.sum()) * site.slot_h

    def where(self, other: _At) -> float:
        """The peak at which both tangents meet, or the middle where rounding puts that outside."""
        rise = other.total - other.slope * other.peak_kw - self.total + self.slope * self.peak_kw
        found = rise / (self.slope - other.slope)
        width = other.peak_kw - self.peak_kw
        inside = self.peak_kw + 1e-3 * width < found < other.peak_kw - 1e-3 * width
        return found if inside else 0.5 * (self.peak_kw + other.peak_kw)

    def meets(self, other: _At) -> float:
        """The total there, as the tangents have it."""
        found = (other.total - other.slope * other.peak_kw - self.total + self.slope * self.peak_kw) / (
            self.slope - other.slope
        )
        return self.total + self.slope * (found - self.peak_kw)


def _with_phantom(ready: Prepared) -> Instance:
    """The interior point wants one car: a negligible one when nobody else wants anything."""
    i, b = ready.instance, ready.batteries
    open_slots = np.cumsum(np.pad((i.room > 0).all(axis=0), (1, 0)))
    if (i.energy * (open_slots[i.depart] - open_slots[i.arrive])).any():
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
    # Where there is no room, none of it is for cars, at whatever price; batteries may still give there.
    for_cars = np.where(i.room > 0, price, np.maximum(price, np.max(i.unserved, initial=0.0)))
    cars = float(car_bounds(i, monotone(i, for_cars)).sum())
    return loads + caps + cars + (b.bound(price, found.value) if b.count else 0.0)


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
    objective, bound = solved.objective, solved.lower_bound
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


def _is_grid(ready: Prepared) -> BoolArray:
    return np.array([name in GRID for name in ready.supply.ids], dtype=np.bool_)


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
