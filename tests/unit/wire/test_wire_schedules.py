"""Schedules out with one decimal, composite schedules in with care."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from csms.model.charging_profile import ChargingProfile, ProfileKind, ProfilePurpose, RateUnit, SchedulePeriod
from csms.wire.schedules import encode_schedule, encode_validity, one_decimal, read_composite
from csms.wire.statuses import overall

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def profile(kind: ProfileKind, **more: Any) -> ChargingProfile:
    periods = (SchedulePeriod(0, 16.0, 3), SchedulePeriod(900, 6.0))
    return ChargingProfile(
        profile_id=7,
        stack_level=2,
        purpose=ProfilePurpose.TX_DEFAULT,
        kind=kind,
        unit=RateUnit.A,
        periods=periods,
        **more,
    )


@pytest.mark.parametrize(
    ("limit", "written"),
    [(16.0, 16.0), (16.19, 16.1), (21.4, 21.4), (0.3, 0.3), (0.0, 0.0), (6.999, 6.9), (0.1 * 3, 0.3)],
)
def test_limits_are_rounded_down(limit: float, written: float) -> None:
    assert one_decimal(limit) == written


def test_an_absolute_schedule() -> None:
    assert encode_schedule(profile(ProfileKind.ABSOLUTE, start=START, duration_s=1800)) == {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": 16.0, "numberPhases": 3},
            {"startPeriod": 900, "limit": 6.0},
        ],
        "duration": 1800,
        "startSchedule": "2026-03-01T12:00:00.000Z",
    }


def test_a_relative_schedule_has_no_start() -> None:
    assert "startSchedule" not in encode_schedule(profile(ProfileKind.RELATIVE, start=START))


def test_validity_and_recurrency() -> None:
    recurring = profile(ProfileKind.RECURRING, recurrency="Daily", valid_from=START, valid_to=START)
    assert encode_validity(recurring) == {
        "stackLevel": 2,
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Daily",
        "validFrom": "2026-03-01T12:00:00.000Z",
        "validTo": "2026-03-01T12:00:00.000Z",
    }
    assert encode_validity(profile(ProfileKind.ABSOLUTE, recurrency="Daily")) == {
        "stackLevel": 2,
        "chargingProfileKind": "Absolute",
    }


def composite(*periods: Any, unit: object = "A") -> dict[str, Any]:
    return {"chargingRateUnit": unit, "chargingSchedulePeriod": list(periods)}


@pytest.mark.req("RB-63", "RB-64")
def test_a_composite_schedule() -> None:
    told = composite(
        {"startPeriod": 0, "limit": 7.246376811594203}, {"startPeriod": 60, "limit": -1, "numberPhases": -1}
    )
    read = read_composite(told, "2026-03-01T12:00:00Z")
    assert (read.start, read.unit, read.periods) == (START, RateUnit.A, ((0, 7.246376811594203), (60, None)))


@pytest.mark.req("RB-61", "RB-65")
@pytest.mark.parametrize(
    "told",
    [
        {},
        composite(),
        composite(unit=""),
        composite({"startPeriod": 0, "limit": 6}, unit=""),
        composite({"startPeriod": 1006632455, "limit": 6}),
        composite({"startPeriod": 0, "limit": 6}, {"startPeriod": 0, "limit": 7}),
        composite({"startPeriod": 0, "limit": 6}, {"startPeriod": "60", "limit": 7}),
        composite({"startPeriod": 0, "limit": 6}, {"startPeriod": 60}),
        composite({"startPeriod": 0, "limit": None}),
        composite({"startPeriod": 0, "limit": 6}, "more"),
        {"chargingRateUnit": "A", "chargingSchedulePeriod": "none"},
    ],
)
def test_nonsense_is_unknown_and_not_unlimited(told: dict[str, Any]) -> None:
    read = read_composite(told, "2026-03-01T12:00:00Z")
    assert read.periods == ()


@pytest.mark.req("RB-65")
def test_a_start_that_is_no_time() -> None:
    assert read_composite(composite({"startPeriod": 0, "limit": 6}), "0").start is None


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ([], "Accepted"),
        (["Accepted", "Accepted"], "Accepted"),
        (["Accepted", "RebootRequired"], "RebootRequired"),
        (["RebootRequired", "NotSupported", "Rejected"], "NotSupported"),
    ],
)
def test_one_status_out_of_many(statuses: list[str], status: str) -> None:
    assert overall(statuses) == status
