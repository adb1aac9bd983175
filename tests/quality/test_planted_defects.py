"""Recall and precision of every check on planted defects: a small part of `python -m tests.quality.corpus`."""

from __future__ import annotations

import pytest

from csms.province.profile import Kind
from monitor.quality.judge import judge_day
from monitor.quality.tally import CHECKS
from tests.quality import corpus
from tests.quality.corpus import KINDS
from tests.quality.plant import PLANTS
from tests.quality.world import World


def test_there_are_many_kinds_and_each_is_a_check_of_its_own() -> None:
    assert KINDS >= 40
    assert {item.check for item in PLANTS} <= CHECKS.keys()


@pytest.mark.parametrize("profile", corpus.PROFILES)
def test_clean_data_have_no_findings_and_full_marks(profile: str) -> None:
    judged = judge_day(World(77, profile, stations=1).inputs())
    assert judged.findings == ()
    assert (str(judged.score.total), judged.score.grade) == ("100.00", "A")
    assert judged.checks["order.money_sum"][1] > 20


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("profile", "size"), [("tcec102-2016", 1.1), ("shandong", 3.0), ("tcec102-2016", corpus.WITHIN)]
)
def test_each_planted_defect_is_found_by_its_check_and_by_nothing_else(profile: str, size: float) -> None:
    counts = corpus.run([5], [profile], [size])
    assert size < 1 or len(counts.planted) >= 40
    assert counts.unexpected == []


def test_what_is_judged_does_not_depend_on_the_order_of_reading() -> None:
    inputs = World(3, stations=1).inputs()
    first = judge_day(inputs)
    assert judge_day(inputs).canonical() == first.canonical()
    assert sum(o.kind is Kind.CHARGE_ORDER for o in inputs.taken) > 20
