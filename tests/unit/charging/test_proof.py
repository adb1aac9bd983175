"""What proves a limit and what refutes it (SR-08, RB-61 to RB-67)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from csms.charging.discretise import Outlet
from csms.charging.proof import Follower, Told, Verdict, by_composite, by_offer
from csms.model.charging_profile import CompositeSchedule, RateUnit
from csms.model.meter import CURRENT_OFFERED, POWER_OFFERED, Sample
from csms.model.station import CurrentKind, EvseRating
from csms.wire.schedules import read_composite

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
AC3 = Outlet(EvseRating(CurrentKind.AC, 3, 32.0, 22_080), 3)
TEN_A = Told(10.0, RateUnit.A, 32.0, 3)
WATTS = Told(7_000.0, RateUnit.W, 22_080.0, 3)


def says(limit: float | None, unit: RateUnit = RateUnit.A) -> CompositeSchedule:
    return CompositeSchedule(NOW, unit, ((0, limit),))


@pytest.mark.req("RB-61")
def test_rb_61_an_empty_list_of_periods_says_nothing() -> None:
    answer = read_composite({"chargingRateUnit": "A", "chargingSchedulePeriod": []}, None)
    assert by_composite(answer, TEN_A) is Verdict.NOTHING


@pytest.mark.req("RB-62")
def test_rb_62_no_schedule_says_nothing() -> None:
    assert by_composite(None, TEN_A) is Verdict.NOTHING


@pytest.mark.req("RB-63")
def test_rb_63_minus_one_is_no_limit_and_so_no_proof() -> None:
    period = {"startPeriod": 0, "limit": -1, "numberPhases": -1}
    answer = read_composite({"chargingRateUnit": "A", "chargingSchedulePeriod": [period]}, None)
    assert answer.periods == ((0, None),)
    assert by_composite(answer, TEN_A) is Verdict.ODD


@pytest.mark.req("RB-64")
@pytest.mark.parametrize("limit", [10.0, 9.95, 10.099999, 9.9])
def test_rb_64_a_tenth_is_tolerance(limit: float) -> None:
    assert by_composite(says(limit), TEN_A) is Verdict.SHOWN


@pytest.mark.req("RB-64")
def test_rb_64_watts_that_went_through_amperes_match() -> None:
    """7000 W as 10.1 A x 690 V, and 7.246376811594203 A for 5000 W."""
    assert by_composite(says(6_969.0, RateUnit.W), WATTS) is Verdict.SHOWN
    assert by_composite(says(7.246376811594203), Told(7.2, RateUnit.A, 32.0, 3)) is Verdict.SHOWN


@pytest.mark.req("RB-65")
@pytest.mark.parametrize(
    "schedule",
    [
        {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}]},
        {"chargingRateUnit": "", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}]},
        {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 1006632455, "limit": 10}]},
        {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0}]},
        {"chargingRateUnit": "A", "chargingSchedulePeriod": ["x"]},
    ],
)
def test_rb_65_another_unit_and_garbage_are_flagged_and_no_proof(schedule: dict[str, object]) -> None:
    assert by_composite(read_composite(schedule, "0"), TEN_A) is Verdict.ODD


def test_a_higher_limit_is_odd_and_a_lower_one_is_somebody_elses() -> None:
    assert by_composite(says(16.0), TEN_A) is Verdict.ODD
    assert by_composite(says(6.0), TEN_A) is Verdict.LOWER


def test_a_limit_that_binds_nothing_proves_nothing() -> None:
    assert by_composite(says(32.0), Told(32.0, RateUnit.A, 32.0, 3)) is Verdict.LOWER
    assert by_composite(says(None), Told(32.0, RateUnit.A, 32.0, 3)) is Verdict.LOWER


def test_zero_is_a_limit() -> None:
    assert by_composite(says(0.0), Told(0.0, RateUnit.A, 32.0, 3)) is Verdict.SHOWN


@pytest.mark.req("SR-08")
def test_an_offer_that_equals_the_limit_is_a_proof_and_any_other_says_nothing() -> None:
    told = AC3.setpoint(6_900)
    assert by_offer([Sample(NOW, CURRENT_OFFERED, 10.0, "A")], told, 22_080) is Verdict.SHOWN
    assert by_offer([Sample(NOW, POWER_OFFERED, 6_899.0, "W")], told, 22_080) is Verdict.SHOWN
    for misleading in (0.0, 32.0, 9.0):
        assert by_offer([Sample(NOW, CURRENT_OFFERED, misleading, "A")], told, 22_080) is Verdict.NOTHING
    assert by_offer([Sample(NOW, CURRENT_OFFERED, 32.0, "A")], AC3.setpoint(22_080), 22_080) is Verdict.NOTHING


@pytest.mark.req("RB-67")
def test_rb_67_two_samples_in_a_row_above_the_limit_refute_it() -> None:
    follower, told = Follower(), AC3.setpoint(6_900)
    assert follower.sample(told, 11_000) is Verdict.NOTHING
    assert follower.sample(told, 6_900) is not Verdict.IGNORED
    assert follower.sample(told, 11_000) is Verdict.NOTHING
    assert follower.sample(told, 11_000) is Verdict.IGNORED


@pytest.mark.req("SR-08")
def test_power_that_comes_down_below_the_limit_is_a_proof() -> None:
    follower = Follower()
    follower.unsettled(11_000)
    assert follower.sample(AC3.setpoint(6_900), 6_700) is Verdict.SHOWN


def test_a_car_that_just_finished_is_none() -> None:
    follower = Follower()
    follower.unsettled(11_000)
    assert follower.sample(AC3.setpoint(6_900), 0.0) is Verdict.NOTHING


def test_low_power_alone_is_no_proof() -> None:
    follower = Follower()
    assert [follower.sample(AC3.setpoint(w), 3_600) for w in (6_900, 11_040, 22_080)] == [Verdict.NOTHING] * 3


def test_power_that_moves_as_the_limit_does_is_a_proof_on_any_number_of_phases() -> None:
    for phases in (1, 3):
        follower = Follower()
        assert follower.sample(AC3.setpoint(4_140), 6 * 230 * phases) is Verdict.NOTHING
        assert follower.sample(AC3.setpoint(5_520), 8 * 230 * phases) is Verdict.SHOWN
        assert follower.followed == [4_140]


def test_a_car_that_wakes_up_when_it_may_is_a_proof() -> None:
    follower = Follower()
    assert follower.sample(AC3.setpoint(0), 3.0) is Verdict.NOTHING
    assert follower.sample(AC3.setpoint(4_140), 4_000) is Verdict.SHOWN


def test_two_limits_close_together_say_nothing() -> None:
    follower = Follower()
    follower.sample(AC3.setpoint(11_040), 11_000)
    assert follower.sample(AC3.setpoint(11_730), 11_700) is Verdict.NOTHING
