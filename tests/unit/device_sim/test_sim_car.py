"""Battery and car, by figures worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from device_sim.battery import Battery
from device_sim.car import Car, CarState, Offer, acceptable_w, is_satisfied, soc, step, wants_wh

BATTERY = Battery(50_000.0, 100_000.0, knee_soc=0.8, power_end_w=5_000.0)


def ac(current_a: float, phases: int = 3) -> Offer:
    return Offer(current_a * phases * 230.0, current_a, phases)


def the_car(**values: Any) -> Car:
    known: dict[str, Any] = {"energy_wh": 20_000.0, "soc_start": 0.4, "phases": 3, "ac_power_w": 11_040.0}
    return Car(BATTERY, **(known | {"dc_power_w": 80_000.0, "ramp_w_per_s": 1_000.0} | values))


@pytest.mark.parametrize(
    ("state_of_charge", "power_w"),
    [(0.0, 100_000.0), (0.8, 100_000.0), (0.9, 52_500.0), (0.95, 28_750.0), (0.999999, 5_000.475), (1.0, 0.0)],
)
def test_taper_is_linear_from_the_knee_to_the_end_power(state_of_charge: float, power_w: float) -> None:
    assert BATTERY.power_limit_w(state_of_charge) == pytest.approx(power_w)


@pytest.mark.parametrize("values", [(0.0, 1.0), (1.0, 1.0, 1.0), (1.0, 1.0, 0.5, 2.0)])
def test_an_impossible_battery_is_refused(values: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="must"):
        Battery(*values)


@pytest.mark.parametrize(
    ("offer", "phases", "power_w"),
    [
        (ac(16.0), 3, 11_040.0),
        (ac(10.0), 3, 6_900.0),
        (ac(10.0), 1, 2_300.0),  # a one-phase car uses one of three phases
        (ac(32.0, 1), 3, 7_360.0),
        (ac(32.0), 3, 11_040.0),  # its charger is the limit
        (ac(6.0), 3, 4_140.0),
        (ac(5.9), 3, 0.0),  # IEC 61851-1: nothing below 6 A
        (ac(0.0), 3, 0.0),
        (Offer(60_000.0), 3, 60_000.0),
        (Offer(120_000.0), 3, 80_000.0),
        (Offer(500.0), 3, 500.0),  # DC has no lower end
    ],
)
def test_what_a_car_draws_from_an_offer(offer: Offer, phases: int, power_w: float) -> None:
    assert acceptable_w(the_car(phases=phases), CarState(), offer) == pytest.approx(power_w)


def test_the_ramp_up_takes_its_time_and_the_ramp_down_is_four_times_as_fast() -> None:
    car = the_car()
    state = step(car, CarState(), 5.0, ac(16.0))
    assert state.power_w == 5_000.0
    state = step(car, state, 5.0, ac(16.0))
    state = step(car, state, 5.0, ac(16.0))
    assert state.power_w == 11_040.0
    assert step(car, state, 1.0, ac(0.0)).power_w == 7_040.0
    assert step(car, state, 5.0, ac(0.0)).power_w == 0.0


def test_energy_is_power_times_time() -> None:
    state = step(the_car(), CarState(power_w=11_040.0), 5.0, ac(16.0))
    assert state.taken_wh == pytest.approx(11_040.0 * 5.0 / 3600.0)


def test_it_stops_exactly_at_what_the_driver_wants() -> None:
    car, state = the_car(energy_wh=10.0), CarState(power_w=11_040.0)
    state = step(car, state, 5.0, ac(16.0))
    assert state.taken_wh == pytest.approx(10.0)
    assert state.power_w == pytest.approx(7_200.0)
    assert is_satisfied(car, state)
    assert step(car, state, 5.0, ac(16.0)).power_w == 0.0


def test_a_full_battery_wants_nothing_more() -> None:
    car = the_car(soc_start=0.9, energy_wh=20_000.0)
    assert wants_wh(car, CarState()) == pytest.approx(5_000.0)
    assert soc(car, CarState(taken_wh=5_000.0)) == pytest.approx(1.0)
    assert is_satisfied(car, CarState(taken_wh=5_000.0))


def test_dc_power_follows_the_taper() -> None:
    car = the_car(soc_start=0.9)
    assert acceptable_w(car, CarState(), Offer(60_000.0)) == pytest.approx(52_500.0)
