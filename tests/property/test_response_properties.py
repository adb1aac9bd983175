"""What holds for every event: credit within its band, baselines within their days, bids that can be cleared."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.grid.mqtt_payloads import BadPayload
from csms.grid.mqtt_responses import KINDS, read_word
from csms.model.response import Bid, Clearing, Invitation, Kind, Method, Notice, PriceUnit, ResponseEvent
from csms.response import words
from csms.response.baseline import RULES, Baseline, Calendar, TooFew, adjusted, candidates, of_days
from csms.response.evaluate import evaluate, intervals
from csms.response.offers import OfferRule, offer

START = datetime(2026, 7, 14, 11, tzinfo=UTC)
DAY = timedelta(days=1)
WATTS = st.floats(0, 1e6)
TARGETS = st.integers(1_000, 500_000)
NAMES = ("id", "feeder", "type", "start", "accepted", "power_kw", "price", "automatic", "reason", "upheld", "cancel")
JSON = st.dictionaries(
    st.sampled_from(NAMES),
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=5,
    ),
)


def event(target_w: int, kind: Kind, unit: PriceUnit = PriceUnit.PER_KWH, price: float = 1.0) -> ResponseEvent:
    asked = Invitation(
        "E1", "grid:n", "T1", kind, Notice.INTRADAY, START, START + timedelta(hours=1), target_w, price, unit, START
    )
    return ResponseEvent(
        asked, START - DAY, bid=Bid(target_w, price, START), clearing=Clearing(True, START, target_w, price)
    )


@given(st.lists(st.tuples(WATTS, WATTS), min_size=1, max_size=12), TARGETS, st.sampled_from(Kind))
def test_credit_is_nothing_or_within_the_band(rows: list[tuple[float, float]], target_w: int, kind: Kind) -> None:
    one = event(target_w, kind)
    found = evaluate(one, intervals(one, [a for a, _ in rows], [b for _, b in rows]))
    assert found is not None
    assert found.confirmed_w == 0 or 0.8 * target_w - 1e-3 <= found.confirmed_w <= 1.2 * target_w + 1e-3
    assert found.effective is (found.confirmed_w > 0)
    assert found.pay >= 0
    assert 0 <= found.effective_s <= 900 * len(rows)
    assert found.load.min_w <= found.load.avg_w + 1e-6
    assert found.load.avg_w <= found.load.max_w + 1e-6


@given(st.lists(WATTS, min_size=1, max_size=8), st.floats(0, 1e5), st.floats(0, 1e5), TARGETS)
def test_credit_never_falls_when_more_is_done(base: list[float], less: float, more: float, target_w: int) -> None:
    one = event(target_w, Kind.SHAVE)
    less, more = sorted((less, more))
    usual = [value + 2e5 for value in base]
    credited = [evaluate(one, intervals(one, usual, [value - change for value in usual])) for change in (less, more)]
    assert credited[0] is not None
    assert credited[1] is not None
    assert credited[0].confirmed_w <= credited[1].confirmed_w + 1e-3


@given(st.lists(st.lists(WATTS, min_size=2, max_size=2), min_size=0, max_size=20), st.sampled_from(sorted(RULES)))
def test_a_baseline_lies_within_its_days(loads: list[list[float]], method: Method) -> None:
    days = [date(2026, 7, 13) - DAY * n for n in range(len(loads))]
    found = of_days(method, days, dict(zip(days, loads, strict=True)))
    if len(loads) < RULES[method].needed:
        assert found == TooFew(method, RULES[method].needed, len(loads))
        return
    assert isinstance(found, Baseline)
    for n, watts in enumerate(found.load_w):
        of_used = [loads[days.index(day)][n] for day in found.days]
        assert min(of_used) - 1e-6 <= watts <= max(of_used) + 1e-6


@given(
    st.lists(WATTS, min_size=1, max_size=8),
    st.lists(st.none() | WATTS, min_size=8, max_size=8),
    st.lists(st.none() | WATTS, min_size=8, max_size=8),
)
def test_an_adjustment_is_never_more_than_a_fifth(
    load: list[float], usual: list[float | None], seen: list[float | None]
) -> None:
    before = Baseline(Method.MEAN5, tuple(load))
    after = adjusted(before, usual, seen)
    mean = sum(load) / len(load)
    assert abs(after.adjusted_w) <= 0.2 * mean + 1e-6
    assert all(watts >= 0 for watts in after.load_w)


@given(
    st.sampled_from(sorted(RULES)),
    st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    st.integers(0, 5),
    st.frozensets(st.dates(date(2026, 1, 1), date(2027, 12, 31)), max_size=40),
    st.frozensets(st.dates(date(2026, 1, 1), date(2027, 12, 31)), max_size=10),
)
def test_candidates_are_past_and_usual(
    method: Method, told: date, ahead: int, off: frozenset[date], events: frozenset[date]
) -> None:
    held = told + DAY * ahead
    days = list(candidates(method, told, held, Calendar(off, frozenset(), events)))
    assert days == sorted(set(days), reverse=True)
    assert all(day < told and day < held and day not in off and day not in events for day in days)


@given(
    TARGETS,
    st.floats(0, 3),
    st.none() | WATTS,
    st.none() | st.tuples(WATTS, st.floats(0, 3)),
    st.floats(0.1, 1),
    st.none() | st.floats(0, 3),
    st.sampled_from(PriceUnit),
)
def test_what_is_offered_may_be_offered(
    target_w: int,
    price: float,
    usual: float | None,
    cars: tuple[float, float] | None,
    share: float,
    price_min: float | None,
    unit: PriceUnit,
) -> None:
    asked = event(target_w, Kind.SHAVE, unit, price).invitation
    found = offer(asked, OfferRule(share, price_min), usual, cars, "no_cars")
    if found.why:
        assert found.power_w == 0
        return
    assert 1_000 <= found.power_w <= target_w
    assert found.price <= asked.price + 1e-4
    assert usual is None or found.power_w <= usual * share
    assert cars is None or found.power_w <= cars[0]
    assert found.price >= (price_min or 0.0) - 1e-4


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_is_said_is_read_or_refused(raw: bytes) -> None:
    for kind in (words.InvitationBody, words.BidBody, words.ClearingBody, words.AppealBody, words.AnswerBody):
        with suppress(words.Refused):
            assert isinstance(words.read(raw, kind), kind)
    with suppress(BadPayload):
        assert read_word(raw).kind in KINDS
    words.plain(raw)


def test_the_hand_computed_figures() -> None:
    assert [evaluate(e := event(20_000, Kind.SHAVE), intervals(e, [1e5], [8e4])).ratio] == [pytest.approx(1.0)]  # type: ignore[union-attr]
