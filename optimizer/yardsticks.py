"""What sites do without an optimiser, under the same caps: the plans to compare with.

Unmanaged takes no notice of caps. Equal share scales everybody at a node down by one factor. Earliest departure and
least laxity serve one car after the other, in every slot anew. Limits of conductors are kept like caps of power.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from optimizer.arrays import FloatArray, IntArray
from optimizer.caps import Limits
from optimizer.instance import Instance
from optimizer.phased import limits_of
from optimizer.problem import Problem

Rule: TypeAlias = Literal["unmanaged", "equal share", "earliest departure", "least laxity"]
RULES: tuple[Rule, ...] = ("unmanaged", "equal share", "earliest departure", "least laxity")


@dataclass(frozen=True, eq=False, slots=True)
class Scene:
    """A site as a rule sees it: `room` [R, T] of the rows, `group` [N] of the cars."""

    instance: Instance
    limits: Limits
    group: IntArray
    room: FloatArray
    wired: bool

    def own(self, energy: FloatArray) -> FloatArray:
        """Sums per group [G, 1] of one slot's energies."""
        groups = int(self.group.max(initial=0)) + 1 if self.wired else self.instance.nodes
        return np.bincount(self.group, energy, groups)[:, None].astype(np.float64)

    def in_order(self, slot: int, wish: FloatArray, order: IntArray, room: FloatArray | None = None) -> FloatArray:
        """One car after the other takes what its rows have left (of `room` [R, T])."""
        room, given = (self.room if room is None else room)[:, slot].copy(), np.zeros_like(wish)
        for car in order:
            if wish[car] > 0:
                rows, parts = self.limits.ways(int(self.group[car]))
                holds = parts > 0
                free = float((room[rows[holds]] / parts[holds]).min())
                given[car] = min(wish[car], max(free, 0.0))
                room[rows] -= parts * given[car]
        return given


Step: TypeAlias = Callable[[Scene, int, FloatArray, FloatArray], FloatArray]


def scene(problem: Problem) -> Scene:
    """The site with everything that limits it."""
    return Scene(*limits_of(problem), problem.wired)


def by_rule(problem: Problem, rule: Rule) -> FloatArray:
    """Power [N, T] in kW when every slot is decided by itself."""
    return run(scene(problem), _rates(problem), rule) / problem.slot_h


def _rates(problem: Problem) -> FloatArray:
    return np.array([s.power_max_kw for s in problem.sessions]) * problem.slot_h


def run(site: Scene, rate: FloatArray, rule: Rule) -> FloatArray:
    """Energy [N, T] by a rule, at most `rate` [N] per slot."""
    instance, step, left = site.instance, _STEPS[rule], site.instance.energy.copy()
    energy = np.zeros((len(left), instance.slots))
    for slot in range(instance.slots):
        here = (instance.arrive <= slot) & (slot < instance.depart)
        wish = np.where(here, np.minimum(rate, left), 0.0)
        if wish.any():
            energy[:, slot] = step(site, slot, wish, left)
            left -= energy[:, slot]
    return energy


def _unmanaged(_: Scene, __: int, wish: FloatArray, ___: FloatArray) -> FloatArray:
    return wish


def _equal_share(site: Scene, slot: int, wish: FloatArray, _: FloatArray) -> FloatArray:
    """The same for everybody who wants that much, at every node from the leaves to the root; under limits of
    conductors the same part for all at a node.
    """
    instance, given = site.instance, wish.copy()
    if site.wired:
        return np.asarray(given * site.limits.shares(site.room[:, [slot]], site.own(given))[site.group, 0])
    for node in range(instance.nodes - 1, -1, -1):
        under = _under(instance, node)
        given[under] = np.minimum(given[under], _level(given[under], float(instance.room[node, slot])))
    return given


def _level(wish: FloatArray, room: float) -> float:
    """The most that each may have so that all together have the room."""
    if wish.sum() <= room:
        return np.inf
    ascending = np.sort(wish)
    left = room - np.append(0.0, np.cumsum(ascending)[:-1])
    levels = left / np.arange(len(wish), 0, -1)
    return float(levels[np.argmax(levels <= ascending)])


def _under(instance: Instance, node: int) -> IntArray:
    inside = np.array([node in instance.path(int(n)) for n in range(instance.nodes)])
    return np.flatnonzero(inside[instance.node])


def _earliest(site: Scene, slot: int, wish: FloatArray, _: FloatArray) -> FloatArray:
    return site.in_order(slot, wish, np.argsort(site.instance.depart, kind="stable"))


def _least_laxity(site: Scene, slot: int, wish: FloatArray, left: FloatArray) -> FloatArray:
    return site.in_order(slot, wish, np.argsort(laxity(site.instance, slot, left), kind="stable"))


def laxity(instance: Instance, slot: int, left: FloatArray) -> FloatArray:
    """Slots that each car could still wait, [N]."""
    needs = np.divide(left, instance.rate, out=np.zeros_like(left), where=instance.rate > 0)
    return np.asarray(instance.depart - slot - needs)


_STEPS: dict[Rule, Step] = {
    "unmanaged": _unmanaged,
    "equal share": _equal_share,
    "earliest departure": _earliest,
    "least laxity": _least_laxity,
}
