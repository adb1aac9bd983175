"""What sites do without an optimiser, under the same caps: the plans to compare with.

Unmanaged takes no notice of caps. Equal share scales everybody at a node down by one factor. Earliest departure and
least laxity serve one car after the other, in every slot anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from optimizer.arrays import FloatArray, IntArray
from optimizer.instance import Instance
from optimizer.problem import Problem

Rule: TypeAlias = Literal["unmanaged", "equal share", "earliest departure", "least laxity"]
RULES: tuple[Rule, ...] = ("unmanaged", "equal share", "earliest departure", "least laxity")
Step: TypeAlias = Callable[[Instance, int, FloatArray, FloatArray], FloatArray]


def by_rule(problem: Problem, rule: Rule) -> FloatArray:
    """Power [N, T] in kW when every slot is decided by itself."""
    instance = problem.instance()
    step, left = _STEPS[rule], instance.energy.copy()
    energy = np.zeros((len(left), instance.slots))
    rate = np.array([s.power_max_kw for s in problem.sessions]) * problem.slot_h
    for slot in range(instance.slots):
        here = (instance.arrive <= slot) & (slot < instance.depart)
        wish = np.where(here, np.minimum(rate, left), 0.0)
        energy[:, slot] = step(instance, slot, wish, left)
        left -= energy[:, slot]
    return np.asarray(energy / problem.slot_h)


def _unmanaged(_: Instance, __: int, wish: FloatArray, ___: FloatArray) -> FloatArray:
    return wish


def _equal_share(instance: Instance, slot: int, wish: FloatArray, _: FloatArray) -> FloatArray:
    """The same for everybody who wants that much, at every node from the leaves to the root."""
    given = wish.copy()
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


def _in_order(instance: Instance, slot: int, wish: FloatArray, order: IntArray) -> FloatArray:
    room, given = instance.room[:, slot].copy(), np.zeros_like(wish)
    for car in order:
        if wish[car] > 0:
            path = instance.path(int(instance.node[car]))
            given[car] = min(wish[car], max(float(room[path].min()), 0.0))
            room[path] -= given[car]
    return given


def _earliest(instance: Instance, slot: int, wish: FloatArray, _: FloatArray) -> FloatArray:
    return _in_order(instance, slot, wish, np.argsort(instance.depart, kind="stable"))


def _least_laxity(instance: Instance, slot: int, wish: FloatArray, left: FloatArray) -> FloatArray:
    needs = np.divide(left, instance.rate, out=np.zeros_like(left), where=instance.rate > 0)
    return _in_order(instance, slot, wish, np.argsort(instance.depart - slot - needs, kind="stable"))


_STEPS: dict[Rule, Step] = {
    "unmanaged": _unmanaged,
    "equal share": _equal_share,
    "earliest departure": _earliest,
    "least laxity": _least_laxity,
}
