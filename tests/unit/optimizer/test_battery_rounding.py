"""Batteries rounded: steps and least power, what they hold, rooms that they make, conductors both ways."""

from __future__ import annotations

import math
from typing import Any

import pytest

from optimizer import LineRoom, Request, amp_levels, watt_levels
from optimizer.battery_rounding import BatteryRequest, battery_request, round_all
from optimizer.models import Storage, V2gSession

STEPS = watt_levels(5000, 500, 100)


def unit(target_w: float, **more: Any) -> BatteryRequest:
    usual: dict[str, Any] = {"charge": STEPS, "discharge": STEPS, "stored_wh": 5000.0, "least_wh": 1000.0,
                             "most_wh": 9000.0}  # fmt: skip
    return BatteryRequest("b", target_w, **(usual | {"path": ("site",)} | more))


def told(battery: BatteryRequest, room_w: int = 99_999, hours: float = 0.25, **more: Any) -> int:
    return round_all([], [battery], {"site": room_w}, hours, **more)[1][0].setpoint_w


def test_device_steps_and_the_least_power() -> None:
    assert told(unit(1234.0)) == 1300, "a remainder of a third of a step is told in full, and carried"
    assert round_all([], [unit(1234.0)], {"site": 9999}, 0.25)[1][0].carry_w == pytest.approx(-66.0)
    assert told(unit(-1234.0)) == -1300
    assert told(unit(9000.0)) == 5000
    assert told(unit(0.0)) == told(unit(1e-3)) == 0
    assert told(unit(300.0)) == 500
    assert told(unit(0.0, carry_w=400.0)) == 0, "who has no part in the plan stands still"
    assert told(unit(200.0, carry_w=-400.0)) == 0, "a remainder never turns it round"


def test_what_it_holds_is_kept() -> None:
    assert told(unit(5000.0, stored_wh=8900.0)) == 0, "400 W would fit, but 500 W is the least"
    assert told(unit(5000.0, stored_wh=8875.0)) == 500
    assert told(unit(5000.0, stored_wh=8875.0, charge_efficiency=0.9)) == 500
    assert told(unit(-5000.0, stored_wh=1250.0)) == -1000
    assert told(unit(-5000.0, stored_wh=1250.0, discharge_efficiency=0.9)) == -900
    assert told(unit(-5000.0, stored_wh=900.0)) == 0, "it is below its least already"
    (granted,) = round_all([], [unit(-1000.0, discharge_efficiency=0.8)], {"site": 0}, 0.5)[1]
    assert granted.stored_wh == pytest.approx(5000.0 - 1000.0 / 0.8 * 0.5)


def test_remainders_even_out() -> None:
    carry, moved = 0.0, 0
    for _ in range(50):
        (granted,) = round_all([], [unit(1234.0, carry_w=carry)], {"site": 9999}, 0.25)[1]
        carry, moved = granted.carry_w, moved + granted.setpoint_w
    assert moved == pytest.approx(50 * 1234.0, abs=100)


def pile(target_a: float, **more: Any) -> Request:
    return Request(**({"id": "car", "target": target_a, "levels": amp_levels(32, 230), "path": ("site",)} | more))


def test_what_it_gives_is_room_for_cars() -> None:
    """1 kW of cap, 2 kW from the battery: 13 A."""
    (car,), (battery,) = round_all([pile(16)], [unit(-2000.0)], {"site": 1000}, 0.25)
    assert (car.setpoint, battery.setpoint_w) == (13, -2000)
    (car,), (battery,) = round_all([pile(16)], [unit(-2000.0, stored_wh=1010.0)], {"site": 1000}, 0.25)
    assert (car.setpoint, battery.setpoint_w) == (0, 0)
    (car,), _ = round_all([pile(16)], [unit(-2000.0, path=("left", "site"))], {"site": 1000, "left": 0}, 0.25)
    assert car.setpoint == 13


def test_cars_come_before_what_charges() -> None:
    (car,), (battery,) = round_all([pile(10, laxity_h=9.0)], [unit(2000.0)], {"site": 3000}, 0.25)
    assert (car.setpoint, battery.setpoint_w) == (10, 700)


def test_a_connection_takes_no_more_back_than_it_may() -> None:
    assert told(unit(-3000.0), feed_w={"site": 1250}) == -1200
    both = [unit(-3000.0), BatteryRequest("c", -900.0, ("site",), STEPS, STEPS, 5000.0, 0.0, 9000.0)]
    _, (first, second) = round_all([], both, {"site": 0}, 0.25, feed_w={"site": 3500})
    assert (first.setpoint_w, second.setpoint_w) == (-3000, -500), "who gives most comes first"


def test_conductors_carry_as_much_back_as_forth() -> None:
    """10 A, of which the base load takes 4 A: 14 A may come back, 3,220 W."""
    room = {"site": LineRoom((6000, 6000, 6000), None, (4000, 4000, 4000))}
    assert told(unit(-5000.0, lines="2"), lines=room) == -3200
    assert told(unit(5000.0, lines="2"), lines=room) == 1300
    (car,), _ = round_all([pile(32, lines="2")], [unit(-2300.0, lines="2")], {"site": 9999}, 0.25, lines=room)
    assert car.setpoint == 15, "6 A and the 10 A that come back, less a milliampere"


def test_what_comes_back_sets_no_conductors_apart() -> None:
    room = {"site": LineRoom((99_000,) * 3, 5000, (4000, 4000, 4000))}
    assert told(unit(-5000.0, lines="2"), lines=room) == -1100
    assert told(unit(-5000.0), lines=room) == -5000
    (car,), _ = round_all([pile(32, lines="1")], [unit(-1100.0, lines="2")], {"site": 99_999}, 0.25, lines=room)
    assert car.setpoint == 0, "conductor 2 is 4.8 A below the others already"


def test_requests_of_a_site_s_models() -> None:
    storage = Storage("s", 10.0, 5.0, 4.0, 3.0, energy_min_kwh=1.0, power_min_kw=0.5, power_step_kw=0.25, lines="1")
    asked = battery_request(storage, -1.3, 5.0, ("site",))
    assert asked.discharge.values[:3] == (0, 500, 750)
    assert (asked.charge.values[-1], asked.discharge.values[-1]) == (4000, 3000)
    assert (asked.least_wh, asked.most_wh, asked.lines) == (1000.0, 10_000.0, "1")
    car = V2gSession("v", 0, 4, 10.0, 12.0, 20.0, 7.0, 7.0, energy_floor_kwh=8.0, power_min_kw=1.4)
    of_car = battery_request(car, 3.0, 10.0, ("site",), carry_w=20.0)
    assert (of_car.least_wh, of_car.charge.values[1], of_car.charge.values[2]) == (8000.0, 1400, 1401)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        unit(math.nan)
    with pytest.raises(ValueError, match="watts"):
        unit(1.0, charge=amp_levels(16, 230))
    with pytest.raises(ValueError, match="lines"):
        unit(1.0, lines="?")
    with pytest.raises(ValueError, match="once"):
        round_all([pile(6, id="b")], [unit(1.0)], {"site": 1}, 0.25)
    with pytest.raises(ValueError, match="power_step_kw"):
        Storage("s", 1.0, 0.0, 1.0, 1.0, power_step_kw=-1.0)
