"""The meaning of a problem in numbers: energies per slot, the cost of a load, the price of energy not served.

Everything here is kWh per slot. A solver is never allowed to answer "infeasible": energy that finds no room costs
`unserved_price` per kWh, more than any slot can cost, so that it is left out only when nothing else is possible.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.problem import BoolArray, FloatArray, Problem

# The unserved energy must cost visibly more than the dearest slot, or rounding decides.
PRICE_MARGIN = 0.1


@dataclass(frozen=True, eq=False, slots=True)
class Quantities:
    """A problem as arrays in kWh per slot.

    `window` [N, T]; `rate` [N] most energy per slot (never more than wanted in all); `wanted` [N] energy asked for;
    `energy` [N] the part that the window can hold; `base`, `room` [T] with room = max(cap − base, 0), cut at what all
    sessions together could take; `weight`, `price` [T].
    """

    window: BoolArray
    rate: FloatArray
    wanted: FloatArray
    energy: FloatArray
    base: FloatArray
    room: FloatArray
    weight: FloatArray
    price: FloatArray


def quantities(problem: Problem) -> Quantities:
    """Turns powers into energies per slot and clips what no window can hold (specs: clip first, then report)."""
    sessions, slots, hours = problem.sessions, np.arange(problem.slots), problem.slot_h
    arrival = np.array([s.arrival_slot for s in sessions], dtype=np.int64)
    departure = np.array([s.departure_slot for s in sessions], dtype=np.int64)
    window = (slots >= arrival[:, None]) & (slots < departure[:, None])
    rate = np.array([s.power_max_kw for s in sessions], dtype=np.float64) * hours
    wanted = np.array([s.energy_kwh for s in sessions], dtype=np.float64)
    energy = np.minimum(wanted, rate * (departure - arrival))
    rate = np.minimum(rate, energy)
    attainable = (rate[:, None] * window).sum(axis=0)
    room = np.maximum((problem.cap_kw - problem.base_load_kw) * hours, 0.0)
    return Quantities(
        window=window,
        rate=rate,
        wanted=wanted,
        energy=energy,
        base=problem.base_load_kw * hours,
        room=np.minimum(room, attainable),
        weight=np.ones(problem.slots) if problem.weight is None else problem.weight,
        price=np.zeros(problem.slots) if problem.price is None else problem.price,
    )


def load_cost(q: Quantities, charging: FloatArray) -> float:
    """Sum of ½ w L² + π L for the charging energy per slot [T]."""
    load = q.base + charging
    return float(np.sum((0.5 * q.weight * load + q.price) * load))


def marginal_cost(q: Quantities, charging: FloatArray) -> FloatArray:
    """Derivative w L + π of the load cost, per slot."""
    return np.asarray(q.weight * (q.base + charging) + q.price, dtype=np.float64)


def unserved_price(problem: Problem) -> FloatArray:
    """Cost per kWh not served, per session.

    One kWh more for a session shifts others along a chain of slots, one for one, and changes the load of one slot at
    its end (and, when a lower class gives way, of one at its start). So a price above the dearest attainable slot
    serves all that the cap allows, and steps between the classes wider than the spread of slot prices serve strictly
    by priority. Equal steps suffice and keep the numbers well scaled.
    """
    q = quantities(problem)
    cheapest, dearest = marginal_cost(q, np.zeros_like(q.room)).min(), marginal_cost(q, q.room).max()
    largest = max(abs(cheapest), abs(dearest))
    step = (dearest - cheapest) + PRICE_MARGIN * largest if largest > 0 else 1.0
    classes, rank = np.unique([s.priority for s in problem.sessions], return_inverse=True)
    steps = np.arange(1, len(classes) + 1)
    return np.asarray(max(dearest, 0.0) + step * steps[rank], dtype=np.float64)


def plan_objective(problem: Problem, power_kw: FloatArray) -> float:
    """Load cost plus the price of the energy not served (of the part that the windows can hold)."""
    q = quantities(problem)
    energy = power_kw * problem.slot_h
    missing = np.maximum(q.energy - energy.sum(axis=1), 0.0)
    return load_cost(q, energy.sum(axis=0)) + float(unserved_price(problem) @ missing)


# Relative tightening of the room under a cap: no rounding of a sum may carry a plan over it.
ROOM_TIGHTENING = 1e-7
ROOM_TIGHTENING_OF_CAP = 1e-12


def usable_room(problem: Problem, q: Quantities) -> FloatArray:
    """Room (kWh) that plans may use: a little less than the cap leaves, 0 where that is nothing, infinite where the
    cap cannot bind.
    """
    attainable = (q.rate[:, None] * q.window).sum(axis=0)
    rounding = ROOM_TIGHTENING_OF_CAP * (np.abs(q.base) + q.room)
    tight = q.room * (1.0 - ROOM_TIGHTENING) - rounding
    noise = np.maximum(rounding, 1e-9 * np.max(q.rate, initial=0.0))
    tight = np.where(tight > noise, tight, 0.0)
    free = (problem.cap_kw - problem.base_load_kw) * problem.slot_h >= attainable * (1.0 + ROOM_TIGHTENING) + rounding
    return np.where(free, np.inf, tight)
