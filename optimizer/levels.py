"""The exact plan of a whole fleet by levels of price.

At the optimum the slots fall into blocks of equal marginal price. Given the blocks in ascending order, everything is
known in closed form: cheaper blocks are filled first, so the energy of each block is fixed, and one price per block
spreads it over the block's slots, caps and bends included. What remains is to find the blocks:

- a block whose wanted loads no fleet can deliver is split (Wolfe's nearest point of its polytope says where: the
  slots that get less than wanted can take no more, so they are cheaper);
- neighbours whose prices stand in the wrong order are merged;
- the end is reached, exactly and after finitely many steps, when every block's wanted loads are a mixture of greedy
  walks.

All blocks advance together on one greedy walk per round, and the number of cars plays no part. Caps need no penalty:
a slot at its cap simply wants no more. Elements are the slots, then one per priority class for energy not served.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs

from optimizer.aggregate import Aggregate, Mixture
from optimizer.arrays import BoolArray, FloatArray, IntArray
from optimizer.demand import Demand

SETTLED = 1e-10
"""Largest deviation from the wanted loads, in units of the most that the fleet can take in one slot."""
TIGHT = 1e-3
"""A set counts as full when its slack, per unit of load, is below this share of the jump in what is missing."""
JUMP_MIN = 1e-3
FACE = 1e-12
WEIGHT_MIN = 1e-13
CURVATURE_MIN = 1e-3
ROUNDS_PER_ELEMENT = 40
CAREFUL_AFTER = 3
"""Merges per element after which blocks are split only where that is proven."""


@dataclass(eq=False, slots=True)
class Block:
    """Slots of equal price: `point` = weights·vertices is delivered, `wanted` is aimed at.

    `orders` [M, n] are the greedy walks behind the `vertices` [M, n], as places among the block's n elements.
    """

    elements: IntArray
    total: float
    vertices: FloatArray
    orders: IntArray
    weights: FloatArray
    point: FloatArray
    wanted: FloatArray
    settled: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Filling:
    """Loads delivered and price per element, the walks they are mixed of, and how the search went.

    `short`: the fleet's energy does not fit, and nothing may stay unserved; start again with classes.
    """

    energy: FloatArray
    price: FloatArray
    mixtures: list[Mixture]
    rounds: int
    settled: bool
    short: bool


class _Search:
    """Blocks in ascending order of price, and the moves that improve them."""

    def __init__(self, fleet: Aggregate, demand: Demand) -> None:
        self.fleet, self.demand = fleet, demand
        self.count = fleet.slots + fleet.classes
        self.low, _ = demand.range()
        self.merges = self.walks = 0
        self.short = False
        self.blocks = [self._first_block()]
        self.prices = np.zeros(1)
        self._reprice()

    def _first_block(self) -> Block:
        elements = np.append(self.fleet.reached, np.arange(self.fleet.slots, self.count))
        place = np.full(self.count, self.count, dtype=np.int64)
        order = np.argsort(self.low[elements], kind="stable")
        place[elements[order]] = np.arange(len(elements))
        vertex = self._walk(place)[elements]
        return Block(
            elements=elements,
            total=float(vertex.sum()),
            vertices=vertex[None],
            orders=place[elements][None],
            weights=np.ones(1),
            point=vertex,
            wanted=vertex,
        )

    def _walk(self, place: IntArray) -> FloatArray:
        self.walks += 1
        return self.fleet.greedy(place)

    def run(self) -> tuple[int, bool]:
        """Rounds used, and whether the end was reached."""
        most = ROUNDS_PER_ELEMENT * self.count
        for round_number in range(most):
            if self.short or all(block.settled for block in self.blocks):
                return round_number, not self.short
            self._round()
        return most, False

    def _round(self) -> None:
        keys = [None if block.settled else self._missing(block) for block in self.blocks]
        orders = [None if key is None else np.argsort(key, kind="stable") for key in keys]
        vertex = self._walk(self._places(orders))
        blocks: list[Block] = []
        for block, key, order in zip(self.blocks, keys, orders, strict=True):
            if key is None or order is None:
                blocks.append(block)
            else:
                blocks += self._advance(block, key, order, vertex[block.elements])
        changed = len(blocks) > len(self.blocks)
        self.blocks = blocks
        if changed:
            self._refresh()
            self._reprice()

    def _missing(self, block: Block) -> FloatArray:
        """Gradient of ½ Σ h (point − wanted)²: negative where less than wanted is delivered."""
        return np.asarray(self.curvature[block.elements] * (block.point - block.wanted))

    def _places(self, orders: Sequence[IntArray | None]) -> IntArray:
        """Places of all elements: block after block, inside a block in the given order or any."""
        walk = [
            block.elements if order is None else block.elements[order]
            for block, order in zip(self.blocks, orders, strict=True)
        ]
        place = np.full(self.count, self.count, dtype=np.int64)
        place[np.concatenate(walk)] = np.arange(sum(map(len, walk)))
        return place

    def _advance(self, block: Block, key: FloatArray, order: IntArray, vertex: FloatArray) -> list[Block]:
        """The block after one more walk, or its parts."""
        if np.max(np.abs(block.point - block.wanted)) <= SETTLED:
            block.settled = True
            return [block]
        slack = np.cumsum(vertex[order] - block.point[order])[:-1]
        cuts = self._cuts(block, key, order, vertex, slack)
        if len(cuts):
            return _parts(block, order, vertex, cuts)
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        block.vertices = np.vstack([block.vertices, vertex])
        block.orders = np.vstack([block.orders, place])
        block.weights = np.append(block.weights, 0.0)
        nearest(block, np.sqrt(self.curvature[block.elements]))
        return [block]

    def _cuts(self, block: Block, key: FloatArray, order: IntArray, vertex: FloatArray, slack: FloatArray) -> IntArray:
        """Places in the order behind which the block falls apart."""
        jump, largest = np.diff(key[order]), float(np.max(np.abs(key)))
        cuts = np.zeros(0, dtype=np.int64)
        if self.merges <= CAREFUL_AFTER * self.count:
            steep = self.curvature[block.elements].mean()
            cuts = np.flatnonzero((slack * steep <= TIGHT * jump) & (jump > JUMP_MIN * largest))
        if len(cuts) == 0 and key @ (block.point - vertex) <= SETTLED * 1e-3 * max(largest, SETTLED):
            cuts = np.flatnonzero(np.diff(key[order] >= 0))
            if len(cuts) == 0:
                block.settled = True
        return cuts

    def _refresh(self) -> None:
        """Walks that do not keep the new parts in order are walked again, all parts at once."""
        stale = [b for b in self.blocks if not b.settled and not len(b.point)]
        wrong = [np.flatnonzero(np.abs(b.vertices.sum(axis=1) - b.total) > FACE * max(b.total, 1e-6)) for b in stale]
        turn = {id(block): which for block, which in zip(stale, wrong, strict=True)}
        for number in range(max((len(which) for which in wrong), default=0)):
            orders = [
                np.argsort(b.orders[turn[id(b)][number]], kind="stable") if number < len(turn.get(id(b), ())) else None
                for b in self.blocks
            ]
            vertex = self._walk(self._places(orders))
            for block, which in zip(stale, wrong, strict=True):
                if number < len(which):
                    block.vertices[which[number]] = vertex[block.elements]
        for block in stale:
            _tidy(block)

    def _reprice(self) -> None:
        """One price per block; neighbours in the wrong order are merged until none is left."""
        while True:
            low, high = self._solve_prices()
            floor = np.maximum.accumulate(low)
            wrong = np.flatnonzero(floor[:-1] > high[1:])
            self.prices, self.short = np.where(np.isfinite(floor), floor, 0.0), bool(floor[-1] == np.inf)
            if len(wrong) == 0:
                break
            at = int(wrong[0])
            self.merges += 1
            self.blocks[at : at + 2] = [_merged(self.blocks[at], self.blocks[at + 1])]
        wanted = np.zeros(self.count)
        for block in self.blocks:
            wanted[block.elements] = block.wanted
        self.curvature = self.demand.curvature(wanted)
        for block in self.blocks:
            if len(block.elements) > 1 and not block.settled:
                nearest(block, np.sqrt(self.curvature[block.elements]))

    def _solve_prices(self) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest price at which each block wants its total; sets the wanted loads."""
        count = len(self.blocks)
        of = np.full(self.count, count, dtype=np.int64)
        for number, block in enumerate(self.blocks):
            of[block.elements] = number
        total = np.array([block.total for block in self.blocks])
        price, wanted = self.demand.meet(of, total)
        for block in self.blocks:
            block.wanted = wanted[block.elements]
        most = np.bincount(of, self.demand.limit, count + 1)[:count]
        low = np.where(total > most * (1.0 + FACE), np.inf, np.where(total <= 0.0, -np.inf, price))
        return low, np.where(total >= most * (1.0 - FACE), np.inf, price)

    def result(self, rounds: int, settled: bool) -> Filling:
        """Everything per element, the mixed walks of all blocks included."""
        energy, price = np.zeros(self.count), self.low.copy()
        place = self._places([None] * len(self.blocks))
        mixtures = [self._singles(place)]
        for block, block_price in zip(self.blocks, self.prices, strict=True):
            energy[block.elements], price[block.elements] = block.point, block_price
            if len(block.weights) == 1:
                continue
            places = np.repeat(place[None], len(block.weights), axis=0)
            inside = np.argsort(np.argsort(block.orders, axis=1, kind="stable"), axis=1, kind="stable")
            places[:, block.elements] = place[block.elements].min() + inside
            mixtures.append(Mixture(self._members([block]), places, block.weights))
        return Filling(energy, price, mixtures, rounds, settled, self.short)

    def _members(self, blocks: Sequence[Block]) -> BoolArray:
        member = np.zeros(self.count, dtype=np.bool_)
        for block in blocks:
            member[block.elements] = True
        return member[: self.fleet.slots]

    def _singles(self, place: IntArray) -> Mixture:
        """All blocks that need one walk only share it."""
        single = [block for block in self.blocks if len(block.weights) == 1]
        for block in single:
            first = place[block.elements].min()
            place[block.elements] = first + np.argsort(np.argsort(block.orders[0], kind="stable"), kind="stable")
        return Mixture(self._members(single), place[None].copy(), np.ones(1))


