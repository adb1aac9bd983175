"""A whole site in normal form: sources as the cost of the load, scenarios as its mean, cars and batteries in arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.batteries import Batteries, make_batteries
from optimizer.instance import Instance, make_instance, unserved_prices, up_the_tree
from optimizer.limit_rows import Rows
from optimizer.models.vehicle import V2gSession
from optimizer.phased import Wired, apart
from optimizer.polyline import expected
from optimizer.problem import EvSession
from optimizer.site import Site
from optimizer.slot_cost import SlotCost
from optimizer.supply import Source, Supply, flexible_source, generator_source, supply
from optimizer.wiring import Beside, wire

BEYOND = 3.0
"""A kWh above a limit that the base load alone breaks costs so many times what a car's unserved kWh costs."""
DEARER, TINY = 1.05, 1e-9


@dataclass(frozen=True, eq=False, slots=True)
class Prepared:
    """A site in arrays, kWh per slot; `extra` [Ω, T] and `weights` of the scenarios (one of nothing without them).

    `root_room` [T]: what may be drawn besides the base load, negative where that alone is above the limit. `wired`:
    all rows where currents are limited; the batteries' `node` is their group then.
    """

    site: Site
    supply: Supply
    cost: SlotCost
    extra: FloatArray
    weights: FloatArray
    instance: Instance
    batteries: Batteries
    root_room: FloatArray
    wired: Wired | None = None


def prepare(site: Site, peak_kw: float = np.inf, adder: FloatArray | None = None) -> Prepared:
    """The site in normal form, importing at most `peak_kw` in every scenario; `adder` [Ω, T] on the price of purchase.

    A base load above the limit is met, at a price above that of any car left unserved. So cars may charge there only
    as far as batteries make room for them.
    """
    plain = _prepared(site, peak_kw, adder, None)
    if (plain.instance.room[0] > 0).all():
        return plain
    dear = max(float(np.max(prices, initial=0.0)) for prices in (plain.instance.unserved, plain.batteries.dear))
    return priced_as(plain, _prepared(site, peak_kw, adder, BEYOND * dear))


def _prepared(site: Site, peak_kw: float, adder: FloatArray | None, penalty: float | None) -> Prepared:
    hours, base = site.slot_h, site.base_load_kw * site.slot_h
    extra, weights, margin, worst = _deviations(site)
    limit = np.minimum(np.asarray(site.import_max_kw), peak_kw)
    given = supply(list(_sources(site, limit, base + margin, 0.0, penalty)), site.slots)
    regular = np.array([name not in ("buy", "beyond", "spill") for name in given.ids])
    room = np.where(regular[:, None], given.high, 0.0).sum(axis=0)
    room += np.minimum(np.asarray(site.import_max_kw) * hours - margin, peak_kw * hours - worst)
    if adder is None:
        cost = given.cost if site.scenarios is None else expected([given.cost], extra, weights)
    else:
        charged = [supply(list(_sources(site, limit, base + margin, more, penalty)), site.slots).cost for more in adder]
        cost = charged[0] if site.scenarios is None else expected(charged, extra, weights)
    root_room = room - base
    if penalty is not None:
        room = np.where((room <= base) & (_discharge(site) > 0), np.inf, room)
    instance = _instance(site, cost, base, room)
    open_at = instance.room > 0
    for node in range(1, instance.nodes):
        open_at[node] &= open_at[instance.parent[node]]
    ready = _with_batteries(site, given, cost, extra, weights, instance, (~open_at).astype(np.float64))
    ready = replace(ready, root_room=root_room)
    return _under_rows(ready) if site.wired else ready


def _under_rows(ready: Prepared) -> Prepared:
    """The same with currents limited; caps of power are those of the instance."""
    site, i, b = ready.site, ready.instance, ready.batteries
    rows = site.rows()
    kind = rows.number([session.lines for session in site.sessions])
    other = rows.number([battery.lines for battery in site.batteries])
    given = rows.given(site.slot_h)
    given.room[: i.nodes] = i.room
    wiring = wire(i, kind, given, Beside(b.node, other, b.charge, b.discharge))
    opened = wiring.open_groups(wiring.shut(i))
    prices = _apart(ready, rows)
    instance = replace(i, unserved=prices[: len(site.sessions)])
    dear = np.append(
        np.full(len(site.storages), prices.max()), prices[len(site.sessions) : len(site.sessions) + len(site.cars)]
    )
    batteries = replace(
        b, node=wiring.beside, charge=b.charge * opened[wiring.beside], dear=dear * np.maximum(1.0 / b.gain, b.loss)
    )
    return replace(
        ready, instance=instance, batteries=batteries, wired=Wired(rows, kind, instance, wiring, site.slot_h)
    )


def _apart(ready: Prepared, rows: Rows) -> FloatArray:
    """Prices of what is not served [cars of both kinds]; without any, one for the batteries."""
    site, b = ready.site, ready.batteries
    cars: list[EvSession | V2gSession] = [*site.sessions, *site.cars]
    classes = np.array([car.priority for car in cars] or [0], dtype=np.int64)
    known = np.append(ready.instance.unserved, b.dear / np.maximum(1.0 / b.gain, b.loss))
    return apart(float(known.min()), classes, rows.exchange())


def _deviations(site: Site) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Of the net load, kWh per slot: all scenarios [Ω, T] with their weights, what the limit of the connection has to
    hold for, and the highest.
    """
    if site.scenarios is None:
        none = np.zeros(site.slots)
        return none[None], np.ones(1), none, none
    extra = site.scenarios.values * site.slot_h
    return extra, site.scenarios.weights, site.scenarios.quantile(site.confidence) * site.slot_h, extra.max(axis=0)


def _discharge(site: Site) -> FloatArray:
    """What batteries could give per slot."""
    total = np.full(site.slots, sum(storage.discharge_max_kw for storage in site.storages))
    for car in site.cars:
        total[car.arrival_slot : car.departure_slot] += car.discharge_max_kw
    return np.asarray(total, dtype=np.float64) * site.slot_h


def _sources(
    site: Site, limit: FloatArray, load: FloatArray, adder: FloatArray | float, penalty: float | None
) -> Iterator[Source]:
    """`load` is what has to be met anyway: where it is above what can be, more can be had, for the `penalty`.

    The `adder` is on everything bought.
    """
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
        yield Source("beyond", np.where(above, penalty or 0.0, dear) + adder, 0.0, 0.0, np.inf)
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


def priced_as(free: Prepared, ready: Prepared) -> Prepared:
    """With the same prices of what is not served."""
    instance = replace(ready.instance, unserved=free.instance.unserved)
    return replace(
        ready,
        instance=instance,
        batteries=replace(ready.batteries, dear=free.batteries.dear),
        wired=None if ready.wired is None else replace(ready.wired, instance=instance),
    )
