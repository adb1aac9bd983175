"""Exact plans by a structured interior-point method (Mehrotra predictor-corrector) for one cap or a tree of caps.

Each Newton step eliminates every car by hand; what is left couples the slots of each node and, along the edges of the
tree, the nodes (`optimizer.network`). Start and step length keep every car's energy and every dual condition exact,
so only complementarity and the slacks of the caps are left to drive to zero. Every car has one more entry for energy
not served, at a price above any slot: a strictly interior point always exists, and the answer is never "infeasible".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError
from scipy.linalg.blas import dsyrk

from optimizer.arrays import FloatArray, IntArray
from optimizer.batteries import Batteries
from optimizer.caps import Caps, TreeCaps, TreeLimits
from optimizer.devices import Device, JumpPoint
from optimizer.entries import Entries, make_entries
from optimizer.instance import Instance, default_price, price_scale, up_the_tree, usable_room
from optimizer.interior_batteries import BatteryPoint
from optimizer.polyline import without_jumps
from optimizer.repair import repair
from optimizer.slot_cost import Scaled, SlotCost

ITERATIONS_MAX = 60
PROXIMAL = 1e-9
TO_BOUNDARY = 0.995
STEP_MIN = 1e-10
SLACK_AIM = 1e-7
FIRST_FILL = 0.9
FIRST_SLACK = 0.1
FREE_ROOM = 1.2
PRICE_LIMIT = 10.0
"""Prices of a stalled point beyond this multiple of the dearest possible are cut: they would only hurt the bound."""
FIRST_MU = 0.1
FLOOR = 0.01
CURVATURE_MIN = 1e-9
BEYOND = 1e-3
"""So much further than asked nothing is won: caps that are missed by then are so by rounding."""
TINY = 1e-300
MIDDLE = 0.3


class Iteration:
    """One point and the Newton steps from it, all in place: arrays of this size are dear to allocate.

    `space` [2, entries]: energies x, and what is left to their limits; `dual` of both; `slack`, `cap_price` of the caps
    and `price` at the nodes [K, T] (as `caps` has them).
    """

    def __init__(self, e: Entries, caps: Caps, devices: Sequence[Device] = ()) -> None:
        self.e, self.caps = e, caps
        self.per, self.turn, self.move = (np.empty((2, len(e.car))) for _ in range(3))
        self.give, self.pull, self.offer, self.mean = (np.empty(len(e.car)) for _ in range(4))
        self.devices = devices
        self.bent = bool(e.bend.any())
        self._start()

    def _start(self) -> None:
        """Every car spread evenly over its window, a tenth unserved; duals that agree with the prices."""
        e, caps = self.e, self.caps
        length = e.lasts - e.starts
        rate = e.upper[e.starts]
        share = FIRST_FILL * np.minimum(e.energy / (rate * length), 1.0)
        x = share[e.car] * e.upper
        x[e.lasts] = e.energy - share * rate * length
        self.space = np.stack([x, e.upper - x])
        self._price_unserved()
        flow = caps.flow(e.per_terminal(x))
        self.slack = np.maximum(caps.room - flow, FIRST_SLACK * caps.room)
        level = float(np.minimum(x, self.space[1]).mean())
        self.cap_price = FIRST_MU * level / self.slack
        row_price = self.cap_price.copy()
        row_price[0] += caps.cost.price(caps.base + flow[0])
        self.price = caps.begin(row_price)
        offers = caps.offers(self.price)
        offer = e.at_entries(offers, self.offer)
        slope = offer + self.extra - (e.per_car(offer) / length)[e.car]
        self.dual = np.stack([slope, -slope])
        np.maximum(self.dual, 0.0, out=self.dual)
        self.dual += FLOOR + FIRST_MU * level / e.upper
        for device in self.devices:
            device.begin(offers, caps.base + flow[0])

    def _price_unserved(self) -> None:
        """What unserved energy costs per unit where it is."""
        e = self.e
        self.extra, self.dear = e.extra, e.extra[e.lasts]
        if self.bent:
            self.extra = e.extra.copy()
            self.dear += e.bend * self.space[0][e.lasts]
            self.extra[e.lasts] = self.dear

    def look(self, aim: float) -> bool:
        """Takes the measures of the point; whether complementarity and cap misses are small enough."""
        own = self.e.per_terminal(self.space[0])
        for device in self.devices:
            own += device.own_flow()
        flow = self.caps.flow(own)
        self.load = self.caps.base + flow[0]
        for device in self.devices:
            device.look(self.load)
        self.slack_miss = self.caps.room - flow - self.slack
        self.cap_total = float(np.vdot(self.slack, self.cap_price))
        self.device_total = sum(device.total() for device in self.devices)
        self.total = float(np.vdot(self.space, self.dual)) + self.cap_total + self.device_total
        missing = self.space[0][self.e.lasts]
        if self.bent:
            self._price_unserved()
        unserved = float((self.dear - 0.5 * self.e.bend * missing) @ missing)
        beside = unserved + sum(device.cost() for device in self.devices)
        self.cost = max(abs(float(self.caps.cost.value(self.load).sum()) + beside), TINY)
        reached = self.total / self.cost
        self.missed = missed = float(np.max(np.abs(self.slack_miss) / self.caps.measure))
        return reached <= (BEYOND * aim if missed > SLACK_AIM else aim)

    def advance(self, plain: bool = False) -> bool:
        """Predictor, corrector, step; False when the numbers give out, with the point left as it was. `plain`: towards
        the middle, without terms of second order, where these go round in circles.
        """
        try:
            self._factorise()
        except LinAlgError:
            return False
        aim, cap_turn = self._predict()
        if plain:
            aim, cap_turn = MIDDLE * self.total / (self.turn.size + self.slack.size), np.zeros_like(self.slack)
            self.turn[:] = 0.0
            for device in self.devices:
                device.straight()
        self.turn -= self.dual
        np.multiply(self.per, aim, out=self.move)
        self.turn += self.move
        np.subtract(self.turn[0], self.turn[1], out=self.pull)
        for device in self.devices:
            device.aim(aim)
        return self._step(*self._direction((aim - cap_turn) / self.slack - self.cap_price))

    def _factorise(self) -> None:
        """Eliminates the cars."""
        e = self.e
        np.divide(1.0, self.space, out=self.per)  # faster than np.reciprocal, which is not vectorised
        np.multiply(self.dual, self.per, out=self.turn)
        np.add(self.turn[0], self.turn[1], out=self.give)
        self.give += PROXIMAL
        if self.bent:
            self.give[e.lasts] += e.bend
        np.divide(1.0, self.give, out=self.give)
        self.car_give = 1.0 / e.per_car(self.give)
        self.marginal = self.caps.cost.price(self.load)
        for device in self.devices:
            self.marginal = self.marginal + device.price()
        row_price = self.cap_price.copy()
        row_price[0] += self.marginal
        self.price_miss = self.caps.miss(self.price, row_price)
        self.cap_stiff = self.cap_price / self.slack
        stiff = self.cap_stiff.copy()
        stiff[0] += np.maximum(self.caps.cost.curvature(self.load), CURVATURE_MIN)
        coupling, ground = self._conductances()
        for device in self.devices:
            stiff[0] += device.eliminate(coupling, ground)
        self.network = self.caps.network(coupling, ground, stiff)

    def _conductances(self) -> tuple[FloatArray, FloatArray]:
        """Between the slots of each node, and to ground; `unserved`: what flows there from the unserved prices."""
        e = self.e
        rows = np.sqrt(self.car_give).take(e.car, out=self.offer, mode="clip")
        rows *= self.give
        worth = rows[e.lasts] * self.dear
        coupling, ground = np.zeros((e.nodes, e.slots, e.slots)), np.zeros((e.nodes, e.slots))
        self.unserved = np.zeros_like(ground)
        for table in e.tables:
            table.values.ravel()[table.places] = rows[table.entries]
            # In the transpose, which is C-ordered as the sums are, the lower triangle is filled.
            product = dsyrk(1.0, table.values.T, trans=1).T
            coupling[table.node, table.slots, table.slots] += product[:-1, :-1]
            ground[table.node, table.slots] += product[-1, :-1]
            self.unserved[table.node, table.slots] += table.values[:-1] @ worth[table.cars]
        return coupling, ground

    def _predict(self) -> tuple[float, FloatArray]:
        """Mehrotra's target from the step towards no complementarity at all, and second-order terms: those of the caps,
        and in `turn` those of the cars.

        The duals agree with the prices, so this step is the cars' answer to the new prices by themselves.
        """
        e = self.e
        stiff_miss = self.cap_stiff * self.slack_miss
        lift = -stiff_miss
        lift[0] += self.marginal
        inflow = self.unserved.copy()
        for device in self.devices:
            device.aim(None)
            inflow += device.inflow()
            lift[0] += device.lift()
        offers = self.caps.offers(self.network.solve(inflow, self.caps.lifted(lift)))
        offer = e.at_entries(offers, self.offer)
        offer += self.extra
        offer *= self.give
        np.subtract(self._weighted_mean(offer), offer, out=self.pull)
        flow = self._flow_step(offers)
        slack, cap_price = self.slack_miss - flow, self.cap_stiff * flow - stiff_miss - self.cap_price
        return self._aim(slack, cap_price), slack * cap_price

    def _direction(self, cap_pull: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Steps of slacks, cap prices and node prices; `pull`, what complementarity wants, becomes the step of x."""
        e, pull = self.e, self.pull
        pull *= self.give
        pull -= self._weighted_mean(pull)
        cap_lift = cap_pull - self.cap_stiff * self.slack_miss
        lift = cap_lift.copy()
        inflow = e.per_terminal(pull)
        for device in self.devices:
            inflow += device.inflow()
            lift[0] += device.lift()
        price = self.network.solve(inflow, self.caps.lifted(lift) + self.price_miss)
        offers = self.caps.offers(price)
        offer = e.at_entries(offers, self.offer)
        offer *= self.give
        pull -= offer
        pull += self._weighted_mean(offer)
        flow = self._flow_step(offers)
        return self.slack_miss - flow, cap_lift + self.cap_stiff * flow, price

    def _flow_step(self, offers: FloatArray) -> FloatArray:
        """Of cars (`pull`) and devices in each row, at the new prices."""
        own = self.e.per_terminal(self.pull)
        for device in self.devices:
            own += device.answer(offers)
        flow = self.network.through(self.caps.flow(own))
        for device in self.devices:
            device.settle(flow[0])
        return flow

    def _weighted_mean(self, weighted: FloatArray) -> FloatArray:
        """Mean per car of what was multiplied by `give`, times `give`."""
        mean = (self.e.per_car(weighted) * self.car_give).take(self.e.car, out=self.mean, mode="clip")
        mean *= self.give
        return mean

    def _relative(self) -> FloatArray:
        """The step of x relative to both spaces, in `move`."""
        np.multiply(self.per, self.pull, out=self.move)
        np.negative(self.move[1], out=self.move[1])
        return self.move

    def _aim(self, slack: FloatArray, cap_price: FloatArray) -> float:
        """Mehrotra's target from the predictor; leaves its second-order terms in `turn`."""
        move = self._relative()
        reach = max(
            -float(move.min()), 1.0 + float(move.max()), _reach(slack, self.slack), _reach(cap_price, self.cap_price)
        )
        step = 1.0 / max(1.0, reach, *(device.reach() for device in self.devices))
        np.multiply(move, move, out=self.turn)
        self.turn += move
        self.turn *= self.dual
        bent = float(np.vdot(self.space, self.turn))
        caps_after = float(np.vdot(self.slack + step * slack, self.cap_price + step * cap_price))
        caps_after += sum(device.after(step) for device in self.devices)
        after = (1.0 - step) * (self.total - self.cap_total - self.device_total) - step * step * bent + caps_after
        pairs = self.turn.size + slack.size + sum(device.size for device in self.devices)
        return float((max(after, 0.0) / self.total) ** 3 * self.total / pairs)

    def _step(self, slack: FloatArray, cap_price: FloatArray, price: FloatArray) -> bool:
        """Goes as far as everything stays positive, exactly so far in all directions."""
        move, turn = self._relative(), self.turn
        np.multiply(self.dual, move, out=self.per)
        turn -= self.per
        np.divide(turn, self.dual, out=self.per)
        reach = max(
            -float(move.min()), -float(self.per.min()), _reach(slack, self.slack), _reach(cap_price, self.cap_price)
        )
        reach = max(reach, *(device.reach() for device in self.devices)) if self.devices else reach
        step = min(1.0, TO_BOUNDARY / max(reach, TO_BOUNDARY))
        if not (np.isfinite(reach) and step >= STEP_MIN and np.isfinite(price).all()):
            return False
        move *= step
        move += 1.0
        self.space *= move
        turn *= step
        self.dual += turn
        self.slack += step * slack
        self.cap_price += step * cap_price
        self.price += step * price
        for device in self.devices:
            device.go(step)
        return True


