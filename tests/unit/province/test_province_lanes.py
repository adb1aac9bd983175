"""How many calls may be under way: one before the first answer, fewer when a partner is busy, more again slowly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.province.lanes import HANGING_S, Lanes
from csms.province.outbox import Outcome, Verdict, failed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROBE_S = 60.0
TAKEN = Outcome(Verdict.ACKED, 0)
BUSY = Outcome(Verdict.RETRY, -1, busy=True)
SILENCE = failed("time-out", unreachable=True)
BARRED = Outcome(Verdict.RETRY, 4005, "query_token refused", barred=True)


def lanes(*outcomes: Outcome, most: int = 8) -> Lanes:
    made = Lanes(most, PROBE_S)
    for outcome in outcomes:
        made.ended(outcome, made.begin(), NOW)
    return made


def test_one_call_until_the_first_answer() -> None:
    assert (lanes().width, lanes(SILENCE).width, lanes(TAKEN).width, lanes(BUSY).width) == (1, 1, 8, 4)


def test_the_last_lane_is_for_what_is_tried_again() -> None:
    many = lanes(TAKEN)
    assert [many.free([0.0] * count, again=False) for count in (0, 6, 7, 8)] == [True, True, False, False]
    assert [many.free([0.0] * count, again=True) for count in (0, 6, 7, 8)] == [True, True, True, False]
    single = lanes()
    assert single.free([], again=False)
    assert not single.free([HANGING_S], again=True)


def test_calls_that_hang_take_none_of_the_narrowed_lanes() -> None:
    narrow = lanes(TAKEN, BUSY)
    assert narrow.width == 4
    assert not narrow.free([0.0] * 4, again=True)
    assert narrow.free([HANGING_S] * 12 + [0.0] * 2, again=False)
    assert narrow.free([HANGING_S] * 12 + [0.0] * 3, again=True)
    assert not narrow.free([HANGING_S] * 12 + [0.0] * 3, again=False), "one is kept for retries"
    assert not narrow.free([HANGING_S] * 15, again=False)
    assert narrow.free([HANGING_S] * 15, again=True)
    assert not narrow.free([HANGING_S] * 16, again=True), "never more than twice what the profile allows"


def test_what_was_under_way_when_it_became_too_much_narrows_once() -> None:
    made = lanes(TAKEN)
    numbers = [made.begin() for _ in range(8)]
    for number in numbers:
        made.ended(BUSY, number, NOW)
    assert made.width == 4
    made.ended(BUSY, made.begin(), NOW)
    assert made.width == 2


def test_each_round_of_answers_opens_one_more() -> None:
    made = lanes(TAKEN, BUSY, BUSY, BUSY)
    assert made.width == 1
    widths = []
    for _ in range(40):
        made.ended(TAKEN, made.begin(), NOW)
        widths.append(made.width)
    assert widths == sorted(widths)
    assert widths[-1] == 8
    assert widths.index(8) > 20, "slowly"


@pytest.mark.parametrize("wait_s", [0.0, 5.0, 3600.0])
def test_nothing_begins_before_the_moment_that_the_partner_named(wait_s: float) -> None:
    made = lanes(failed("HTTP 429", unreachable=False, busy=True, retry_after_s=wait_s), TAKEN)
    moment = NOW + timedelta(seconds=wait_s)
    assert made.held_until(NOW) == (moment if wait_s else None)
    assert made.held_until(moment) is None


def test_silence_is_two_in_a_row_and_ends_with_an_answer() -> None:
    assert lanes(SILENCE).held_until(NOW) is None
    quiet = lanes(TAKEN, SILENCE, SILENCE)
    assert (quiet.silent, quiet.width, quiet.held_until(NOW)) == (True, 1, NOW + timedelta(seconds=PROBE_S))
    quiet.ended(TAKEN, quiet.begin(), NOW)
    assert (quiet.silent, quiet.width, quiet.held_until(NOW), quiet.was_silent) == (False, 8, None, True)


def test_a_partner_without_a_token_for_us_answers_and_is_asked_each_minute() -> None:
    made = lanes(TAKEN)
    waits_until = made.ended(BARRED, made.begin(), NOW)
    assert (waits_until, made.held_until(NOW)) == (NOW + timedelta(seconds=PROBE_S),) * 2
    assert (made.silent, made.doubtful, made.barred, made.width) == (False, False, "query_token refused", 1)
    made.ended(TAKEN, made.begin(), NOW)
    assert (made.barred, made.held_until(NOW), made.width) == ("", None, 8)


def test_a_refused_signature_holds_until_somebody_says_so() -> None:
    made = lanes(TAKEN)
    refused = Outcome(Verdict.RETRY, 4001, "query_token refused", pause=True, barred=True)
    assert made.ended(refused, made.begin(), NOW) == NOW
    assert made.paused == "4001 query_token refused"
    assert made.held_until(NOW + timedelta(days=99)) is not None
    made.resume()
    assert made.held_until(NOW) is None


def overloads(capacity: int, rounds: int, seed: int, most: int = 16) -> tuple[list[int], list[int]]:
    """A platform that answers -1 to whatever is more than `capacity` at a time: widths, and how many were too much."""
    made, rng = lanes(TAKEN, most=most), Random(seed)
    flying: list[tuple[int, Outcome]] = []
    widths, refused = [], []
    for _ in range(rounds):
        while made.free([0.0] * len(flying), again=True):
            flying.append((made.begin(), BUSY if len(flying) >= capacity else TAKEN))
        number, outcome = flying.pop(rng.randrange(len(flying)))
        made.ended(outcome, number, NOW)
        widths.append(made.width)
        refused.append(outcome is BUSY)
    return widths, refused


@given(st.integers(1, 16), st.integers(0, 2**32))
def test_the_lanes_find_what_a_platform_can_take(capacity: int, seed: int) -> None:
    widths, refused = overloads(capacity, 2000, seed)
    later = slice(1000, None)
    assert all(1 <= width <= 16 for width in widths)
    assert max(widths[later]) <= max(2, capacity + 1), "never far above"
    assert sum(widths[later]) / 1000 >= capacity / 2, "and used"
    if capacity >= 16:
        assert not any(refused)


@given(st.lists(st.sampled_from([TAKEN, BUSY, SILENCE, BARRED]), max_size=60))
def test_there_is_always_a_lane_or_a_moment(outcomes: list[Outcome]) -> None:
    made = lanes(*outcomes)
    assert 1 <= made.width <= 8
    held = made.held_until(NOW)
    assert held is None or held == NOW + timedelta(seconds=PROBE_S)
    assert made.free([], again=False)
