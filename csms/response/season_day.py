"""A simulated day of a feeder from six in the morning: cars as they come, charging on arrival, planned, for an event.

Powers kW [cars, slots], energies kWh. Every car gets the same energy however it is charged, but for what the cap takes
away from plans, which is told. Pure; chance comes from the generator that is handed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csms.response.season_scenario import Fleet, Scenario
from optimizer.arrays import FloatArray
from optimizer.problem import EvSession, Problem
from optimizer.repair import keep_caps
from optimizer.response import potential
from optimizer.solver import solve_instance

SLOT_H = 0.25
SLOTS = 96
BEGIN_H = 6.0
EVEN = 1e-4
"""Weight of an even load beside the price, money per kWh and kWh: of equally cheap slots all are used."""
STAY_MIN_SLOTS = 1
ENERGY_MIN_KWH = 0.5


@dataclass(frozen=True, slots=True)
class Car:
    """`will`: a number between 0 and 1; the driver takes part when the share of drivers who do is above it."""

    arrive: int
    depart: int
    power_kw: float
    energy_kwh: float
    will: float


@dataclass(frozen=True, eq=False, slots=True)
class Day:
    """Cars and base load of a day, price and kg of CO2 per kWh by slot."""

    cars: tuple[Car, ...]
    base_kw: FloatArray
    price: FloatArray
    kg_per_kwh: FloatArray


def cars_of(fleets: Sequence[Fleet], rng: np.random.Generator) -> tuple[Car, ...]:
    """The cars of a day; who would stay beyond six in the morning leaves then."""
    found: list[Car] = []
    for fleet in fleets:
        for _ in range(int(rng.poisson(fleet.sessions_a_day))):
            at_h = rng.normal(fleet.arrives_h, fleet.arrives_sd_h)
            arrive = int(np.clip((at_h - BEGIN_H) / SLOT_H, 0, SLOTS - 1 - STAY_MIN_SLOTS))
            stay = max(int(rng.normal(fleet.stays_h, fleet.stays_sd_h) / SLOT_H), STAY_MIN_SLOTS)
            depart = min(arrive + stay, SLOTS)
            most = fleet.power_kw * (depart - arrive) * SLOT_H
            wanted = max(float(rng.normal(fleet.energy_kwh, fleet.energy_sd_kwh)), ENERGY_MIN_KWH)
            found.append(Car(arrive, depart, fleet.power_kw, min(wanted, most), float(rng.uniform())))
    return tuple(found)


def base_of(scenario: Scenario, rng: np.random.Generator) -> FloatArray:
    """Base load by slot."""
    by_slot = by_hour(scenario.site.base_kw)
    return np.asarray(by_slot * max(1.0 + scenario.site.base_noise * float(rng.standard_normal()), 0.0))


def by_hour(values: Sequence[float]) -> FloatArray:
    """24 values of the local day, or one, by slot from six in the morning on."""
    hours = ((BEGIN_H + SLOT_H * np.arange(SLOTS)) % 24).astype(np.int64)
    return np.asarray(np.asarray(values, dtype=np.float64)[hours % len(values)])


def on_arrival(cars: Sequence[Car]) -> FloatArray:
    """Full power from arrival until the energy is in."""
    power = np.zeros((len(cars), SLOTS))
    for number, car in enumerate(cars):
        left = car.energy_kwh
        for slot in range(car.arrive, car.depart):
            power[number, slot] = min(car.power_kw, left / SLOT_H)
            left = max(left - car.power_kw * SLOT_H, 0.0)
    return power


def takes_part(cars: Sequence[Car], share: float) -> np.ndarray:
    """Which drivers do [cars]."""
    return np.array([car.will < share for car in cars], dtype=bool)


def planned(day: Day, usual_kw: FloatArray, part: np.ndarray, cap_kw: FloatArray) -> FloatArray:
    """Cars that take part charged where it is cheapest under the cap [slots]; the others as in `usual_kw`."""
    found = usual_kw.copy()
    chosen = np.flatnonzero(part)
    if len(chosen):
        found[chosen] = _solved(_problem(day, usual_kw, chosen, cap_kw))
    return found


def _solved(problem: Problem) -> FloatArray:
    """A plan by the interior point alone: prices that are nearly constant are what it is quickest with, and a season
    is many plans."""
    instance = problem.instance()
    power = solve_instance(instance, "interior point").energy / problem.slot_h
    np.minimum(power, np.array([car.power_max_kw for car in problem.sessions])[:, None], out=power)
    keep_caps(instance, power, problem.caps_kw(), problem.base_loads_kw())
    return power


def promise_kw(day: Day, usual_kw: FloatArray, part: np.ndarray, cap_kw: FloatArray, event: slice) -> float:
    """By how much the load of those who take part can be lower through the event, told the day before."""
    chosen = np.flatnonzero(part)
    if not len(chosen):
        return 0.0
    problem, slots = _problem(day, usual_kw, chosen, cap_kw), event.stop - event.start
    return potential(problem, usual_kw[chosen], event.start, slots, event.start, "down", exact=False).sustained_kw


def dispatched(
    day: Day, usual_kw: FloatArray, part: np.ndarray, cap_kw: FloatArray, event: slice, cut_kw: float
) -> FloatArray:
    """The same as `planned`, with the load of the event's slots held `cut_kw` below what it would have been."""
    lower = cap_kw.copy()
    lower[event] = np.minimum(lower[event], (day.base_kw + usual_kw.sum(axis=0))[event] - cut_kw)
    return planned(day, usual_kw, part, lower)


def _problem(day: Day, usual_kw: FloatArray, chosen: np.ndarray, cap_kw: FloatArray) -> Problem:
    rest = np.delete(usual_kw, chosen, axis=0).sum(axis=0)
    sessions = tuple(
        EvSession(str(number), car.arrive, car.depart, car.power_kw, car.energy_kwh)
        for number, car in ((n, day.cars[n]) for n in chosen)
    )
    weight = np.full(SLOTS, EVEN)
    return Problem(SLOT_H, day.base_kw + rest, cap_kw, sessions, weight=weight, price=day.price)