def _reach(change: FloatArray, value: FloatArray) -> float:
    """How often the change fits before a value becomes 0, inverted."""
    return -float((change / value).min())


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """Energy per car and slot [N, T], within every limit, price per node and slot [K, T] (per row [R, T] where currents
    are limited), number of iterations; charge, discharge and value of a kWh of the batteries [S, T].
    """

    energy: FloatArray
    price: FloatArray
    iterations: int
    charge: FloatArray
    discharge: FloatArray
    value: FloatArray


def solve(instance: Instance, aim: float) -> tuple[FloatArray, FloatArray, int]:
    """Energy per car and slot [N, T], within every limit, price per node and slot [K, T], number of iterations.

    `aim`: complementarity, relative to the cost, at which to stop; the certified gap comes out some times smaller.
    """
    found = solve_beside(instance, aim, None)
    return found.energy, found.price, found.iterations


def solve_beside(
    instance: Instance, aim: float, batteries: Batteries | None, root_room: FloatArray | None = None
) -> Found:
    """The same with batteries beside the cars; `instance.most` counts their charging too.

    Some car has to want something, in a slot with room. `root_room` [T], of any sign: what cars and batteries may draw
    together where the instance itself leaves that to the price.
    """
    strongest = 0.0 if batteries is None else batteries.strongest
    unit = max(float(np.max(instance.rate, initial=0.0)), strongest) or 1.0
    room, money = usable_room(instance), price_scale(instance)
    e, price = make_entries(instance, room, unit, money), default_price(instance, room)
    none = np.zeros((batteries.count if batteries else 0, instance.slots))
    if e is None:
        return Found(np.zeros((len(instance.rate), instance.slots)), price, 0, none, none, none)
    room /= unit
    smooth, point_of_batteries, devices = beside(instance, batteries, unit, money, instance.nodes)
    caps = TreeCaps(instance.parent, _finite(instance, room, unit), Scaled(smooth, unit, money), instance.base / unit)
    charge = discharge = value = none
    with np.errstate(all="ignore"):
        point, iterations = iterate(e, caps, aim, devices)
        found = np.clip(np.nan_to_num(point.price), -PRICE_LIMIT, PRICE_LIMIT * max(1.0, e.dearest))
        if batteries and point_of_batteries:
            charge, discharge = point_of_batteries.result()
            charge, discharge = batteries.netted(charge, discharge)
            value = point_of_batteries.value * money
            flow = up_the_tree(instance.parent, batteries.own_flow(charge - discharge, instance.nodes))
            if root_room is not None:
                room[0] = np.minimum(room[0], root_room / unit)
            room = np.maximum(room - flow / unit, 0.0)
        energy = repair(e, TreeLimits(instance.parent), room, point.space[0], found)
    energy *= unit
    prices = found * money if batteries else _with_closed(price, found * money, e, instance.parent)
    return Found(e.table(energy, len(instance.rate)), prices, iterations, charge, discharge, value)


