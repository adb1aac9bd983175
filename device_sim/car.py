"""A car at a plug: what it draws from what it is offered. Pure: a step takes a state and gives the next one.

AC: the car draws at most the offered current on as many phases as both have; below 6 A it cannot charge (IEC 61851-1).
DC: it draws at most the offered power. It follows changes with a ramp, and stops when it has what its driver wants.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from device_sim.battery import Battery

CURRENT_MIN_A = 6.0
TOLERANCE_A = 1e-6
DOWN_FASTER = 4.0  # a car gives power back quicker than it takes it: IEC 61851-1 allows it 5 s
S_PER_H = 3600.0
ENERGY_EPSILON_WH = 1e-6


@dataclass(frozen=True, slots=True)
class Offer:
    """What the pile lets through now: `current_a` on each of `phases` (AC), or `power_w` (DC)."""

    power_w: float
    current_a: float = 0.0
    phases: int = 0
    voltage_v: float = 230.0

    @property
    def is_ac(self) -> bool:
        """Whether the offer is a current on phases."""
        return self.phases > 0


NOTHING = Offer(0.0)


@dataclass(frozen=True, slots=True)
class Car:
    """What does not change during a stay. `energy_wh`: what the driver wants; `ac_power_w`: the on-board charger."""

    battery: Battery
    energy_wh: float
    soc_start: float = 0.5
    phases: int = 3
    ac_power_w: float = 11_040.0
    dc_power_w: float = 0.0
    ramp_w_per_s: float = 1_000.0


@dataclass(frozen=True, slots=True)
class CarState:
    """What changes: energy taken so far and the power drawn at this moment."""

    taken_wh: float = 0.0
    power_w: float = 0.0


def soc(car: Car, state: CarState) -> float:
    """State of charge, 0..1."""
    return min(1.0, car.soc_start + state.taken_wh / car.battery.capacity_wh)


def wants_wh(car: Car, state: CarState) -> float:
    """Energy the car still wants: up to the driver's target, never more than the battery holds."""
    room_wh = (1.0 - car.soc_start) * car.battery.capacity_wh
    return max(0.0, min(car.energy_wh, room_wh) - state.taken_wh)


def is_satisfied(car: Car, state: CarState) -> bool:
    """Whether the car has stopped by itself."""
    return wants_wh(car, state) <= ENERGY_EPSILON_WH


def acceptable_w(car: Car, state: CarState, offer: Offer) -> float:
    """The steady power the car would draw from this offer, W."""
    if is_satisfied(car, state):
        return 0.0
    battery_w = car.battery.power_limit_w(soc(car, state))
    if not offer.is_ac:
        return min(battery_w, car.dc_power_w, offer.power_w)
    if offer.current_a < CURRENT_MIN_A - TOLERANCE_A:
        return 0.0
    phases = min(car.phases, offer.phases)
    return min(battery_w, car.ac_power_w, offer.current_a * phases * offer.voltage_v)


def step(car: Car, state: CarState, dt_s: float, offer: Offer) -> CarState:
    """The state after `dt_s` > 0 seconds at constant power (energy = power x time exactly), ramp and target obeyed."""
    target_w = acceptable_w(car, state, offer)
    reach_w = car.ramp_w_per_s * dt_s
    power_w = min(target_w, state.power_w + reach_w)
    power_w = max(power_w, state.power_w - DOWN_FASTER * reach_w)
    power_w = min(power_w, wants_wh(car, state) * S_PER_H / dt_s)
    return CarState(state.taken_wh + power_w * dt_s / S_PER_H, power_w)


def cut(state: CarState) -> CarState:
    """The supply is gone: the power is 0 at once."""
    return replace(state, power_w=0.0)