def fill(fleet: Aggregate, demand: Demand) -> Filling:
    """The cheapest loads of the fleet; energies in units in which the fleet takes 1 at most per slot."""
    search = _Search(fleet, demand)
    rounds, settled = search.run()
    return search.result(rounds, settled)


def _parts(block: Block, order: IntArray, vertex: FloatArray, cuts: IntArray) -> list[Block]:
    """The block cut behind the given places of its order; walks and mixture are inherited."""
    return [
        Block(
            elements=block.elements[part],
            total=float(vertex[part].sum()),
            vertices=block.vertices[:, part],
            orders=block.orders[:, part],
            weights=block.weights,
            point=np.zeros(0),
            wanted=np.zeros(0),
        )
        for part in np.split(order, cuts + 1)
    ]


def _tidy(block: Block) -> None:
    """Equal walks become one, no more are kept than the block needs, and the point is mixed anew."""
    _, first, same = np.unique(block.vertices.round(13), axis=0, return_index=True, return_inverse=True)
    weights = np.bincount(same.ravel(), block.weights)
    kept = np.argsort(-weights, kind="stable")[: len(block.elements)]
    block.vertices, block.orders = block.vertices[first[kept]], block.orders[first[kept]]
    block.weights = weights[kept] / weights[kept].sum()
    block.point = block.weights @ block.vertices


