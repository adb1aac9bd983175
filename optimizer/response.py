"""What charging can do for the grid: how much load may fall or rise, when it must be told, what that costs and pays.

A plan is given; an event asks for less or more in a few slots. Whatever happens, every car leaves with what the plan
gives it. Powers kW, energies kWh, prices money per kWh.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.instance import Instance, present, up_the_tree
from optimizer.limiting import limits_and_kinds
from optimizer.problem import Problem
from optimizer.slot_cost import Quadratic
from optimizer.solver import solve_instance

Direction: TypeAlias = Literal["down", "up"]
URGE = 2.0
"""How many times the most that can be drawn: every kWh in the event then weighs more than its even spread."""
ENOUGH = 1e-4
CLOSE = 1e-7
"""Aim of the interior point where the last digit does not matter."""
BAND = (0.8, 1.2)
"""Shares of the target between which a response is credited as it is; the house's default, no source known."""


@dataclass(frozen=True, slots=True)
class Potential:
    """Least change held through the whole event (kW), and energy moved in it (kWh); both >= 0."""

    sustained_kw: float
    energy_kwh: float


def potential(
    problem: Problem,
    power_kw: FloatArray,
    first: int,
    slots: int,
    notice: int,
    direction: Direction,
    *,
    exact: bool = True,
) -> Potential:
    """How far the charging of `power_kw` [N, T] can change in the slots [first, first + slots), told `notice` slots
    before: until then the plan is followed.

    The largest energy that can be moved, spread as evenly as it can be; by the theory of polymatroids that spread has
    also the largest least change. One solve. Not `exact`: by the interior point, much quicker for many cars; what it
    finds can be delivered, but a trifle more could be.
    """
    instance, plan = problem.instance(), power_kw * problem.slot_h
    told, event = max(first - notice, 0), slice(first, min(first + slots, problem.slots))
    rest, kept = _from(instance, plan, told)
    usual = plan.sum(axis=0)
    sign = 1.0 if direction == "down" else -1.0
    weight, tariff = np.zeros(problem.slots), np.zeros(problem.slots)
    weight[event] = 1.0
    tariff[event] = sign * URGE * max(float(np.max(instance.most[0])), ENOUGH) - usual[event]
    cost = Quadratic(weight, tariff)
    # The load here is that of charging alone; the base load only takes room away.
    limits, kind = limits_and_kinds(problem)
    limits, rest = limits.roomed(rest, np.maximum(limits.room - limits.flow(instance, kind, kept), 0.0))
    rest = replace(rest, base=np.zeros(problem.slots), cost=cost)
    asked = replace(rest, unserved=limits.unserved(rest, rest.most, np.zeros(len(rest.rate), dtype=np.int64)))
    # Spread and total are wanted to the last digit, which the method of levels gives where it can.
    aim = None if exact else CLOSE
    exactly = exact and not problem.wired and asked.nodes == 1
    energy = solve_instance(asked, "levels").energy if exactly else limits.solve(asked, kind, aim)[0]
    new = energy.sum(axis=0) + kept.sum(axis=0)
    change = np.maximum(sign * (usual - new)[event], 0.0)
    return Potential(float(change.min()) / problem.slot_h, float(change.sum()))


def _from(instance: Instance, plan: FloatArray, told: int) -> tuple[Instance, FloatArray]:
    """What is still open at a slot: the rest of the plan's energies in the rest of the windows; and what is settled
    [N, T].
    """
    slot = np.arange(instance.slots)
    past = plan * (slot < told)
    arrive = np.minimum(np.maximum(instance.arrive, told), instance.depart - 1)
    gone = instance.depart <= told
    energy = np.where(gone, 0.0, plan.sum(axis=1) - past.sum(axis=1))
    energy = np.minimum(energy, instance.rate * (instance.depart - arrive))
    rate = np.minimum(instance.rate, np.where(gone, 0.0, instance.rate))
    most = up_the_tree(
        instance.parent, present(instance.slots, instance.nodes, arrive, instance.depart, instance.node, rate)
    )
    return replace(instance, arrive=arrive, rate=rate, energy=energy, most=most), past


