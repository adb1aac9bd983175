"""A planning problem in which some cars take no part: they charge as planned, only the others can be moved. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from math import sqrt

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.conductors import ACROSS, LINES, UNKNOWN, Conductors
from optimizer.problem import EvSession, Feeder, Problem


def taking_part(problem: Problem, power_kw: FloatArray, apart: Collection[str]) -> tuple[Problem, FloatArray]:
    """The problem and plan [N, T] of those that are not `apart`; what these draw as planned stands in the base load."""
    stays = np.array([one.id in apart for one in problem.sessions], dtype=bool)
    if not stays.any():
        return problem, power_kw
    fixed = [(one, row) for one, row, kept in zip(problem.sessions, power_kw, stays, strict=True) if kept]
    feeders = tuple(_feeder(one, [pair for pair in fixed if one.id in _path(problem, pair[0].feeder)], problem.slots)
                    for one in problem.feeders)  # fmt: skip
    base_kw = np.asarray(problem.base_load_kw) + sum(row for _, row in fixed)
    moved = replace(
        problem,
        base_load_kw=base_kw,
        sessions=tuple(one for one, kept in zip(problem.sessions, stays, strict=True) if not kept),
        feeders=feeders,
        conductors=_conductors(problem.conductors, problem.base_load_kw, fixed),
    )
    return moved, power_kw[~stays]


def lifted(problem: Problem, first: int, slots: int) -> Problem:
    """The problem with the caps of an event's slots at the highest of the horizon: as if it was not there."""
    event = slice(first, first + slots)

    def free(cap_kw: FloatArray) -> FloatArray:
        cap = np.array(cap_kw)
        cap[event] = cap.max()
        return cap

    feeders = tuple(replace(one, cap_kw=free(one.cap_kw)) for one in problem.feeders)
    return replace(problem, cap_kw=free(problem.cap_kw), feeders=feeders)


def _path(problem: Problem, feeder: str) -> set[str]:
    """A feeder and those above it."""
    parents, found = {one.id: one.parent for one in problem.feeders}, set[str]()
    while feeder:
        found.add(feeder)
        feeder = parents[feeder]
    return found


Fixed = list[tuple[EvSession, FloatArray]]


def _feeder(one: Feeder, fixed: Fixed, slots: int) -> Feeder:
    base_kw = np.zeros(slots) if one.base_load_kw is None else np.asarray(one.base_load_kw)
    more_kw = sum((row for _, row in fixed), np.zeros(slots))
    return replace(one, base_load_kw=base_kw + more_kw, conductors=_conductors(one.conductors, base_kw, fixed))


def _conductors(known: Conductors | None, base_kw: FloatArray, fixed: Fixed) -> Conductors | None:
    if known is None:
        return None
    slots = len(base_kw)
    even_a = np.tile(np.asarray(base_kw) * 1000.0 / (3.0 * known.neutral_v), (3, 1))
    base_a = even_a if known.base_a is None else np.array(_by_slot(known.base_a, slots))
    for one, row in fixed:
        for line, share_a in _amperes(one.lines, known.neutral_v):
            base_a[line] += row * share_a
    return replace(known, base_a=base_a)


def _by_slot(base_a: object, slots: int) -> FloatArray:
    given = np.asarray(base_a, dtype=np.float64)
    return np.repeat(given[:, None], slots, axis=1) if given.ndim == 1 else given


def _amperes(lines: str, neutral_v: float) -> Iterator[tuple[int, float]]:
    """(conductor, ampere for a kW), see optimizer.conductors; what turns against its own voltage counts in full."""
    used = LINES if lines == UNKNOWN else lines.replace("-", "")
    volts = neutral_v * (sqrt(3.0) if lines in ACROSS else 1.0 if lines == UNKNOWN else len(used))
    for line in used:
        yield LINES.index(line), 1000.0 / volts
