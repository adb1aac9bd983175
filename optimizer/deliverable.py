"""The yardstick of a site: the most energy that its limits let anybody deliver, known sessions and perfect foresight
granted.

A linear program (HiGHS). Neighbouring slots with the same rooms and the same sessions present are merged first: inside
such a stretch only the energy per session matters, so nothing is lost and a month of five-minute slots stays small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, vstack

from optimizer.arrays import FloatArray, IntArray
from optimizer.caps import Limits
from optimizer.linear_program import minimise
from optimizer.phased import limits_of
from optimizer.problem import Problem

SOONER = 1e-3
"""What a kWh is worth less at the end than now, when sooner is better."""
SHORT = (1, 3, 6, 12, 24, 48, 96)


@dataclass(frozen=True, eq=False, slots=True)
class Deliverable:
    """Most energy in all (kWh) and one way to share it over the sessions [N] (not the only one): constant powers
    [N, K] in the stretches of slots between `borders` [K + 1].
    """

    energy_kwh: float
    per_session_kwh: FloatArray
    power_kw: FloatArray
    borders: IntArray


def deliverable(problem: Problem, soon: bool = False) -> Deliverable:
    """Maximises the sum of served energy under windows, powers, wishes and all limits; prices, weights and priorities
    play no part. `soon`: of all ways (but for a part in a thousand) the one that gives it earliest, in stretches that
    are short at first.

    Raises RuntimeError if the linear program fails (it always has the solution 0, so that is a fault of the solver).
    """
    _, limits, group, room = limits_of(problem)
    borders = _borders(problem, room, soon)
    length = np.diff(borders)
    first = np.searchsorted(borders, [s.arrival_slot for s in problem.sessions])
    last = np.searchsorted(borders, [s.departure_slot for s in problem.sessions])
    sessions = np.repeat(np.arange(len(problem.sessions)), last - first)
    if len(sessions) == 0:
        return Deliverable(0.0, np.zeros(0), np.zeros((0, len(length))), borders)
    stretches = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
    ones = np.ones(len(sessions))
    per_session = csr_array((ones, (sessions, np.arange(len(ones)))), shape=(len(problem.sessions), len(ones)))
    wanted = np.array([s.energy_kwh for s in problem.sessions])
    upper = np.array([s.power_max_kw for s in problem.sessions])[sessions] * problem.slot_h * length[stretches]
    rows = _rows(limits, group[sessions], stretches, len(room), len(length))
    most = room[:, borders[:-1]] * length
    binding = np.flatnonzero(rows.maximum(0.0) @ upper > most.ravel())
    sides = np.concatenate([wanted, most.ravel()[binding]])
    worth = 1.0 - (SOONER * borders[stretches] / problem.slots if soon else 0.0)
    solution = minimise(-worth * ones, upper, (vstack([per_session, rows[binding]], "csc"), sides))
    if solution is None:
        raise RuntimeError("the linear program of the deliverable energy has no solution")
    power = np.zeros((len(problem.sessions), len(length)))
    power[sessions, stretches] = solution.x / (problem.slot_h * length[stretches])
    return Deliverable(float(solution.x.sum()), np.asarray(per_session @ solution.x), power, borders)


def _borders(problem: Problem, room: FloatArray, soon: bool) -> IntArray:
    """First slot of every stretch in which neither rooms nor the sessions present change; the end is appended."""
    changes = np.flatnonzero((room[:, 1:] != room[:, :-1]).any(axis=0)) + 1
    events = [slot for s in problem.sessions for slot in (s.arrival_slot, s.departure_slot)]
    short = [slot for slot in SHORT if slot < problem.slots] if soon else []
    return np.unique(np.concatenate([changes, np.array([0, problem.slots, *events, *short])])).astype(np.int64)


def _rows(limits: Limits, group: IntArray, stretches: IntArray, rows: int, count: int) -> csr_array:
    """Sums over (session, stretch) entries, one per row and stretch."""
    ways = [limits.ways(int(g)) for g in range(int(group.max()) + 1)]
    sizes = np.array([len(way[0]) for way in ways])[group]
    entry = np.repeat(np.arange(len(group)), sizes)
    of_row = np.concatenate([ways[g][0] for g in group])
    part = np.concatenate([ways[g][1] for g in group])
    return csr_array((part, (of_row * count + stretches[entry], entry)), shape=(rows * count, len(group)))