def beside(
    instance: Instance, batteries: Batteries | None, unit: float, money: float, groups: int
) -> tuple[SlotCost, BatteryPoint | None, list[Device]]:
    """The cost without the jumps of its price, the batteries, and all devices: those and the jumps."""
    smooth, jumps = without_jumps(instance.cost)
    point = BatteryPoint(batteries, unit, money, groups) if batteries else None
    devices: list[Device] = [point] if point else []
    if len(jumps.slot):
        devices.append(JumpPoint(instance.slots, jumps.slot, jumps.at / unit, jumps.height / money))
    return smooth, point, devices


def _finite(instance: Instance, room: FloatArray, unit: float) -> FloatArray:
    """Rooms no larger than what can be used, and never 0, so that slacks are well scaled."""
    room = np.minimum(room, FREE_ROOM / unit * instance.most)
    return np.where(room > 0, room, 1.0)


def _with_closed(price: FloatArray, found: FloatArray, e: Entries, parent: IntArray) -> FloatArray:
    """Prices as found, but the given ones where no car hangs on the node or below it."""
    used = up_the_tree(parent, e.per_terminal(np.ones(len(e.car))))
    return np.where(used > 0, found, price)


def iterate(e: Entries, caps: Caps, aim: float, devices: Sequence[Device] = ()) -> tuple[Iteration, int]:
    """The last sound point and the number of iterations."""
    point = Iteration(e, caps, devices)
    for iteration in range(ITERATIONS_MAX):
        if point.look(aim) or not point.advance():
            return point, iteration
    return point, ITERATIONS_MAX
