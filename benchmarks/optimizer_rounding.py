"""Rounding to what piles accept: random cases for the caps, and a closed loop over a day for energy and cost."""

from __future__ import annotations

import numpy as np

from benchmarks.optimizer_rivals import Case
from optimizer import Levels, LineRoom, Request, amp_levels, laxity_h, round_targets, valley, watt_levels
from optimizer.battery_rounding import BatteryRequest, round_all
from optimizer.conductors import TO_NEUTRAL
from optimizer.line_rooms import PAIRS

LEVELS = (
    amp_levels(16, 230),
    amp_levels(32, 230),
    amp_levels(16, 690),
    amp_levels(32, 690),
    amp_levels(32, 690, 6, 0.1),
)
PATHS = (("site",), ("left", "site"), ("right", "site"), ("leaf", "right", "site"))
NODES = ("site", "left", "right", "leaf")
NOTHING_MA = 1e-6
"""Sums of fractions of a milliampere are this exact."""


def worst_excess_w(cases: int, seed: int = 0) -> int:
    """The largest excess over any room (W) in random cases of up to 30 piles on a tree; the room may be negative."""
    rng = np.random.default_rng(seed)
    worst = -(10**9)
    for _ in range(cases):
        rooms = {node: int(rng.integers(-2000, 150_000)) for node in NODES}
        requests = [_request(rng, number) for number in range(int(rng.integers(1, 31)))]
        grants = round_targets(requests, rooms)
        for node, room in rooms.items():
            used = sum(g.power_w for g, r in zip(grants, requests, strict=True) if node in r.path)
            worst = max(worst, used - max(room, 0))
    return worst


def _request(rng: np.random.Generator, number: int) -> Request:
    levels = LEVELS[int(rng.integers(len(LEVELS)))]
    return Request(
        id=str(number),
        target=float(rng.uniform(0, 40)),
        levels=levels,
        path=PATHS[int(rng.integers(len(PATHS)))],
        must_run=bool(rng.random() < 0.1),
        laxity_h=float(rng.uniform(-1, 10)),
        carry=float(rng.uniform(-6, 6)),
        lines=str(rng.choice(TO_NEUTRAL)),
    )


def worst_on_lines_ma(cases: int, seed: int = 1) -> int:
    """The largest excess over any conductor's room, or of any two apart (mA), in random cases on the same tree."""
    rng = np.random.default_rng(seed)
    worst = -(10**9)
    for _ in range(cases):
        lines = {node: _line_room(rng) for node in NODES}
        requests = [_request(rng, number) for number in range(int(rng.integers(1, 31)))]
        grants = round_targets(requests, dict.fromkeys(NODES, 10**7), lines)
        for node, room in lines.items():
            on = np.zeros(3)
            for grant, request in zip(grants, requests, strict=True):
                if node in request.path:
                    on += [1000 * grant.setpoint * (line in request.lines) for line in "123"]
            worst = max(worst, int(np.max(on - np.maximum(room.left_ma, 0))))
            apart = [on[m] - on[n] + room.base_ma[m] - room.base_ma[n] - room.allowed(m, n) for m, n in PAIRS]
            worst = max(worst, int(max(apart)))
    return worst


def worst_with_batteries(cases: int, seed: int = 2) -> tuple[int, float, float]:
    """Piles and up to three batteries on the same tree: the largest excess of the net power over any room (W), of any
    conductor's current over its cap, forth or back (mA), and how far any battery ends outside its limits (Wh).
    """
    rng = np.random.default_rng(seed)
    worst, worst_ma, outside = -(10**9), -np.inf, 0.0
    for _ in range(cases):
        rooms = {node: int(rng.integers(-2000, 150_000)) for node in NODES}
        lines = {node: _line_room(rng) for node in NODES}
        requests = [_request(rng, number) for number in range(int(rng.integers(1, 16)))]
        units = [_battery(rng, number) for number in range(int(rng.integers(1, 4)))]
        grants, told = round_all(requests, units, rooms, 0.25, lines)
        for node, room in rooms.items():
            net, on = 0, np.zeros(3)
            for grant, request in zip(grants, requests, strict=True):
                if node in request.path:
                    net += grant.power_w
                    on += [1000 * grant.setpoint * (line in request.lines) for line in "123"]
            for granted, unit in zip(told, units, strict=True):
                if node in unit.path:
                    net += granted.setpoint_w
                    each = granted.setpoint_w * 1000 / (230 * len(unit.lines))
                    on += [each * (line in unit.lines) for line in "123"]
            left, base = np.array(lines[node].left_ma), np.array(lines[node].base_ma)
            back = np.max(-on - np.maximum(left + 2 * base, 0))
            worst = max(worst, net - max(room, 0))
            worst_ma = max(worst_ma, float(np.max(on - np.maximum(left, 0))), float(back))
        for granted, unit in zip(told, units, strict=True):
            outside = max(outside, unit.least_wh - granted.stored_wh, granted.stored_wh - unit.most_wh)
    return worst, float(np.where(worst_ma <= NOTHING_MA, 0.0, worst_ma)), outside


