"""Amounts of subsidies: the check values of the public formulas, caps, grades, exclusions, and the document."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from csms.province.subsidy import DayScore, Inputs, Pile, Sold, build_yuan, claim_of
from csms.province.subsidy_document import ClaimUnreadable, document_of, recomputed, scores_of
from csms.province.subsidy_rules import Rule, RuleInvalid, build_rule, shipped_rule, shipped_rules

BEIJING = shipped_rule("beijing-2018")
FIRST, LAST = date(2018, 1, 1), date(2018, 12, 31)
PILE = Pile("C1", "E1", "S1", Decimal(60), 1, 1, "110101", date(2017, 5, 1))
NOW = datetime(2018, 1, 1, tzinfo=UTC)


def orders(energy_kwh: int, pieces: int = 2000, connector: str = "C1") -> tuple[Sold, ...]:
    """One after the other, each far below what a pile of 60 kW can give in an hour."""
    part = Decimal(energy_kwh) / pieces
    starts = [NOW + timedelta(hours=2 * i) for i in range(pieces)]
    return tuple(
        Sold(f"{connector}-{i:05d}", connector, at, at + timedelta(hours=1), part) for i, at in enumerate(starts)
    )


def inputs(energy_kwh: int = 100_000, grade: str = "A", rule: Rule = BEIJING, **more: Any) -> Inputs:
    known: dict[str, Any] = {"piles": (PILE,), "orders": orders(energy_kwh), "grade": grade}
    return Inputs(rule, FIRST, LAST, **(known | more))


def ruled(**more: Any) -> Rule:
    return build_rule(BEIJING.model_dump(mode="json") | more)


def test_a_full_year_of_a_60_kw_pile() -> None:
    (share,) = claim_of(inputs()).shares
    assert (share.cap_kwh, share.operating_yuan, share.annual_yuan) == (90_000, 18_000, 6_360)
    assert share.energy_kwh == 100_000


def test_caps_count_by_the_days_in_service() -> None:
    pile = replace(PILE, in_service=LAST - timedelta(days=72))
    (share,) = claim_of(inputs(20_000, piles=(pile,))).shares
    assert (share.days, share.cap_kwh, share.operating_yuan) == (73, 18_000, 3_600)


def test_grade_d_gets_nothing_and_an_unknown_grade_is_refused() -> None:
    claim = claim_of(inputs(grade="D"))
    assert (claim.yuan, claim.refused) == (0, ())
    claim = claim_of(inputs(grade="B"))
    assert claim.yuan == 0
    assert claim.refused == ("the rule does not say what grade B gets",)


def test_grade_factors() -> None:
    operate = {"rate_yuan_per_kwh": 0.2, "cap_kwh_per_kw_year": 1500, "grade_factor": {"A": 1, "B": 0.8}}
    claim = claim_of(inputs(grade="B", rule=ruled(operate=operate, annual=None)))
    assert claim.yuan == 14_400


def test_the_grade_follows_from_the_scores() -> None:
    scores = tuple(
        DayScore(FIRST + timedelta(days=i), Decimal(total), {}) for i, total in enumerate(("89.99", "90.00"))
    )
    claim = claim_of(inputs(grade="", scores=scores))
    assert (claim.score, claim.grade) == (Decimal("90.00"), "A")
    assert "363 of 365 days have no score" in claim.warnings


def test_too_low_a_score_is_refused_with_its_dimensions() -> None:
    dimensions = {"timeliness": Decimal(50), "validity": Decimal(99)}
    scores = (DayScore(FIRST, Decimal(70), dimensions),)
    claim = claim_of(inputs(rule=ruled(min_data_score=80), scores=scores))
    assert claim.yuan == 0
    assert claim.refused == ("the data score 70.00 is below 80: timeliness 50.00",)
    (refused,) = claim_of(inputs(rule=ruled(min_data_score=80))).refused
    assert refused == "the data score None is below 80: no score"


def test_a_station_s_cap_is_shared_to_the_cent() -> None:
    piles = tuple(replace(PILE, connector=f"C{i}") for i in range(3))
    annual = {"rate_yuan_per_kw_year": 106, "cap_yuan_per_station_year": 1000, "grade_factor": {"A": 1}}
    claim = claim_of(inputs(piles=piles, rule=ruled(annual=annual, operate=None)))
    assert [share.annual_yuan for share in claim.shares] == [Decimal("333.34"), Decimal("333.33"), Decimal("333.33")]


@pytest.mark.parametrize(
    ("change", "fate"),
    [
        ({"energy_kwh": Decimal(0)}, "no_energy"),
        ({"energy_kwh": Decimal("63.02")}, "more_than_power_and_time"),
        ({"accepted": False}, "not_accepted_by_the_platform"),
        ({"connector": "C9"}, "pile_not_eligible"),
        ({"start": NOW - timedelta(minutes=30)}, "overlaps_another"),
        ({"energy_kwh": Decimal("63.01")}, "used"),
    ],
)
def test_an_order_is_left_out_with_its_reason(change: dict[str, Any], fate: str) -> None:
    first = Sold("0", "C1", NOW - timedelta(hours=1), NOW, Decimal(10))
    second = replace(Sold("1", "C1", NOW, NOW + timedelta(hours=1), Decimal(20)), **change)
    claim = claim_of(inputs(orders=(first, second)))
    assert claim.orders == {"0": "used", "1": fate}
    counted = 10 + (second.energy_kwh if fate == "used" else 0)
    assert claim.shares[0].energy_kwh == counted


@pytest.mark.parametrize(
    ("scope", "why"),
    [
        ({"station_types": [100]}, "station_type"),
        ({"equipment_types": [2]}, "equipment_type"),
        ({"power_kw_min": 60.1}, "power"),
        ({"power_kw_max": 59.9}, "power"),
        ({"area_codes": ["37"]}, "area_code"),
        ({"in_service_from": "2018-01-01"}, "in_service"),
        ({"in_service_to": "2017-05-01"}, ""),
    ],
)
def test_piles_outside_the_scope(scope: dict[str, Any], why: str) -> None:
    claim = claim_of(inputs(rule=ruled(scope=scope)))
    assert claim.shares[0].why == why
    assert (claim.yuan == 0) == bool(why)


def test_a_rule_counts_in_its_time_only() -> None:
    claim = claim_of(replace(inputs(), first_day=date(2017, 12, 31)))
    assert claim.refused == ("the rule counts from 2018-01-01 to 2019-12-31",)


@pytest.mark.parametrize("name", ["rizhao", "qingdao", "jinan"])
def test_an_empty_rule_warns_and_gives_no_amount(name: str) -> None:
    rule = shipped_rule(name)
    claim = claim_of(inputs(rule=rule))
    assert (claim.yuan, claim.refused) == (0, ("the rule gives no amount for operating",))
    assert any("Awaiting the notice" in words for words in claim.warnings)


def test_building() -> None:
    public = shipped_rule("shanghai-2016-public")
    assert build_yuan(public, Decimal(60), Decimal(100_000)) == 30_000
    assert build_yuan(public, Decimal(60), Decimal(200_000)) == 36_000  # 600 yuan per kW at the most
    assert build_yuan(public, Decimal(60)) is None
    assert build_yuan(BEIJING, Decimal(60), Decimal(1)) is None


def test_every_shipped_rule_says_where_it_is_from() -> None:
    for name in shipped_rules():
        rule = shipped_rule(name)
        assert rule.id == name
        assert (rule.source == "none") == (rule.state == "empty")


@pytest.mark.parametrize("more", [{"operat": {}}, {"state": "guessed"}, {"operate": {"rate": 1}}, {"valid_from": "x"}])
def test_a_wrong_rule_is_named(more: dict[str, Any]) -> None:
    with pytest.raises(RuleInvalid, match="beijing-2018"):
        ruled(**more)
    with pytest.raises(RuleInvalid, match="there are beijing-2018"):
        shipped_rule("beijing")


def told(**more: Any) -> dict[str, Any]:
    scores = (DayScore(FIRST, Decimal("91.20"), {"timeliness": Decimal("90.10")}),)
    pile = replace(PILE, power_kw=Decimal(22_080) / 1000, in_service=None)
    document = document_of(inputs(1000, "", scores=scores, piles=(pile,), **more), "city", NOW)
    return json.loads(json.dumps(document))  # as it comes out of a file


def test_a_claim_is_computed_again_from_its_document_alone() -> None:
    document = told()
    again = recomputed(document)
    assert again.same
    assert str(again.claim.yuan) == document["result"]["yuan"] == "2540.48"
    assert len(document["result"]["orders"]) == 2000


@pytest.mark.parametrize("place", ["order", "amount", "rule", "score", "digest"])
def test_one_changed_figure_is_noticed(place: str) -> None:
    document = told()
    if place == "order":
        document["inputs"]["orders"][0]["energy_kwh"] = "0.51"
    elif place == "amount":
        document["result"]["yuan"] = "2541.01"
    elif place == "rule":
        document["inputs"]["rule"]["operate"]["rate_yuan_per_kwh"] = "0.3"
    elif place == "score":
        document["inputs"]["scores"][0]["total"] = "99.99"
    else:
        document["sha256"] = "0" * 64
    assert not recomputed(document).same


@pytest.mark.parametrize("document", [{}, {"form": "another"}, {"form": "csms subsidy claim 1"}, {"form": 1}])
def test_what_is_no_claim_is_said_so(document: dict[str, Any]) -> None:
    with pytest.raises(ClaimUnreadable):
        recomputed(document)
    broken = told()
    broken["inputs"]["orders"] = [{"number": 1}]
    with pytest.raises(ClaimUnreadable):
        recomputed(broken)


def test_scores_as_the_platform_publishes_them() -> None:
    rows = [
        {
            "day": "2018-01-02",
            "score": {"total": "91.00", "grade": "A", "dimensions": {"accuracy": None, "validity": "98"}},
        },
        {"day": "2018-01-01", "score": {"total": None, "grade": "", "dimensions": {}}},
    ]
    assert scores_of(rows) == (DayScore(date(2018, 1, 2), Decimal("91.00"), {"validity": Decimal(98)}),)
    for wrong in ([{}], [{"day": "x", "score": {"total": "1", "dimensions": {}}}], 5):
        with pytest.raises(ClaimUnreadable):
            scores_of(wrong)
