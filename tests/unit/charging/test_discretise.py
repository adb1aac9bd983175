"""Amperes, watts, floors, idle cars and steadiness (optimizer.md section 7, grid-limits B8)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from csms.charging.discretise import Ask, Outlet, Step, discretise, steady
from csms.charging.fallback import Wish, proportional
from csms.model.charging_profile import RateUnit
from csms.model.ids import EvseRef
from csms.model.station import CurrentKind, EvseRating

AC1 = EvseRating(CurrentKind.AC, 1, 32.0, 7_360)
AC3 = EvseRating(CurrentKind.AC, 3, 32.0, 22_080)
DC = EvseRating(CurrentKind.DC, 3, 100.0, 60_000)
A, B, C = (EvseRef(name, 1) for name in "ABC")


def ask(ref: EvseRef, rating: EvseRating, planned_w: float, **more: object) -> Ask:
    floor_w = more.pop("floor_w", 0)
    assert isinstance(floor_w, int)
    base = Ask(ref, Outlet(rating, rating.phases, floor_w), ("T",), planned_w, float(rating.power_max_w))
    return replace(base, **more)  # type: ignore[arg-type]


def test_whole_amperes_rounded_into_the_room() -> None:
    steps = discretise([ask(A, AC1, 7.4 * 230), ask(B, AC1, 7.4 * 230)], {"T": 15 * 230})
    assert sorted(step.setpoint.limit_a for step in steps.values()) == [7.0, 8.0]
    assert sum(step.carry_w for step in steps.values()) == pytest.approx(-0.2 * 230)


def test_nothing_between_zero_and_six_amperes() -> None:
    steps = discretise([ask(ref, AC1, 4 * 230) for ref in (A, B, C)], {"T": 12 * 230})
    assert sorted(step.setpoint.limit_a for step in steps.values()) == [0.0, 6.0, 6.0]
    starved = next(ref for ref, step in steps.items() if step.setpoint.value_w == 0)
    assert steps[starved].carry_w == pytest.approx(4 * 230)


def test_must_run_comes_first() -> None:
    steps = discretise([ask(A, AC1, 7_360), ask(B, AC1, 7_360, must_run=True)], {"T": 7_360})
    assert steps[B].setpoint.limit_a == 32.0
    assert steps[A].setpoint.value_w == 0


def test_direct_current_goes_in_hundreds_of_watts_from_its_minimum_on() -> None:
    assert discretise([ask(A, DC, 41_234)], {"T": 50_000})[A].setpoint.value_w == 41_300
    assert discretise([ask(A, DC, 41_234)], {"T": 41_299})[A].setpoint.value_w == 41_200
    assert discretise([ask(A, DC, 41_234)], {"T": 1_900})[A].setpoint.value_w == 0


def test_floors_are_spent_already() -> None:
    """Both have 6 A in any case, so the room for 20 A leaves 8 A above the floors; a floor is never undercut."""
    steps = discretise([ask(A, AC1, 0.0, floor_w=1_380), ask(B, AC1, 7_360, floor_w=1_380)], {"T": 20 * 230})
    assert steps[A].setpoint.limit_a == 6.0
    assert steps[B].setpoint.limit_a == 14.0


def test_three_phases_count_three_times_and_a_car_on_one_phase_once() -> None:
    assert discretise([ask(A, AC3, 6_900)], {"T": 6_900})[A].setpoint.limit_a == 10.0
    one = ask(A, AC3, 2_300, outlet=Outlet(AC3, 1))
    setpoint = discretise([one], {"T": 6_900})[A].setpoint
    assert (setpoint.limit_a, setpoint.phases, setpoint.value_w) == (10.0, 1, 2_300)


def test_idle_cars_get_what_is_left_and_satisfied_ones_nothing() -> None:
    asks = [ask(A, AC1, 7_360, idle=True), ask(B, AC1, 7_360), ask(C, AC1, 7_360, wants=False)]
    steps = discretise(asks, {"T": 7_360 + 1_380})
    assert [steps[ref].setpoint.value_w for ref in (A, B, C)] == [1_380, 7_360, 0]
    assert discretise(asks, {"T": 7_360})[A].setpoint.value_w == 0


def test_what_the_car_can_take_bounds_the_grant() -> None:
    assert discretise([ask(A, AC1, 7_360, power_max_w=3_500.0)], {"T": 9_000})[A].setpoint.limit_a == 16.0


def test_setpoints_in_both_units() -> None:
    setpoint = Outlet(AC3, 3).at_most(10_000)
    assert (setpoint.limit(RateUnit.A), setpoint.limit(RateUnit.W)) == (14.0, 9_660.0)
    dc = Outlet(DC, 3).at_most(60_000)
    assert dc.limit(RateUnit.W) == 60_000.0
    assert dc.limit(RateUnit.A) * 230 * 3 <= 60_000
    assert Outlet(AC1, 1).at_most(1_379).value_w == 0


def test_small_changes_are_left_out_as_long_as_they_fit() -> None:
    asks = [ask(A, AC1, 0.0), ask(B, AC1, 0.0)]
    outlet = Outlet(AC1, 1)
    before = {A: outlet.setpoint(20 * 230), B: outlet.setpoint(10 * 230)}
    new = {A: Step(outlet.setpoint(19 * 230), 0.0), B: Step(outlet.setpoint(16 * 230), 0.0)}
    fits = steady(new, before, asks, {"T": 36 * 230})
    assert [fits[ref].setpoint.limit_a for ref in (A, B)] == [20.0, 16.0]
    tight = steady(new, before, asks, {"T": 35 * 230})
    assert [tight[ref].setpoint.limit_a for ref in (A, B)] == [19.0, 16.0]


def test_the_proportional_rule_keeps_floors() -> None:
    wishes = {A: Wish(9_000, 1_000, ("T",)), B: Wish(5_000, 1_000, ("T",))}
    assert proportional(wishes, {"T": 8_000}) == {A: 5_000, B: 3_000}
    assert proportional(wishes, {"T": 1_000}) == {A: 1_000, B: 1_000}
    assert proportional(wishes, {"T": 20_000}) == {A: 9_000, B: 5_000}


def test_the_proportional_rule_obeys_the_tightest_ancestor() -> None:
    wishes = {A: Wish(8_000, 0, ("N", "T")), B: Wish(8_000, 0, ("T",))}
    assert proportional(wishes, {"N": 2_000, "T": 12_000}) == {A: 2_000, B: 6_000}
