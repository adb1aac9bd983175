"""Time between failures, availability, success, fault codes."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.warehouse.reliability import Ended, availability, between_failures, success, worst_codes


def test_time_between_failures_and_its_interval() -> None:
    found = between_failures(1_000.0, 4)
    assert found.mtbf_h == 250.0
    assert found.low_h == pytest.approx(2_000 / 18.307, rel=1e-4)
    assert found.high_h == pytest.approx(2_000 / 2.7326, rel=1e-4)


def test_without_a_failure_there_is_only_a_lower_bound() -> None:
    found = between_failures(1_000.0, 0)
    assert (found.mtbf_h, found.high_h) == (None, None)
    assert found.low_h == pytest.approx(1_000 / 2.9957, rel=1e-4)
    assert between_failures(0.0, 0).low_h == 0.0


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    drawn = [between_failures(2_000.0, int(n)) for n in rng.poisson(2_000.0 / 400.0, 4_000)]
    inside = [one.low_h <= 400.0 and (one.high_h is None or one.high_h >= 400.0) for one in drawn]
    assert 0.89 <= np.mean(inside) <= 0.97, "a discrete interval is never too narrow"


def test_negative_figures_are_refused() -> None:
    for hours, failures in ((-1.0, 0), (1.0, -1)):
        with pytest.raises(ValueError, match="not negative"):
            between_failures(hours, failures)


def test_availability_lies_between_0_and_1() -> None:
    assert availability(100.0, 5.0, 5.0) == pytest.approx(0.9)
    assert availability(100.0, 90.0, 20.0) == 0.0
    assert availability(0.0, 0.0) is None


def test_success_needs_energy_and_an_end_that_somebody_wished() -> None:
    ends = [Ended(5.0, "Local"), Ended(0.05, "Local"), Ended(5.0, "PowerLoss"), Ended(3.0)]
    assert success(ends) == (2, 4)
    assert success([]) == (0, 0)


def test_the_worst_codes_first() -> None:
    codes = ["B", "A", "", "A", "C", "B"]
    assert worst_codes(codes, 2) == [("A", 2), ("B", 2)]
