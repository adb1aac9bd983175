"""An outage is told once a minute, its end once, and never for each refused call."""

from __future__ import annotations

import errno
import sqlite3

import pytest

from csms.model.clock import ManualClock, ScaledClock
from csms.model.errors import DiskFull, StoreUnavailable
from csms.store.outage import AGAIN_S, Outage, brief

GONE, FULL = ConnectionResetError("gone"), OSError(errno.ENOSPC, "No space left on device")


class WallClock(ManualClock):
    """Moves only when told to, and its seconds are the wall's."""

    def wall_s(self, delay_s: float) -> float:
        return delay_s


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_a_long_outage_is_told_once_a_minute(clock: WallClock, caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(clock)
    for _ in range(240):
        assert outage.failed(GONE, 3) is StoreUnavailable
        clock.advance(1)
    assert said(caplog) == ["store_unavailable"] * 4
    assert vars(caplog.records[-1])["refused"] == 3 * 181
    outage.over()
    outage.over()
    assert said(caplog)[4:] == ["store_works_again"]
    assert outage.code == ""


def test_another_fault_is_news(clock: WallClock, caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(clock)
    outage.failed(GONE, 1)
    assert outage.failed(FULL, 1) is DiskFull
    assert said(caplog) == ["store_unavailable", "disk_full"]
    assert outage.code == "disk_full"


def test_an_outage_for_some_calls_only_does_not_fill_the_log(
    clock: WallClock, caplog: pytest.LogCaptureFixture
) -> None:
    outage = Outage(clock)
    for _ in range(1000):
        outage.failed(FULL, 1)
        assert outage.code == "disk_full"
        outage.over()
        assert outage.code == ""
        clock.advance(AGAIN_S / 1000)
    assert said(caplog) == ["disk_full", "store_works_again"]


def test_the_minute_is_one_of_the_wall(caplog: pytest.LogCaptureFixture) -> None:
    """A clock at 10,000 times the speed of life would else tell an outage for each call."""
    outage = Outage(ScaledClock(speed=10_000))
    for _ in range(100):
        outage.failed(GONE, 1)
    assert said(caplog) == ["store_unavailable"]


def test_no_value_of_a_statement_is_quoted() -> None:
    assert brief(sqlite3.OperationalError("disk I/O error")) == "disk I/O error"
    assert brief(ValueError("a token of a driver")) == "ValueError"
