"""The interior point and its proof under any linear limits on a tree (`optimizer.wiring`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.arrays import BoolArray, FloatArray
from optimizer.batteries import Batteries
from optimizer.caps import Caps
from optimizer.certificate import car_bounds, load_bound
from optimizer.devices import Device
from optimizer.entries import Entries, make_entries
from optimizer.instance import Instance, price_scale
from optimizer.interior_batteries import BatteryPoint
from optimizer.interior_point import FREE_ROOM, ITERATIONS_MAX, PRICE_LIMIT, SLACK_AIM, Found, Iteration, beside
from optimizer.repair import repair, within
from optimizer.slot_cost import Scaled, SlotCost
from optimizer.wired_network import WiredNetwork
from optimizer.wiring import Wiring

MEASURE = 1e-2
"""Misses of a row whose room is small beside what could be drawn are measured by this share of that."""

GOES_ROUND = 0.9
"""Where complementarity falls by less in two steps, terms of second order go round in circles."""
WORSE = 1e4
"""A point so many times worse than one before is beyond what precision allows."""


class WiredCaps:
    """The limits as the interior point sees them: rooms no larger than what can be used and never 0, so that slacks are
    well scaled; prices [V, m, T] at the nodes, in the basis. Energies in units of `unit` kWh.
    """

    def __init__(self, wiring: Wiring, unit: float, cost: SlotCost, base: FloatArray) -> None:
        self.wiring, self.cost, self.base = wiring, cost, base
        room = np.minimum(wiring.usable(), FREE_ROOM * wiring.most) / unit
        self.room = np.where(room > 0, room, 1.0)
        self.measure = np.maximum(self.room, MEASURE * wiring.most / unit)

    def flow(self, own: FloatArray) -> FloatArray:
        """Rows [R, T] of groups [G, T]."""
        return np.asarray(self.wiring.coef @ own)

    def offers(self, price: FloatArray) -> FloatArray:
        """Price per group [G, T]."""
        return np.asarray(np.einsum("gb,gbt->gt", self.wiring.share, price[self.wiring.at]))

    def lifted(self, row_lift: FloatArray) -> FloatArray:
        """What rows add to the prices of their own nodes [V, m, T]."""
        w = self.wiring
        found = np.zeros((w.nodes, w.part.shape[1], row_lift.shape[1]))
        np.add.at(found, w.row_node, w.part[:, :, None] * row_lift[:, None, :])
        return found

    def begin(self, row_price: FloatArray) -> FloatArray:
        """Prices at the nodes of the prices of the rows."""
        price = self.lifted(row_price)
        for node in range(1, len(price)):
            price[node] += price[self.wiring.parent[node]]
        return price

    def miss(self, price: FloatArray, row_price: FloatArray) -> FloatArray:
        """By how much the rows' prices ask for more than the price stands above the parent's."""
        above = price.copy()
        above[1:] -= price[self.wiring.parent[1:]]
        return self.lifted(row_price) - above

    def network(self, coupling: FloatArray, ground: FloatArray, stiff: FloatArray) -> WiredNetwork:
        """One factorisation."""
        return WiredNetwork(self.wiring, coupling, ground, stiff)


@dataclass(frozen=True, eq=False, slots=True)
class Kept:
    """A point on the way: how good it is (1 is what was asked for), energies, prices of the caps and of the load,
    batteries.
    """

    merit: float
    energy: FloatArray
    cap_price: FloatArray
    root_price: FloatArray
    batteries: tuple[FloatArray, FloatArray, FloatArray] | None


def _kept(point: Iteration, measure: float, battery: BatteryPoint | None) -> Kept:
    root = np.asarray(point.caps.cost.price(point.load) + sum(device.price() for device in point.devices))
    beside = None if battery is None else (*battery.result(), battery.value.copy())
    return Kept(_merit(point, measure), point.space[0].copy(), point.cap_price.copy(), root, beside)


def _iterate(
    e: Entries, caps: Caps, aim: float, devices: Sequence[Device], battery: BatteryPoint | None
) -> tuple[Kept, int]:
    """The best point on the way and the number of iterations, where precision may end before the aim."""
    point, iterations = Iteration(e, caps, devices), 0
    done = point.look(aim)
    # Against the cost of the first point: that of the best may be 0.
    measure = aim * point.cost
    best = _kept(point, measure, battery)
    before = [np.inf, np.inf]
    while not done and _merit(point, measure) <= WORSE * best.merit and iterations < ITERATIONS_MAX:
        before = [before[1], point.total]
        if not point.advance(plain=point.total > GOES_ROUND * before[0]):
            break
        iterations += 1
        done = point.look(aim)
        if _merit(point, measure) < best.merit:
            best = _kept(point, measure, battery)
    return best, iterations


def _merit(point: Iteration, measure: float) -> float:
    return max(point.total / measure, point.missed / SLACK_AIM)


def solve(instance: Instance, wiring: Wiring, aim: float) -> tuple[FloatArray, FloatArray, int]:
    """Energy per car and slot [N, T], within every limit, prices of the rows [R, T], number of iterations."""
    found = solve_beside(instance, wiring, aim, None)
    return found.energy, found.price, found.iterations


def solve_beside(
    instance: Instance,
    wiring: Wiring,
    aim: float,
    batteries: Batteries | None,
    root_room: FloatArray | None = None,
) -> Found:
    """The same with batteries beside the cars, at `node` their groups. `root_room` as in `optimizer.interior_point`."""
    strongest = 0.0 if batteries is None else batteries.strongest
    unit = max(float(np.max(instance.rate, initial=0.0)), strongest) or 1.0
    money = price_scale(instance)
    shut = wiring.shut(instance)
    opened = wiring.open_groups(shut).astype(np.float64)
    e = make_entries(wiring.grouped(instance), opened, unit, money)
    if e is None and batteries is not None:
        # Batteries are still to be planned: a car without any room is let in and cut away at the end.
        e = make_entries(wiring.grouped(instance), np.ones_like(opened), unit, money)
    price = np.zeros_like(wiring.room)
    price[0] = instance.cost.price(instance.base)
    none = np.zeros((batteries.count if batteries else 0, instance.slots))
    if e is None:
        nothing = np.zeros((len(instance.rate), instance.slots))
        return Found(nothing, _priced_out(instance, wiring, shut, price), 0, none, none, none)
    smooth, battery, devices = beside(instance, batteries, unit, money, wiring.groups)
    caps = WiredCaps(wiring, unit, Scaled(smooth, unit, money), instance.base / unit)
    charge = discharge = value = none
    with np.errstate(all="ignore"):
        point, iterations = _iterate(e, caps, aim, devices, battery)
        found = np.nan_to_num(point.cap_price)
        found[0] += np.nan_to_num(point.root_price)
        found = np.clip(found, -PRICE_LIMIT, PRICE_LIMIT * max(1.0, e.dearest) / _smallest(wiring))
        room, energy = wiring.usable() / unit, point.energy
        if batteries and point.batteries:
            charge, discharge = batteries.netted(*point.batteries[:2])
            value = point.batteries[2] * money
            net = batteries.own_flow(charge - discharge, wiring.groups) / unit
            energy = within(e, energy)
            share = drawn_back(wiring, room, e.per_terminal(energy) + net)
            charge, discharge, energy, net = share * charge, share * discharge, share * energy, share * net
            room = _left(wiring, room, net, None if root_room is None else root_room / unit)
        energy = repair(e, wiring, room, energy, wiring.price(found))
    # Where batteries may give although cars may not charge, what is dear for cars would be so for them too.
    prices = found * money if batteries else _priced_out(instance, wiring, shut, found * money)
    return Found(e.table(energy * unit, len(instance.rate)), prices, iterations, charge, discharge, value)


def drawn_back(wiring: Wiring, room: FloatArray, own: FloatArray) -> float:
    """The share of a plan that keeps every row: drawn back towards nothing, batteries stay within what they hold."""
    flow = wiring.flow(own)
    ratio = np.divide(room, flow, out=np.ones_like(flow), where=(room > 0) & (flow > room))
    return float(ratio.min(initial=1.0))


def _left(wiring: Wiring, room: FloatArray, net: FloatArray, root_room: FloatArray | None) -> FloatArray:
    """What batteries leave to the cars; below 0 only in differences, where cars have to make up for them."""
    room = room.copy()
    if root_room is not None:
        room[0] = np.minimum(room[0], root_room)
    left = room - wiring.flow(net)
    one_way = (wiring.coef >= 0).all(axis=1)
    left[one_way] = np.maximum(left[one_way], 0.0)
    return left


def _smallest(wiring: Wiring) -> float:
    """The smallest part, in size, of a group in a row: prices of such rows are as much larger than those of cars."""
    return float(np.min(np.abs(wiring.coef), initial=1.0, where=wiring.coef != 0))


def _priced_out(instance: Instance, wiring: Wiring, shut: BoolArray, price: FloatArray) -> FloatArray:
    """Rows without room cost nothing to be dear: their groups are priced out."""
    dear = float(np.max(instance.dearest(), initial=0.0))
    for row in np.flatnonzero(shut.any(axis=1)):
        groups = np.flatnonzero(wiring.coef[row] > 0)
        lacks = (dear - wiring.price(price)[groups]) / wiring.coef[row, groups][:, None]
        price[row] += np.where(shut[row], np.maximum(lacks.max(axis=0, initial=0.0), 0.0), 0.0)
    return price


def lower_bound(instance: Instance, wiring: Wiring, price: FloatArray, served: FloatArray | None = None) -> float:
    """A value that no plan can go below, for any finite prices of the rows [R, T] (those of limits count from 0 up):
    loads by themselves, cars by themselves, and what the rooms take off. `served` as in `optimizer.certificate`.
    """
    instance, rest = instance.tangent(served)
    price = sound(price)
    cars = float(car_bounds(wiring.grouped(instance), wiring.price(price)).sum())
    return load_bound(instance, price[0], wiring.most[0]) - rooms(wiring, price) + cars + rest


def sound(price: FloatArray) -> FloatArray:
    """Prices that prove something: those of limits are not below 0."""
    price = price.copy()
    np.maximum(price[1:], 0.0, out=price[1:])
    return price


def rooms(wiring: Wiring, price: FloatArray) -> float:
    """What the prices of the limits take off."""
    return float((price[1:] * np.minimum(wiring.room[1:], wiring.most[1:])).sum())
