"""Baselines by hand: the figures of the specification, days passed over, adjustments that stay in their bounds."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import islice

import pytest

from csms.model.response import Method
from csms.response.baseline import (
    RULES,
    Baseline,
    Calendar,
    TooFew,
    adjusted,
    before_control,
    candidates,
    of_days,
)

MONDAY = date(2026, 7, 13)
DAYS = Calendar()


def found(method: Method, values: list[float]) -> Baseline | TooFew:
    """Of one value per day, oldest first."""
    days = [MONDAY - timedelta(days=n + 1) for n in range(len(values))]
    return of_days(method, days, {day: (value,) for day, value in zip(days, reversed(values), strict=True)})


@pytest.mark.parametrize(
    ("method", "values", "expected"),
    [
        (Method.HIGH5OF10, [float(v) for v in range(91, 101)], 98.0),
        (Method.MEAN10TRIM, [float(v) for v in range(91, 101)], 95.5),
        (Method.MEAN5, [float(v) for v in range(91, 101)], 98.0),
        (Method.MEAN5, [96.0, 97.0, 98.0, 99.0, 100.0], 98.0),
    ],
)
def test_the_figures_of_the_specification(method: Method, values: list[float], expected: float) -> None:
    baseline = found(method, values)
    assert isinstance(baseline, Baseline)
    assert baseline.load_w == pytest.approx((expected,))


def test_the_five_highest_are_those_of_the_whole_window() -> None:
    """A day with one high quarter-hour is not a high day."""
    days = [MONDAY - timedelta(days=n) for n in range(1, 11)]
    loads = {day: (10.0, 10.0) if n < 5 else (20.0, 0.0) for n, day in enumerate(days)}
    loads[days[9]] = (50.0, 0.0)
    baseline = of_days(Method.HIGH5OF10, days, loads)
    assert isinstance(baseline, Baseline)
    assert days[9] in baseline.days
    assert baseline.load_w == pytest.approx((18.0, 8.0)), "(50 + 4 × 10) / 5 and (0 + 4 × 10) / 5"


def test_missing_days_make_the_look_back_longer() -> None:
    days = [MONDAY - timedelta(days=n) for n in range(1, 8)]
    loads = dict.fromkeys(days, (100.0,)) | {days[1]: (None,)}
    del loads[days[3]]
    baseline = of_days(Method.MEAN5, days, loads)
    assert isinstance(baseline, Baseline)
    assert baseline.passed == (days[1], days[3])
    assert set(baseline.days) == {days[0], days[2], days[4], days[5], days[6]}


def test_too_few_days_are_told_and_not_filled() -> None:
    assert found(Method.MEAN5, [1.0, 2.0, 3.0, 4.0]) == TooFew(Method.MEAN5, 5, 4)
    assert found(Method.MEAN10TRIM, [1.0] * 9) == TooFew(Method.MEAN10TRIM, 10, 9)


def test_mean5_takes_working_days_before_the_invitation() -> None:
    told = MONDAY
    listed = list(islice(candidates(Method.MEAN5, told, told + timedelta(days=1), DAYS), 5))
    assert listed == [MONDAY - timedelta(days=n) for n in (3, 4, 5, 6, 7)], "no weekend, not the day of the invitation"


def test_high5of10_begins_two_days_before_the_event() -> None:
    event = MONDAY + timedelta(days=3)
    listed = list(islice(candidates(Method.HIGH5OF10, event, event, DAYS), 3))
    assert listed == [MONDAY + timedelta(days=1), MONDAY, MONDAY - timedelta(days=3)]


def test_mean10trim_takes_days_like_that_of_the_event() -> None:
    saturday = MONDAY + timedelta(days=5)
    listed = list(islice(candidates(Method.MEAN10TRIM, saturday, saturday, DAYS), 4))
    assert [day.weekday() for day in listed] == [6, 5, 6, 5]
    monday = next(candidates(Method.MEAN10TRIM, MONDAY, MONDAY, DAYS))
    assert monday.weekday() == 4


def test_holidays_and_days_with_an_event_are_passed_over_and_worked_weekends_count() -> None:
    friday, thursday, saturday = (MONDAY - timedelta(days=n) for n in (3, 4, 2))
    calendar = Calendar(frozenset({friday}), frozenset({saturday}), frozenset({thursday}))
    listed = list(islice(candidates(Method.MEAN5, MONDAY, MONDAY, calendar), 2))
    assert listed == [saturday, MONDAY - timedelta(days=5)]
    assert friday not in candidates(Method.MEAN10TRIM, saturday, MONDAY - timedelta(days=1), calendar)


def test_pre15min_is_one_quarter_hour_for_all() -> None:
    assert before_control(80.0, 3) == Baseline(Method.PRE15MIN, (80.0, 80.0, 80.0))
    assert before_control(None, 3) == TooFew(Method.PRE15MIN, 1, 0)
    assert not list(candidates(Method.PRE15MIN, MONDAY, MONDAY, DAYS))


@pytest.mark.parametrize(("seen", "added"), [(110.0, 10.0), (170.0, 20.0), (20.0, -20.0), (100.0, 0.0)])
def test_the_adjustment_of_the_day_is_clipped_to_a_fifth(seen: float, added: float) -> None:
    baseline = adjusted(Baseline(Method.MEAN5, (90.0, 110.0)), (100.0,) * 8, (seen,) * 8)
    assert baseline.adjusted_w == pytest.approx(added)
    assert baseline.load_w == pytest.approx((90.0 + added, 110.0 + added))


def test_what_is_not_known_adjusts_nothing() -> None:
    baseline = Baseline(Method.MEAN5, (90.0,))
    assert adjusted(baseline, (None,) * 8, (50.0,) * 8) is baseline
    half = adjusted(baseline, (100.0, None), (None, 100.0))
    assert half is baseline


def test_every_method_with_days_has_a_rule() -> None:
    assert set(RULES) == set(Method) - {Method.PRE15MIN}