def _merged(a: Block, b: Block) -> Block:
    """Both mixtures side by side: walks are paired in the order of their weights' sums."""
    ends = np.unique(np.concatenate([np.cumsum(a.weights), np.cumsum(b.weights)]).round(15))
    ends = ends[ends < 1.0 - 1e-15]
    middle = np.diff(np.concatenate([[0.0], ends, [1.0]])) / 2 + np.concatenate([[0.0], ends])
    of_a = np.minimum(np.searchsorted(np.cumsum(a.weights), middle), len(a.weights) - 1)
    of_b = np.minimum(np.searchsorted(np.cumsum(b.weights), middle), len(b.weights) - 1)
    vertices = np.hstack([a.vertices[of_a], b.vertices[of_b]])
    after = int(a.orders.max(initial=0)) + 1
    block = Block(
        elements=np.concatenate([a.elements, b.elements]),
        total=a.total + b.total,
        vertices=vertices,
        orders=np.hstack([a.orders[of_a], b.orders[of_b] + after]),
        weights=np.diff(np.concatenate([[0.0], ends, [1.0]])),
        point=np.zeros(0),
        wanted=np.zeros(0),
    )
    _tidy(block)
    return block


def nearest(block: Block, metric: FloatArray) -> None:
    """Wolfe's minor cycles: the point of the vertices' hull nearest to the wanted loads; idle vertices are dropped."""
    while True:
        best = _affine_weights((block.vertices - block.wanted) * metric)
        falls = best <= WEIGHT_MIN
        if not falls.any():
            block.weights = best
            break
        room = block.weights - best
        ratio = np.divide(block.weights, room, out=np.full(len(best), np.inf), where=falls & (room > 0))
        weights = block.weights + min(1.0, float(ratio.min())) * (best - block.weights)
        kept = weights > WEIGHT_MIN
        if kept.all():
            kept[int(np.argmin(np.where(falls, weights, np.inf)))] = False
        block.vertices, block.orders = block.vertices[kept], block.orders[kept]
        block.weights = weights[kept] / weights[kept].sum()
    block.point = block.weights @ block.vertices


def _affine_weights(offset: FloatArray) -> FloatArray:
    """Weights, of sum 1 but any sign, of the point of the rows' affine hull that is nearest to 0."""
    gram = offset @ offset.T
    gram /= max(float(gram.diagonal().mean()), 1e-300)
    gram += 1.0
    gram.ravel()[:: len(gram) + 1] += 1e-14
    factor, fault = dpotrf(gram, lower=1)
    ones = np.ones(len(gram))
    weights = np.linalg.lstsq(gram, ones, rcond=1e-13)[0] if fault else dpotrs(factor, ones, lower=1)[0]
    return np.asarray(weights / weights.sum(), dtype=np.float64)
