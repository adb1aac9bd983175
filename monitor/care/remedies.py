"""What helps against overload, each with the energy that cars then do not get. Pure. Powers kW by quarter-hour [T].

limit       charging is cut to what the transformer leaves: what is cut is not served
shift       what is cut is charged later, within the hours that cars can wait, where there is room
storage     a battery gives what is above and charges where there is room: the smallest that serves everything
expansion   the next rating that carries the load
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from monitor.care.areas import FloatArray
from monitor.care.risk import STEP_H

RATINGS_KVA = (30, 50, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500)
"""Ratings of distribution transformers in the R10 series (GB/T 6451)."""
EFFICIENCY = 0.9
"""Of a battery, there and back; the house's assumption."""
NOTHING_KWH = 1e-6


@dataclass(frozen=True, slots=True)
class Remedy:
    """`unserved_kwh`: charging that is not served; `moved_kwh`: served later or from a battery; `left_over_kwh`: above
    the rating all the same, because the load without cars is; sizes where the remedy has them.
    """

    name: str
    unserved_kwh: float
    moved_kwh: float = 0.0
    left_over_kwh: float = 0.0
    power_kw: float | None = None
    capacity_kwh: float | None = None
    rated_kva: float | None = None

    @property
    def enough(self) -> bool:
        """Whether nobody goes short and nothing is overloaded."""
        return self.unserved_kwh <= NOTHING_KWH and self.left_over_kwh <= NOTHING_KWH


def remedies(
    load_kw: FloatArray, charging_kw: FloatArray, limit_kw: float, power_factor: float, shift_h: float
) -> list[Remedy]:
    """The four, the least intrusive first; `charging_kw` is part of `load_kw`."""
    return [
        limited(load_kw, charging_kw, limit_kw),
        shifted(load_kw, charging_kw, limit_kw, shift_h)[0],
        stored(load_kw, limit_kw),
        expanded(load_kw, power_factor),
    ]


def best(found: list[Remedy]) -> Remedy | None:
    """The first that is enough; None when none is."""
    return next((one for one in found if one.enough), None)


def limited(load_kw: FloatArray, charging_kw: FloatArray, limit_kw: float) -> Remedy:
    """Cut and not made up for."""
    over = np.maximum(load_kw - limit_kw, 0.0)
    cut = np.minimum(over, charging_kw)
    return Remedy("limit", _kwh(cut), left_over_kwh=_kwh(over - cut))


def shifted(load_kw: FloatArray, charging_kw: FloatArray, limit_kw: float, shift_h: float) -> tuple[Remedy, FloatArray]:
    """Cut and made up for as soon as there is room, the longest waiting first; and the load that comes of it."""
    wait = round(shift_h / STEP_H)
    over = np.maximum(load_kw - limit_kw, 0.0)
    cut = np.minimum(over, charging_kw)
    load, waiting, lost, moved = load_kw - cut, deque[list[float]](), 0.0, 0.0
    for slot, held in enumerate(cut):
        while waiting and waiting[0][0] < slot:
            lost += waiting.popleft()[1]
        room = max(limit_kw - load[slot], 0.0)
        while waiting and room > 0.0:
            given = min(room, waiting[0][1])
            room, load[slot], moved = room - given, load[slot] + given, moved + given
            waiting[0][1] -= given
            if waiting[0][1] <= 0.0:
                waiting.popleft()
        if held > 0.0:
            waiting.append([slot + wait, float(held)])
    lost += sum(left for _, left in waiting)
    return Remedy("shift", lost * STEP_H, moved * STEP_H, _kwh(over - cut)), load


def stored(load_kw: FloatArray, limit_kw: float, efficiency: float = EFFICIENCY) -> Remedy:
    """The smallest battery, full at the beginning, with which nothing is above; what it cannot fill again in the week
    is not served.
    """
    over, room = np.maximum(load_kw - limit_kw, 0.0), np.maximum(limit_kw - load_kw, 0.0)
    power = float(over.max(initial=0.0))
    missing, most = 0.0, 0.0
    for above, spare in zip(over, np.minimum(room, power), strict=True):
        missing = max(missing + (float(above) - efficiency * float(spare)) * STEP_H, 0.0)
        most = max(most, missing)
    return Remedy("storage", missing, _kwh(over), power_kw=power, capacity_kwh=most)


def expanded(load_kw: FloatArray, power_factor: float) -> Remedy:
    """The next rating of the series; above its end the last one, and what is over it."""
    wanted = float(load_kw.max(initial=0.0)) / power_factor
    rated = float(next((rating for rating in RATINGS_KVA if rating >= wanted), RATINGS_KVA[-1]))
    return Remedy("expansion", 0.0, 0.0, _kwh(np.maximum(load_kw - rated * power_factor, 0.0)), rated_kva=rated)


def _kwh(power_kw: FloatArray) -> float:
    return float(power_kw.sum()) * STEP_H
