"""The exact plan of a whole fleet by levels of price.

At the optimum the slots fall into blocks of equal marginal price. Given the blocks in ascending order, everything is
known in closed form: cheaper blocks are filled first, so the energy of each block is fixed, and one price per block
spreads it over the block's slots, caps and bends included (`optimizer.demand`). What remains is to find the blocks:

- a block whose wanted loads no fleet can deliver is split (`optimizer.block`): the slots that get less than wanted
  can take no more, so they are cheaper than the rest;
- neighbours whose prices stand in the wrong order are merged;
- the end is reached, exactly and after finitely many steps, when every block's wanted loads are a mixture of greedy
  walks.

The number of cars plays no part. Caps need no penalty: a slot at its cap simply wants no more. Elements are the
slots, then one per priority class for energy not served.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.aggregate import Mixture
from optimizer.arrays import BoolArray, FloatArray
from optimizer.block import FACE, Block, merged
from optimizer.demand import Demand
from optimizer.windows import Windows

ROUNDS_PER_ELEMENT = 40
CAREFUL_AFTER = 3
"""Merges per element after which blocks are split only where that is proven."""


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


def fill(fleet: Windows, demand: Demand) -> Filling:
    """The cheapest loads of the fleet; energies in units in which the fleet takes 1 at most per slot."""
    search = _Search(fleet, demand)
    rounds, settled = search.run()
    return search.result(rounds, settled)


class _Search:
    """Blocks in ascending order of price, and the moves that improve them."""

    def __init__(self, fleet: Windows, demand: Demand) -> None:
        self.fleet, self.demand = fleet, demand
        self.count = fleet.slots + len(fleet.left)
        self.first_price, _ = demand.range()
        self.merges, self.short = 0, False
        self.blocks = [self._first_block()]
        self.prices = np.zeros(1)
        self._reprice()

    def _first_block(self) -> Block:
        elements = np.append(self.fleet.reached, np.arange(self.fleet.slots, self.count))
        windows = self.fleet.restrict(elements, np.zeros(self.count, dtype=np.bool_))
        order = np.argsort(np.argsort(self.first_price[elements], kind="stable"), kind="stable")
        vertex = windows.greedy(order)
        return Block(elements, windows, float(vertex.sum()), vertex[None], order[None], np.ones(1), vertex, vertex)

    def run(self) -> tuple[int, bool]:
        """Rounds used, and whether the end was reached."""
        most = ROUNDS_PER_ELEMENT * self.count
        for round_number in range(most):
            if self.short or all(block.settled for block in self.blocks):
                return round_number, not self.short
            self._round()
        return most, False

    def _round(self) -> None:
        blocks: list[Block] = []
        bold = self.merges <= CAREFUL_AFTER * self.count
        for block in self.blocks:
            blocks += [block] if block.settled else block.advance(self.curvature[block.elements], bold)
        changed = len(blocks) > len(self.blocks)
        self.blocks = blocks
        if changed:
            self._reprice()

    def _reprice(self) -> None:
        """One price per block; neighbours in the wrong order are merged until none is left."""
        while True:
            low, high = self._solve_prices()
            floor = np.maximum.accumulate(low)
            wrong = np.flatnonzero(floor[:-1] > high[1:])
            self.prices, self.short = np.where(np.isfinite(floor), floor, 0.0), bool(floor[-1] == np.inf)
            if len(wrong) == 0:
                break
            self._merge(int(wrong[0]))
        wanted = np.zeros(self.count)
        for block in self.blocks:
            wanted[block.elements] = block.wanted
        self.curvature = self.demand.curvature(wanted)
        for block in self.blocks:
            if block.windows is not None and not block.settled:
                block.mix(np.sqrt(self.curvature[block.elements]))

    def _merge(self, at: int) -> None:
        self.merges += 1
        before = np.zeros(self.count, dtype=np.bool_)
        for block in self.blocks[:at]:
            before[block.elements] = True
        self.blocks[at : at + 2] = [merged(self.blocks[at], self.blocks[at + 1], self.fleet, before)]

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
        energy, price = np.zeros(self.count), self.first_price.copy()
        for block, block_price in zip(self.blocks, self.prices, strict=True):
            energy[block.elements], price[block.elements] = block.point, block_price
        return Filling(energy, price, self._mixtures(), rounds, settled, self.short)

    def _mixtures(self) -> list[Mixture]:
        """The walks of every block as places of all elements; blocks with one walk share it."""
        place, first, starts = np.full(self.count, self.count, dtype=np.int64), 0, []
        for block in self.blocks:
            place[block.elements] = first + block.orders[0]
            starts.append(first)
            first += len(block.elements)
        single = [block for block in self.blocks if len(block.weights) == 1]
        mixtures = [Mixture(self._members(single), place[None], np.ones(1))]
        for block, start in zip(self.blocks, starts, strict=True):
            if len(block.weights) > 1:
                places = np.repeat(place[None], len(block.weights), axis=0)
                places[:, block.elements] = start + block.orders
                mixtures.append(Mixture(self._members([block]), places, block.weights))
        return mixtures

    def _members(self, blocks: Sequence[Block]) -> BoolArray:
        member = np.zeros(self.count, dtype=np.bool_)
        for block in blocks:
            member[block.elements] = True
        return member[: self.fleet.slots]
