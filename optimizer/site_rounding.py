"""The first slot of a site's plan as set-points: whole amperes for piles, device steps for batteries, no cap exceeded.

Plan, round, tell, and plan again with what was really moved: that is the loop. Limits on other sums of currents
(`CurrentLimit`) are the plan's alone; they are not looked at again here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.battery_rounding import BatteryGrant, battery_request, round_all
from optimizer.conductors import VOLTAGE_V, Conductors, ampere_per_kw, per_line, per_slot
from optimizer.line_rooms import LineRoom
from optimizer.models.vehicle import V2gSession
from optimizer.problem import EvSession
from optimizer.rounding import Grant, Request, amp_levels, laxity_h
from optimizer.site import GRID, Site, SitePlan

MINIMUM_A = 6.0
PLENTY = 10**9
"""Watts or milliamperes where there is no limit."""


@dataclass(frozen=True, slots=True)
class SetPoints:
    """What to tell now, in the order of the sessions and of the storages and cars that feed back."""

    cars: tuple[Grant, ...]
    batteries: tuple[BatteryGrant, ...]

    @property
    def carries(self) -> dict[str, float]:
        """What was rounded off, for the next time: ampere of piles, watts of batteries."""
        return {granted.id: granted.carry for granted in self.cars} | {b.id: b.carry_w for b in self.batteries}


def set_points(
    site: Site, plan: SitePlan, carries: Mapping[str, float] | None = None, step_a: float = 1.0
) -> SetPoints:
    """For the first slot of a plan; `carries` of the set-points before, `step_a` of the piles."""
    carried = carries or {}
    paths = _paths(site)
    here = [car for car in site.sessions if car.arrival_slot == 0]
    rows = {car.id: n for n, car in enumerate(site.sessions)}
    piles = [
        _request(site, car, float(plan.power_kw[rows[car.id], 0]), paths[car.feeder], carried.get(car.id, 0.0), step_a)
        for car in here
    ]
    units = [
        battery_request(
            unit,
            float(plan.charge_kw[n, 0] - plan.discharge_kw[n, 0]),
            unit.energy_start_kwh,
            paths[unit.feeder],
            carried.get(unit.id, 0.0),
        )
        for n, unit in enumerate(site.batteries)
        if not (isinstance(unit, V2gSession) and unit.arrival_slot > 0)
    ]
    room_w, feed_w = _rooms_w(site, plan)
    return SetPoints(*round_all(piles, units, room_w, site.slot_h, _line_rooms(site), feed_w))


def _paths(site: Site) -> dict[str, tuple[str, ...]]:
    """From every node to the site, the empty id."""
    found: dict[str, tuple[str, ...]] = {"": ("",)}
    for feeder in site.problem().feeders:
        found[feeder.id] = (feeder.id, *found[feeder.parent])
    return found


def _request(site: Site, car: EvSession, kw: float, path: tuple[str, ...], carry_a: float, step_a: float) -> Request:
    watts = 1000.0 / ampere_per_kw(car.lines, VOLTAGE_V)
    least_a = math.ceil(max(MINIMUM_A, 1000.0 * car.power_min_kw / watts) / step_a - 1e-9) * step_a
    slack = laxity_h(car.departure_slot * site.slot_h, car.energy_kwh, car.power_max_kw)
    return Request(
        id=car.id,
        target=1000.0 * kw / watts,
        levels=amp_levels(1000.0 * car.power_max_kw / watts, watts, round(least_a, 1), step_a),
        path=path,
        must_run=slack < site.slot_h,
        laxity_h=slack,
        # Who must run needs all of its target, whatever it got too much before.
        carry=max(carry_a, 0.0) if slack < site.slot_h else carry_a,
        lines=car.lines,
    )


def _rooms_w(site: Site, plan: SitePlan) -> tuple[dict[str, int], dict[str, int]]:
    """What may be drawn at every node beside the base load, and what may come back at the site, in this slot."""
    given = sum(float(power[0]) for name, power in plan.source_kw.items() if name not in GRID)
    needed = float(site.base_load_kw[0]) - given
    rooms = {"": _watts(float(np.asarray(site.import_max_kw)[0]) - needed)}
    for feeder in site.feeders:
        base = 0.0 if feeder.base_load_kw is None else float(feeder.base_load_kw[0])
        rooms[feeder.id] = _watts(float(feeder.cap_kw[0]) - base)
    export = np.broadcast_to(np.asarray(site.export_max_kw, dtype=np.float64), (site.slots,))[0]
    return rooms, {"": _watts(float(export) + needed)}


def _watts(kw: float) -> int:
    return PLENTY if math.isinf(kw) else math.floor(1000.0 * kw + 1e-6)


def _line_rooms(site: Site) -> dict[str, LineRoom]:
    problem = site.problem()
    limits = zip(problem.node_ids(), problem.conductors_by_node(), problem.base_loads_kw(), strict=True)
    return {node: _line_room(given, base) for node, given, base in limits if given is not None}


def _line_room(given: Conductors, base_kw: FloatArray) -> LineRoom:
    cap = per_line(given.cap_a, len(base_kw), "cap_a")[:, 0]
    base = given.base(base_kw)[:, 0]
    apart = float(per_slot(given.unbalance_a, len(base_kw), "unbalance_a")[0])
    left = [PLENTY if math.isinf(c) else math.floor(1000.0 * (c - b) + 1e-6) for c, b in zip(cap, base, strict=True)]
    base_ma = [math.ceil(1000.0 * b - 1e-6) for b in base]
    apart_ma = None if math.isinf(apart) else math.floor(1000.0 * apart + 1e-6)
    return LineRoom((left[0], left[1], left[2]), apart_ma, (base_ma[0], base_ma[1], base_ma[2]))
