"""Return codes, ladders with a clock that stands still, and the order of sending."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from csms.province.outbox import Outcome, Verdict, failed, judge, lost_at, sending_order, step
from csms.province.profile import PUSHED, Kind, PlatformProfile, load_profile

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BASE = load_profile("tcec102-2016")
ZHEJIANG = load_profile("supervision-2023")
BEIJING = load_profile("city-2019")


@pytest.mark.parametrize(
    ("profile", "ret", "verdict", "pause"),
    [
        (BASE, 0, Verdict.ACKED, False),
        (BASE, -1, Verdict.RETRY, False),
        (BASE, 500, Verdict.RETRY, False),
        (BASE, 4001, Verdict.DEAD, True),
        (BASE, 4002, Verdict.TOKEN, False),
        (BASE, 4003, Verdict.DEAD, True),
        (BASE, 4004, Verdict.DEAD, False),
        (BASE, 4005, Verdict.RETRY, False),
        (BASE, 4015, Verdict.RETRY, False),
        (ZHEJIANG, 4015, Verdict.ACKED, False),
        (BASE, 200, Verdict.RETRY, False),
        (BASE, 77, Verdict.RETRY, False),
    ],
)
def test_what_a_return_code_means(profile: PlatformProfile, ret: int, verdict: Verdict, pause: bool) -> None:
    outcome = judge(profile, ret, "words", {})
    assert (outcome.verdict, outcome.code, outcome.pause) == (verdict, ret, pause)


def test_a_platform_that_says_200_for_success() -> None:
    codes = BASE.codes.model_copy(update={"success": frozenset({200})})
    assert judge(BASE.model_copy(update={"codes": codes}), 200, "", {}).verdict is Verdict.ACKED


def test_local_meanings_stand_with_the_error() -> None:
    assert judge(BASE, 4006, "no", {}).text == "no (wrong secret, or partner not found)"


def test_an_acknowledgement_may_carry_a_doubt() -> None:
    assert judge(BASE, 0, "", {"Status": 1}) == Outcome(Verdict.ACKED, 0, "ignored by the platform")
    assert judge(BASE, 0, "", {"ConfirmResult": 1, "SuccStat": 0}).text == "ConfirmResult=1"


def waits_s(profile: PlatformProfile, kind: Kind, attempts: int) -> list[float]:
    """Seconds between the attempts when every one of them fails at once."""
    found = []
    for attempt in range(1, attempts + 1):
        result = step(profile, kind, attempt, failed("time-out", unreachable=True), NOW)
        assert result.next_at is not None
        found.append((result.next_at - NOW).total_seconds())
    return found


LADDERS = [
    (BASE, [60, 60, 60, 60, 3600, 3600, 3600]),
    (BEIJING, [15, 15, 30, 180, 1800, 1800, 1800, 1800, 3600, 3600, 3600]),
    (BEIJING.with_variant("v2"), [150, 300, 1800, 3600, 3600]),
    (ZHEJIANG, [3600, 3600, 3600]),
]


@pytest.mark.parametrize(("profile", "ladder"), LADDERS, ids=["base", "city v1", "city v2", "province"])
def test_the_order_ladders(profile: PlatformProfile, ladder: list[float]) -> None:
    assert waits_s(profile, Kind.CHARGE_ORDER, len(ladder)) == ladder


@pytest.mark.parametrize("kind", [Kind.STATION_INFO, Kind.STATION_STATUS, Kind.CHARGE_STATUS])
def test_everything_else_is_latest_wins(kind: Kind) -> None:
    assert waits_s(BASE, kind, 4) == [60, 60, 60, 3600]
    assert BASE.retry[kind].collapse
    assert not BASE.retry[Kind.CHARGE_ORDER].collapse


def test_an_attempt_that_nobody_marks_counts_as_lost_later_than_the_time_out() -> None:
    assert lost_at(BASE, Kind.CHARGE_ORDER, 1, NOW) == NOW + timedelta(seconds=90)


def test_a_second_4002_is_retried_by_the_ladder() -> None:
    result = step(BASE, Kind.CHARGE_ORDER, 1, judge(BASE, 4002, "", {}), NOW)
    assert (result.verdict, result.next_at) == (Verdict.RETRY, NOW + timedelta(seconds=60))


def test_orders_go_before_statuses() -> None:
    order = sending_order()
    assert order.index("charge_order") < order.index("station_status") < order.index("charge_status")
    assert order[:2] == ["start_result", "stop_result"]
    assert set(order) == set(PUSHED)
