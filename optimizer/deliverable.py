"""The yardstick of a site: the most energy that its cap lets anybody deliver, known sessions and perfect foresight
granted.

A linear program (HiGHS). Neighbouring slots with the same room and the same sessions present are merged first: inside
such a stretch only the energy per session matters, so nothing is lost and a month of five-minute slots stays small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, vstack

from optimizer.arrays import FloatArray, IntArray
from optimizer.linear_program import minimise
from optimizer.problem import Problem


@dataclass(frozen=True, eq=False, slots=True)
class Deliverable:
    """Most energy in all (kWh) and one way to share it over the sessions [N] (not the only one)."""

    energy_kwh: float
    per_session_kwh: FloatArray


def _borders(problem: Problem, room: FloatArray) -> IntArray:
    """First slot of every stretch in which neither room nor the sessions present change; the end is appended."""
    changes = np.flatnonzero(room[1:] != room[:-1]) + 1
    events = [slot for s in problem.sessions for slot in (s.arrival_slot, s.departure_slot)]
    return np.unique(np.concatenate([changes, np.array([0, problem.slots, *events])])).astype(np.int64)


def deliverable(problem: Problem) -> Deliverable:
    """Maximises the sum of served energy under windows, powers, wishes and the cap; prices, weights and priorities
    play no part.

    Raises RuntimeError if the linear program fails (it always has the solution 0, so that is a fault of the solver).
    """
    room = np.maximum(problem.cap_kw - problem.base_load_kw, 0.0)
    borders = _borders(problem, room)
    hours = np.diff(borders) * problem.slot_h
    first = np.searchsorted(borders, [s.arrival_slot for s in problem.sessions])
    last = np.searchsorted(borders, [s.departure_slot for s in problem.sessions])
    sessions = np.repeat(np.arange(len(problem.sessions)), last - first)
    if len(sessions) == 0:
        return Deliverable(0.0, np.zeros(0))
    stretches = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
    entries, ones = np.arange(len(sessions)), np.ones(len(sessions))
    capped = np.flatnonzero(np.isfinite(room[borders[:-1]]))
    per_session = csr_array((ones, (sessions, entries)), shape=(len(problem.sessions), len(entries)))
    per_stretch = csr_array((ones, (stretches, entries)), shape=(len(hours), len(entries)))[capped]
    power = np.array([s.power_max_kw for s in problem.sessions])
    limits = np.concatenate([[s.energy_kwh for s in problem.sessions], (room[borders[:-1]] * hours)[capped]])
    solution = minimise(-ones, power[sessions] * hours[stretches], (vstack([per_session, per_stretch], "csc"), limits))
    if solution is None:
        raise RuntimeError("the linear program of the deliverable energy has no solution")
    return Deliverable(-solution.value, np.asarray(per_session @ solution.x))
