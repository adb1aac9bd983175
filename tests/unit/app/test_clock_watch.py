"""A clock that somebody set is noticed, one that runs is not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from csms.app.clock_watch import HOLD_S, ClockWatch
from csms.model.clock import ManualClock


@pytest.mark.parametrize("step_s", [-86_400 * 400.0, -3600.0, 60.0, 86_400 * 400.0])
def test_a_step_is_told_once_and_forgotten_after_a_day(step_s: float, caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    watch = ClockWatch(clock)
    clock.time += timedelta(seconds=step_s)
    for _ in range(3):
        watch.look()
    assert watch.stepped
    assert [record.getMessage() for record in caplog.records] == ["clock_stepped"]
    assert vars(caplog.records[0])["step_s"] == step_s
    clock.advance(HOLD_S)
    watch.look()
    assert not watch.stepped


def test_a_running_clock_and_a_small_correction_are_no_step(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    watch = ClockWatch(clock)
    for _ in range(1000):
        clock.advance(3600)
        watch.look()
    clock.time += timedelta(seconds=2)
    watch.look()
    assert not watch.stepped
    assert not caplog.records
