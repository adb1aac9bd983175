"""Times as stations write them and as we do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from csms.wire.times import format_time, parse_time

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.req("RB-37", "RB-38", "SR-05", "1.6:3.15")
@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00.000Z",
        "2026-03-01T12:00:00.000000000Z",
        "2026-03-01t12:00:00z",
        "2026-03-01T12:00:00",
        "2026-03-01 12:00:00",
        "2026-03-01 12:00:00 Z",
        " 2026-03-01T12:00:00Z ",
        "2026-03-01T20:00:00+08:00",
        "2026-03-01T20:00:00+0800",
        "2026-03-01T20:00:00 +08",
        "2026/03/01 12:00:00",
        "20260301T120000Z",
    ],
)
def test_every_spelling_of_noon(text: str) -> None:
    assert parse_time(text) == NOON


def test_a_date_alone_is_its_midnight() -> None:
    assert parse_time("2026-03-01") == datetime(2026, 3, 1, tzinfo=UTC)


def test_fractions_are_kept() -> None:
    assert parse_time("2026-03-01T12:00:00.125Z") == NOON + timedelta(milliseconds=125)


@pytest.mark.req("SR-05", "PAIN-22", "1.6:3.14")
def test_a_time_without_zone_is_the_stations_own() -> None:
    assert parse_time("2026-03-01T20:00:00", timezone(timedelta(hours=8))) == NOON
    assert parse_time("2026-03-01T12:00:00Z", timezone(timedelta(hours=8))) == NOON


@pytest.mark.req("HP-D7")
@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "",
        "0",
        "2026-13-01T00:00:00Z",
        "2026-03-01T25:00:00Z",
        None,
        5,
        [],
        "9" * 5000,
        "0001-01-01T00:00+23",
    ],
)
def test_what_is_no_time(value: object) -> None:
    assert parse_time(value) is None


@pytest.mark.req("RB-35")
def test_a_clock_that_was_never_set() -> None:
    assert parse_time("1970-01-01T00:26:17Z") == datetime(1970, 1, 1, 0, 26, 17, tzinfo=UTC)


@pytest.mark.req("PAIN-22", "1.6:3.14", "1.6:3.15")
def test_one_form_goes_out() -> None:
    assert format_time(NOON) == "2026-03-01T12:00:00.000Z"
    assert format_time(NOON.astimezone(timezone(timedelta(hours=8)))) == "2026-03-01T12:00:00.000Z"
    with pytest.raises(ValueError, match="zone"):
        format_time(NOON.replace(tzinfo=None))
