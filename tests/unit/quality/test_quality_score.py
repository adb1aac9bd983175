"""Score, grades, hour records and rules, against values worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from csms.province.profile import load_profile
from monitor.quality.rules import COUNTRY, Rules, inside, rules_from, rules_of
from monitor.quality.score import METRICS, WEIGHTS, Ratio, grade_of, rounded, score_of
from monitor.quality.traffic import CallFact, by_hour, percentile

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_weights_are_a_hundred_and_each_dimension_has_a_metric() -> None:
    assert sum(WEIGHTS.values()) == 100
    assert set(METRICS.values()) == set(WEIGHTS)


def test_a_score_worked_out_by_hand() -> None:
    metrics = {
        "success_rate": Ratio(99, 100),
        "up_time": Ratio(1, 2),
        "push_in_time": Ratio(9, 10),
        "mandatory_fields": Ratio(1, 1),
        "valid_fields": Ratio(2, 3),
        "consistent": Ratio(1, 1),
        "undisputed": Ratio(0, 1),
    }
    score = score_of(metrics)
    # 20 * 0.745 + 25 * 0.9 + 20 + 15 * 2 / 3 + 15 + 0
    assert (score.total, score.grade) == (Decimal("82.40"), "B")
    assert score.as_document()["dimensions"] == {
        "accessibility": "74.50",
        "timeliness": "90.00",
        "completeness": "100.00",
        "validity": "66.67",
        "consistency": "100.00",
        "accuracy": "0.00",
    }


def test_what_has_no_data_is_left_out_and_said() -> None:
    score = score_of({"success_rate": Ratio(1, 1), "up_time": Ratio(0, 0), "undisputed": Ratio(0, 0)})
    assert (score.total, score.grade) == (Decimal("100.00"), "A")
    assert score.as_document()["dimensions"]["accuracy"] is None
    assert score_of({}).as_document()["total"] is None
    with pytest.raises(ValueError, match="no metric"):
        score_of({"beauty": Ratio(1, 1)})


@pytest.mark.parametrize(
    ("value", "digits"),
    [((1, 200), "0.01"), ((1, 201), "0.00"), ((2, 3), "0.67"), ((200, 3), "66.67"), ((100, 1), "100.00")],
)
def test_rounding_is_half_up_and_exact(value: tuple[int, int], digits: str) -> None:
    assert str(rounded(Fraction(*value))) == digits


@pytest.mark.parametrize(
    ("total", "grade"),
    [("100.00", "A"), ("90.00", "A"), ("89.99", "B"), ("75.00", "B"), ("74.99", "C"), ("60.00", "C"), ("59.99", "D")],
)
def test_grades_at_their_edges(total: str, grade: str) -> None:
    assert grade_of(Decimal(total)) == grade


def test_hours_hold_counts_codes_percentiles_and_the_last_success() -> None:
    rets = [0] * 97 + [4004, -1, None]
    calls = [
        CallFact(NOON + timedelta(seconds=n), "1" * 9, "order", ret, ret == 0, (n + 1) * 1000, 10, n % 50 == 0)
        for n, ret in enumerate(rets)
    ]
    later = CallFact(NOON + timedelta(hours=1), "1" * 9, "order", 0, True, 7, 1)
    first, second = by_hour([later, *reversed(calls)])
    assert (first.hour, first.calls, first.ok) == (NOON, 100, 97)
    assert first.rets == {"-1": 1, "0": 97, "4004": 1, "none": 1}
    assert (first.p50_us, first.p95_us, first.p99_us) == (50_000, 95_000, 99_000)
    assert (first.size_bytes, first.retries, first.dead_letters) == (1000, 2, 1)
    assert first.last_success == NOON + timedelta(seconds=96)
    assert (second.calls, second.p99_us) == (1, 7)
    assert percentile([], 50) == 0


def test_rules_come_from_the_profile_and_survive_being_written_down() -> None:
    profile = load_profile("tcec102-2016")
    rules = rules_of(
        profile, {"order_limit_s": "30", "area": [[119, 35], [120, 35], [120, "36.5"]], "area_codes": ["37"]}
    )
    assert (rules.status_limit_s, rules.order_limit_s, rules.period_s) == (50, 30, 300)
    assert rules_from(rules.as_inputs()) == rules
    for wrong in ({"colour": 1}, {"order_limit_s": "x"}, {"order_limit_s": "NaN"}):
        with pytest.raises(ValueError, match=r"rule|number"):
            rules_of(profile, wrong)
    with pytest.raises(ValueError, match="no rules"):
        rules_from({})
    assert isinstance(rules, Rules)


def test_inside_a_polygon() -> None:
    area = tuple((Decimal(x), Decimal(y)) for x, y in ((0, 0), (10, 0), (10, 10), (5, 5), (0, 10)))
    assert inside(area, Decimal(2), Decimal(6))
    assert not inside(area, Decimal(5), Decimal(8))
    assert inside(COUNTRY, Decimal("119.5"), Decimal("35.4"))
    assert not inside(COUNTRY, Decimal(0), Decimal(0))
