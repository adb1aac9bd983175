"""The yardstick: how much of the energy the cap physically allows, with everything known beforehand.

A linear programme over slots of five minutes. Windows are widened to whole slots and the reserve for metering error is
not taken off, so the figure is an upper bound on what any control could deliver.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from device_sim.pile import PileSpec
from device_sim.sessions import Visit
from optimizer import EvSession, Problem, deliverable

SLOT_S = 300.0


def possible_energy_wh(
    visits: Sequence[tuple[PileSpec, Visit]],
    wishes_wh: Mapping[str, float],
    began: datetime,
    slot_base_w: NDArray[np.float64],
    slot_cap_w: NDArray[np.float64],
) -> float:
    """Wh that fit under the cap. `wishes_wh`: what each car would take alone at full power, taper included."""
    slots = len(slot_base_w)
    sessions = [_session(spec, visit, wishes_wh[visit.session.session_id], began, slots) for spec, visit in visits]
    problem = Problem(
        slot_h=SLOT_S / 3600,
        base_load_kw=slot_base_w / 1000,
        cap_kw=slot_cap_w / 1000,
        sessions=tuple(session for session in sessions if session is not None),
    )
    return float(deliverable(problem).energy_kwh * 1000)


def _session(spec: PileSpec, visit: Visit, wish_wh: float, began: datetime, slots: int) -> EvSession | None:
    first = max(0, math.floor((visit.session.arrival - began).total_seconds() / SLOT_S))
    last = min(slots, math.ceil((visit.session.departure - began).total_seconds() / SLOT_S))
    if last <= first or wish_wh <= 0:
        return None
    car = visit.car
    car_w = car.dc_power_w if spec.kind == "dc" else car.ac_power_w
    power_kw = min(spec.rated_w, car_w) / 1000
    return EvSession(visit.session.session_id, first, last, power_kw, wish_wh / 1000)
