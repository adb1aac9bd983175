"""The clock of the simulator."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from device_sim.clock import SimClock, at, clock_from_environment, parse_clock

LINE = "speed=288,wall=1764000000.0,time=2026-11-24T00:00:00+08:00"


def test_the_line_that_the_central_system_reads_is_read_and_written() -> None:
    clock = parse_clock(LINE)
    assert clock == SimClock(288.0, 1764000000.0, datetime.fromisoformat("2026-11-24T00:00:00+08:00"))
    assert parse_clock(str(clock)) == clock


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("speed=2", "lacks wall, time"),
        ("speed=0,wall=0,time=2026-01-01T00:00:00Z", "above 0"),
        ("speed=nan,wall=0,time=2026-01-01T00:00:00Z", "above 0"),
        ("speed=1,wall=0,time=2026-01-01T00:00:00", "zone"),
        ("speed=fast,wall=0,time=2026-01-01T00:00:00Z", "fast"),
    ],
)
def test_a_bad_line_says_what_is_wrong(line: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_clock(line)


def test_it_runs_faster_than_the_wall() -> None:
    clock = SimClock(1000.0, time.time() - 60.0, datetime(2026, 1, 1, tzinfo=UTC))
    assert clock.now() - datetime(2026, 1, 1, tzinfo=UTC) >= timedelta(seconds=60_000)
    assert clock.wall_s(1000.0) == 1.0


def test_without_a_line_it_is_real_time() -> None:
    clock = clock_from_environment({})
    assert abs(clock.epoch_s() - time.time()) < 5.0
    assert clock_from_environment({"CSMS_CLOCK": LINE}).speed == 288.0


async def test_sleep_takes_simulated_seconds() -> None:
    clock = SimClock(10_000.0)
    before_s = clock.monotonic_s()
    await clock.sleep(100.0)
    assert clock.monotonic_s() - before_s >= 90.0


def test_at_is_utc() -> None:
    assert at(0.0) == datetime(1970, 1, 1, tzinfo=UTC)
