"""Charging profiles as sent, on every kind of rung (grid-limits B2, B3, I5; field 6.4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.charging.discretise import Outlet, Setpoint
from csms.charging.ladder import Rung
from csms.charging.profiles import (
    Lease,
    ProfileRules,
    floor_profile,
    lease,
    limit_profile,
    profile_id,
    rolling_window,
    usual_unit,
)
from csms.model.charging_profile import ChargingProfile, ProfileKind, ProfilePurpose, RateUnit, SchedulePeriod
from csms.model.station import CurrentKind, EvseRating

NOW = datetime(2026, 1, 5, 8, 0, 0, 700_000, tzinfo=UTC)
AC3 = Outlet(EvseRating(CurrentKind.AC, 3, 32.0, 22_080), 3)
DC = Outlet(EvseRating(CurrentKind.DC, 3, 100.0, 60_000), 3)
FLOOR = AC3.setpoint(4_140)
TX = Rung(ProfilePurpose.TX, RateUnit.A)
LASTING = Rung(ProfilePurpose.TX_DEFAULT, RateUnit.A)
HOUSE = ProfileRules()


def limit(
    rung: Rung = TX, setpoint: Setpoint | None = None, rules: ProfileRules = HOUSE, age_s: float = 0.0
) -> ChargingProfile:
    return limit_profile(rung, 1, "77", setpoint or AC3.setpoint(11_040), FLOOR, NOW, 900, age_s, rules)


@pytest.mark.req("GL-B3")
def test_a_raise_ends_at_the_floor_by_itself() -> None:
    profile = limit()
    assert profile.periods == (SchedulePeriod(0, 16.0, 3), SchedulePeriod(960, 6.0, 3))
    assert profile.start == NOW.replace(microsecond=0) - timedelta(seconds=60)
    assert (profile.purpose, profile.kind) == (ProfilePurpose.TX, ProfileKind.ABSOLUTE)
    assert (profile.transaction_id, profile.profile_id, profile.valid_to) == ("77", 1001, None)


def test_a_schedule_never_rises() -> None:
    assert limit(setpoint=AC3.setpoint(0)).periods == (SchedulePeriod(0, 0.0, 3),)


def test_a_station_with_one_period_gets_an_end_instead_and_is_counted_without_one() -> None:
    rules = ProfileRules(periods_max=1)
    profile = limit(rules=rules)
    assert profile.periods == (SchedulePeriod(0, 16.0, 3),)
    assert profile.valid_to == NOW.replace(microsecond=0) + timedelta(seconds=900)
    assert lease(TX, rules, 900, 0) == Lease(None, renewed=True)


@pytest.mark.req("K01.FR.37")
def test_an_end_by_valid_to_counts_where_it_is_known_to_be_honoured() -> None:
    honoured = ProfileRules(periods_max=1, valid_to="honoured")
    assert limit(rules=honoured).valid_to is not None
    assert lease(TX, honoured, 900, 0) == Lease(900)
    assert lease(LASTING, honoured, 900, 0) == Lease(None, renewed=False)
    refused = ProfileRules(periods_max=1, valid_to="refused")
    assert limit(rules=refused).valid_to is None
    assert lease(TX, refused, 900, 0) == Lease(None, renewed=True)
    assert lease(TX, ProfileRules(periods_max=1, valid_to="ignored"), 900, 0) == Lease(None, renewed=True)


def test_a_lasting_profile_of_one_period_never_ends_because_nothing_lies_below_it() -> None:
    rules = ProfileRules(periods_max=1)
    profile = limit(LASTING, rules=rules)
    assert (profile.purpose, profile.valid_to, profile.transaction_id) == (ProfilePurpose.TX_DEFAULT, None, None)
    assert lease(LASTING, rules, 900, 0) == Lease(None, renewed=False)


def test_what_must_not_be_repeated_is_told_once_and_without_an_end() -> None:
    rules = ProfileRules(renews=False)
    profile = limit(rules=rules)
    assert (profile.periods, profile.valid_to) == ((SchedulePeriod(0, 16.0, 3),), None)
    assert lease(TX, rules, 900, 0) == Lease(None, renewed=False)


@pytest.mark.req("K01.FR.38")
def test_a_relative_schedule_has_no_start_and_counts_from_the_beginning_of_the_transaction() -> None:
    relative = replace(TX, kind=ProfileKind.RELATIVE)
    profile = limit(relative, age_s=3_600.0)
    assert profile.start is None
    assert [p.start_s for p in profile.periods] == [0, 4_500]
    assert lease(relative, HOUSE, 900, 3_600.0) == Lease(4_500.0), "a station may count from the arrival instead"


def test_a_lasting_limit_is_the_floor_too_under_one_id() -> None:
    assert limit(LASTING).profile_id == floor_profile(LASTING, 1, FLOOR, NOW, HOUSE).profile_id == 2001
    assert limit(LASTING).periods[-1].limit == FLOOR.limit_a


def test_the_floor_profile_is_for_good() -> None:
    profile = floor_profile(LASTING, 2, FLOOR, NOW, HOUSE)
    assert (profile.purpose, profile.stack_level, profile.profile_id) == (ProfilePurpose.TX_DEFAULT, 0, 2002)
    assert profile.periods == (SchedulePeriod(0, 6.0, 3),)
    assert profile.valid_to is None
    assert profile.duration_s is None


@pytest.mark.req("GL-B2")
def test_a_floor_has_begun_on_a_clock_that_is_behind_or_tells_the_time_of_another_zone() -> None:
    profile = floor_profile(LASTING, 2, FLOOR, NOW, HOUSE)
    assert profile.start is not None
    assert profile.start <= NOW - timedelta(hours=14)


def test_the_whole_station_has_an_id_of_its_own() -> None:
    assert profile_id(Rung(ProfilePurpose.STATION_MAX, RateUnit.A, station_wide=True), 3, HOUSE) == 2000


def test_small_ids_for_stations_that_take_no_large_ones() -> None:
    small = ProfileRules(profile_id_max=10)
    ids = [profile_id(rung, evse_id, small) for evse_id in (1, 2) for rung in (TX, LASTING)]
    assert len(set(ids)) == 4
    assert all(1 <= number <= 10 for number in ids)
    assert profile_id(LASTING, 1, ProfileRules(profile_id_max=1)) == 1


def test_units() -> None:
    assert usual_unit("ac") is RateUnit.A
    assert usual_unit("dc") is RateUnit.W
    watts = replace(TX, unit=RateUnit.W)
    profile = limit_profile(watts, 1, "7", DC.setpoint(50_000), DC.setpoint(0), NOW, 900, 0, HOUSE)
    assert profile.periods == (SchedulePeriod(0, 50_000.0), SchedulePeriod(960, 0.0))
    told = limit_profile(watts, 1, "7", DC.setpoint(50_000), DC.setpoint(0), NOW, 900, 0, ProfileRules(dc_phases=True))
    assert {period.phases for period in told.periods} == {3}


@pytest.mark.req("RB-69")
@pytest.mark.parametrize("periods_max", [1, 2, 5, 24])
def test_rb_69_a_plan_of_96_slots_is_compressed_and_sent_again_before_its_last_period_begins(periods_max: int) -> None:
    plan = [(slot * 900, 16.0 if slot % 8 < 4 else 10.04) for slot in range(96)]
    window = rolling_window(plan, periods_max)
    assert len(window.periods) == min(periods_max, 24)
    assert window.periods[0] == (0, 16.0)
    assert all(limit in (16.0, 10.0) for _, limit in window.periods)
    begins = [start_s for start_s, _ in rolling_window(plan, 96).periods]
    assert window.again_s == {1: begins[1], 2: begins[1], 5: begins[4], 24: None}[periods_max]


@given(st.lists(st.floats(0, 32), min_size=1, max_size=96), st.integers(1, 24))
def test_windows_one_after_the_other_are_the_whole_plan(limits: list[float], periods_max: int) -> None:
    """Sent again in time, the parts say of each slot what the plan says, rounded down to 0.1."""
    plan = {slot * 900: limit for slot, limit in enumerate(limits)}
    told: dict[int, float] = {}
    begin_s: int | None = 0
    while begin_s is not None:
        rest = [(start_s - begin_s, limit) for start_s, limit in plan.items() if start_s >= begin_s]
        window = rolling_window(rest, periods_max)
        assert len(window.periods) <= periods_max
        assert all(a[1] != b[1] for a, b in pairwise(window.periods))
        for after_s, _ in rest:
            told[begin_s + after_s] = [limit for start_s, limit in window.periods if start_s <= after_s][-1]
        begin_s = None if window.again_s is None else begin_s + window.again_s
    assert told.keys() == plan.keys()
    for start_s, limit in plan.items():
        assert limit - 0.1 - 1e-6 <= told[start_s] <= limit + 1e-6