def potentials(
    problem: Problem, power_kw: FloatArray, first: int, notices: Iterable[int], durations: Iterable[int]
) -> dict[tuple[int, int, Direction], Potential]:
    """By (notice, duration, direction), in slots."""
    lengths = list(durations)
    directions: tuple[Direction, ...] = ("down", "up")
    return {
        (notice, slots, way): potential(problem, power_kw, first, slots, notice, way)
        for notice in notices
        for slots in lengths
        for way in directions
    }


def of_area(sites: Iterable[Potential]) -> Potential:
    """Sites of an area together: changes add up."""
    each = list(sites)
    return Potential(sum(p.sustained_kw for p in each), sum(p.energy_kwh for p in each))


@dataclass(frozen=True, slots=True)
class ShiftCost:
    """What a reduction held through the event costs more than the plan, and what its last kWh costs."""

    reduction_kw: float
    cost: float
    marginal: float


def shifting_costs(problem: Problem, first: int, slots: int, reductions_kw: Sequence[float]) -> list[ShiftCost]:
    """The cost curve of lowering the load of the best plan by so much through the event; it ends before a reduction
    with which some car would go short.

    The curve is convex; the marginal is the sum of the prices of the lowered cap per kWh and slot.
    """
    instance, event = problem.instance(), slice(first, min(first + slots, problem.slots))
    limits, kind = limits_and_kinds(problem)
    if problem.wired:
        instance = replace(instance, unserved=limits.unserved(instance, instance.most, problem.classes()), bend=None)
    energy = limits.solve(instance, kind, None)[0]
    usual, served = energy.sum(axis=0), float(energy.sum())
    planned, found = instance.objective(usual, energy.sum(axis=1)), []
    for reduction in reductions_kw:
        room = limits.room.copy()
        room[0, event] = np.minimum(room[0, event], usual[event] - reduction * problem.slot_h)
        if (room[0] < -ENOUGH * np.max(usual)).any():
            break
        lower, there = limits.roomed(instance, np.maximum(room, 0.0))
        lowered, price, _ = lower.solve(there, kind, None)
        if float(lowered.sum()) < served * (1.0 - ENOUGH):
            break
        load = lowered.sum(axis=0)
        dearer = price[0] - instance.cost.price(instance.base + load)
        marginal = float(np.mean(np.maximum(dearer[event], 0.0)))
        cost = max(instance.objective(load, lowered.sum(axis=1)) - planned, 0.0)
        found.append(ShiftCost(float(reduction), cost, marginal))
    return found


@dataclass(frozen=True, slots=True)
class Offer:
    """A step of a bid: so many kW more at this price per kWh."""

    power_kw: float
    price: float


def bid_curve(costs: Sequence[ShiftCost], hours: float, margin: float = 0.0) -> list[Offer]:
    """Offers in ascending order of price: each step's cost per kWh, and the `margin` on it.

    Steps that are cheaper than the one before (rounding) take its price, so the curve can be cleared from below.
    """
    offers, before, price = [], ShiftCost(0.0, 0.0, 0.0), 0.0
    for cost in costs:
        step = cost.reduction_kw - before.reduction_kw
        if step > 0:
            price = max(price, (cost.cost - before.cost) / (step * hours))
            offers.append(Offer(step, price + margin))
            before = cost
    return offers


@dataclass(frozen=True, slots=True)
class Settlement:
    """Share of the target that was reached, what of it is credited (kW, kWh), and what is paid."""

    reached: float
    credited_kw: float
    credited_kwh: float
    payment: float


def settlement(
    baseline_kw: FloatArray,
    actual_kw: FloatArray,
    target_kw: float,
    price: float,
    slot_h: float,
    direction: Direction = "down",
    band: tuple[float, float] = BAND,
) -> Settlement:
    """A preview: mean change over the event against the target; nothing below the band, no more than its upper end.

    Raises ValueError for a target that is not positive.
    """
    if target_kw <= 0:
        raise ValueError(f"target_kw: must be positive, got {target_kw}")
    sign = 1.0 if direction == "down" else -1.0
    reached = sign * float(np.mean(np.asarray(baseline_kw) - np.asarray(actual_kw))) / target_kw
    # A share that rounding holds a hair below the band is inside.
    credited = 0.0 if reached < band[0] - 1e-9 else min(reached, band[1]) * target_kw
    energy = credited * len(np.atleast_1d(baseline_kw)) * slot_h
    return Settlement(reached, credited, energy, price * energy)
