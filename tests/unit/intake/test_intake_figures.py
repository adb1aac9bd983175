"""The platform's own figures."""

from __future__ import annotations

import pytest

from csms.model.clock import ManualClock
from monitor.intake.figures import Figures


def test_calls_faults_and_times() -> None:
    clock = ManualClock()
    figures = Figures(clock)
    for spent_s in (0.001, 0.002, 0.1):
        with figures.call():
            assert figures.in_progress == 1
            clock.advance(spent_s)
    with pytest.raises(RuntimeError), figures.call():
        raise RuntimeError
    told = figures.as_document()
    assert (told["calls"], told["faults"], told["in_progress"]) == (4, 1, 0)
    assert told["p50_ms"] == pytest.approx(1.0, abs=0.01)
    assert told["p99_ms"] == pytest.approx(100, abs=0.01)