def _battery(rng: np.random.Generator, number: int) -> BatteryRequest:
    steps = watt_levels(int(rng.integers(0, 20_000)), int(rng.integers(0, 1500)), int(rng.integers(1, 300)))
    least, most = float(rng.uniform(0, 5000)), float(rng.uniform(5000, 40_000))
    return BatteryRequest(
        id=f"battery {number}",
        target_w=float(rng.uniform(-25_000, 25_000)),
        path=PATHS[int(rng.integers(len(PATHS)))],
        charge=steps,
        discharge=steps,
        stored_wh=float(rng.uniform(least, most)),
        least_wh=least,
        most_wh=most,
        charge_efficiency=0.95,
        discharge_efficiency=0.95,
        carry_w=float(rng.uniform(-300, 300)),
        lines=str(rng.choice(TO_NEUTRAL)),
    )


def _line_room(rng: np.random.Generator) -> LineRoom:
    left, base = (tuple(int(x) for x in rng.integers(low, high, 3)) for low, high in ((-5000, 250_000), (0, 50_000)))
    return LineRoom(left, int(rng.integers(0, 40_000)), base)  # type: ignore[arg-type]


def closed_loop(case: Case) -> tuple[float, float, float]:
    """A day re-planned in every slot and rounded to whole amperes: the share of the energy that the continuous plan
    serves, the cost relative to its cost, the largest load over the cap (W).

    Piles are three-phase (690 W per ampere) from 11 kW up, else one-phase.
    """
    watts = np.where(case.power_max_w >= 11_000, 690.0, 230.0)
    levels = [amp_levels(float(p / w), float(w)) for p, w in zip(case.power_max_w, watts, strict=True)]
    power_max_w = np.array([level.values[-1] / 10 for level in levels]) * watts
    left_wh = np.minimum(case.energy_wh, power_max_w * (case.depart - case.arrive) * case.slot_h)
    wanted_wh, carry = left_wh.copy(), np.zeros(len(left_wh))
    load_w, slots = case.base_load_w.copy(), len(case.base_load_w)
    whole = valley.fill(case.base_load_w, left_wh, power_max_w, case.arrive, case.depart, case.cap_w, case.slot_h)
    for now in range(slots):
        alive = np.flatnonzero((case.depart > now) & (left_wh > 1.0))
        plan = valley.fill(
            case.base_load_w[now:], left_wh[alive], power_max_w[alive], np.maximum(case.arrive[alive] - now, 0),
            case.depart[alive] - now, case.cap_w[now:], case.slot_h,
        )  # fmt: skip
        here = np.flatnonzero(case.arrive[alive] <= now)
        requests = [
            _ask(car, float(plan.power_w[row, 0] / watts[car]), levels[car], float(carry[car]), case, left_wh, now)
            for row, car in ((row, int(alive[row])) for row in here)
        ]
        grants = round_targets(requests, {"site": int(case.cap_w[now] - case.base_load_w[now])})
        for grant in grants:
            car = int(grant.id)
            used_wh = min(grant.setpoint * watts[car] * case.slot_h, left_wh[car])
            left_wh[car] -= used_wh
            load_w[now] += used_wh / case.slot_h
            carry[car] = grant.carry
    served = (wanted_wh.sum() - left_wh.sum()) / (wanted_wh.sum() - whole.unserved_wh.sum())
    cost = 0.5 * np.sum((load_w * case.slot_h / 1000) ** 2) / whole.objective
    return float(served), float(cost), float(np.max(load_w - case.cap_w))


def _ask(car: int, target_a: float, levels: Levels, carry: float, case: Case, left_wh: np.ndarray, now: int) -> Request:
    hours = (case.depart[car] - now) * case.slot_h
    slack = laxity_h(float(hours), float(left_wh[car]) / 1000, float(case.power_max_w[car]) / 1000)
    return Request(str(car), target_a, levels, ("site",), slack < case.slot_h, slack, carry)
