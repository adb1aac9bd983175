"""Charging profiles as sent (grid-limits B2, B3, I5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from csms.charging.discretise import Outlet
from csms.charging.profiles import ProfileRules, floor_profile, other_unit, tx_profile, usual_unit
from csms.model.charging_profile import ProfileKind, ProfilePurpose, RateUnit, SchedulePeriod
from csms.model.station import CurrentKind, EvseRating

NOW = datetime(2026, 1, 5, 8, 0, 0, 700_000, tzinfo=UTC)
AC3 = Outlet(EvseRating(CurrentKind.AC, 3, 32.0, 22_080), 3)
DC = Outlet(EvseRating(CurrentKind.DC, 3, 100.0, 60_000), 3)
FLOOR = AC3.setpoint(4_140)


@pytest.mark.req("GL-B3")
def test_a_raise_ends_at_the_floor_by_itself() -> None:
    profile = tx_profile(1, "77", AC3.setpoint(11_040), FLOOR, RateUnit.A, NOW, 900, ProfileRules())
    assert profile.periods == (SchedulePeriod(0, 16.0, 3), SchedulePeriod(960, 6.0, 3))
    assert profile.start == NOW.replace(microsecond=0) - timedelta(seconds=60)
    assert (profile.purpose, profile.kind) == (ProfilePurpose.TX, ProfileKind.ABSOLUTE)
    assert (profile.transaction_id, profile.profile_id, profile.valid_to) == ("77", 1001, None)


def test_a_schedule_never_rises() -> None:
    profile = tx_profile(1, "77", AC3.setpoint(0), FLOOR, RateUnit.A, NOW, 900, ProfileRules())
    assert profile.periods == (SchedulePeriod(0, 0.0, 3),)


def test_lower_steps_on_the_way_when_the_station_takes_more_periods() -> None:
    later = [(300.0, AC3.setpoint(6_900)), (600.0, AC3.setpoint(9_660)), (1_000.0, AC3.setpoint(0))]
    setpoint = AC3.setpoint(11_040)
    rules = ProfileRules(periods_max=4)
    profile = tx_profile(1, "77", setpoint, FLOOR, RateUnit.A, NOW, 900, rules, later)
    assert [(p.start_s, p.limit) for p in profile.periods] == [(0, 16.0), (360, 10.0), (960, 6.0)]
    two = tx_profile(1, "77", setpoint, FLOOR, RateUnit.A, NOW, 900, ProfileRules(), later)
    assert [(p.start_s, p.limit) for p in two.periods] == [(0, 16.0), (960, 6.0)]


def test_a_station_with_one_period_gets_an_end_instead() -> None:
    rules = ProfileRules(periods_max=1)
    profile = tx_profile(1, "77", AC3.setpoint(11_040), FLOOR, RateUnit.A, NOW, 900, rules)
    assert len(profile.periods) == 1
    assert profile.valid_to == NOW.replace(microsecond=0) + timedelta(seconds=900)


def test_the_floor_profile_is_for_good() -> None:
    profile = floor_profile(2, FLOOR, RateUnit.A, NOW)
    assert (profile.purpose, profile.stack_level, profile.profile_id) == (ProfilePurpose.TX_DEFAULT, 0, 2002)
    assert profile.periods == (SchedulePeriod(0, 6.0, 3),)
    assert profile.valid_to is None
    assert profile.duration_s is None


def test_units() -> None:
    assert usual_unit(FLOOR) is RateUnit.A
    assert usual_unit(DC.setpoint(50_000)) is RateUnit.W
    assert other_unit(RateUnit.A) is RateUnit.W
    profile = tx_profile(1, "7", DC.setpoint(50_000), DC.setpoint(0), RateUnit.W, NOW, 900, ProfileRules())
    assert profile.periods == (SchedulePeriod(0, 50_000.0), SchedulePeriod(960, 0.0))
