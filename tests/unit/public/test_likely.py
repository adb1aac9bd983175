"""Chances that an outlet is free on arrival: what always holds, and that they come true in a known world."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.public.likely import DAYS_MIN, PARTS, STAYS_MIN, Habits, Stay, chance_free, learn

ZONE = ZoneInfo("Asia/Shanghai")
BEGIN = datetime(2026, 3, 2, tzinfo=ZONE)
"""A Monday."""
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def habits(per_h: float, *stays_min: float) -> Habits:
    seconds = tuple(sorted(60.0 * stay for stay in stays_min))
    return Habits(ZONE, ((per_h,) * 24, (per_h,) * 24), (seconds,) * (PARTS + 1))


def since(*minutes: float) -> list[datetime]:
    return [BEGIN - minute * MINUTE for minute in minutes]


STAYS = tuple(range(10, 130, 3))
some_habits = st.builds(
    lambda per_h, stays: habits(per_h, *stays),
    st.floats(0.0, 20.0),
    st.lists(st.floats(1.0, 900.0), min_size=STAYS_MIN, max_size=60),
)
taken = st.lists(st.floats(0.0, 2000.0), max_size=8)


@given(some_habits, st.integers(0, 8), taken, st.integers(0, 240))
def test_a_chance_is_one(known: Habits, free: int, minutes: list[float], ahead: int) -> None:
    chance = chance_free(known, free, since(*minutes), BEGIN, ahead * MINUTE)
    assert 0.0 <= chance <= 1.0 + 1e-12
    if not free and not minutes:
        assert chance == 0.0


@given(some_habits, st.integers(0, 8), taken, st.integers(1, 240))
def test_one_more_that_is_free_never_makes_it_less_likely(
    known: Habits, free: int, minutes: list[float], ahead: int
) -> None:
    fewer, more = (chance_free(known, n, since(*minutes), BEGIN, ahead * MINUTE) for n in (free, free + 1))
    assert more >= fewer - 1e-12


@given(st.integers(0, 8), taken, st.integers(1, 240), st.floats(0.0, 10.0))
def test_more_who_come_never_make_it_more_likely(free: int, minutes: list[float], ahead: int, per_h: float) -> None:
    quiet, busy = (
        chance_free(habits(rate, *STAYS), free, since(*minutes), BEGIN, ahead * MINUTE) for rate in (per_h, per_h + 1)
    )
    assert busy <= quiet + 1e-12


def test_now_is_known() -> None:
    assert chance_free(habits(5.0, *STAYS), 1, [], BEGIN, timedelta(0)) == 1.0
    assert chance_free(habits(5.0, *STAYS), 0, since(50), BEGIN, timedelta(0)) == 0.0


def test_one_outlet_where_nobody_comes_is_free_when_its_car_has_gone() -> None:
    """40 stays of 10, 13, … 127 minutes; of the 23 longer than an hour 10 last more than an hour and a half."""
    known = habits(0.0, *STAYS)
    longer = [stay for stay in STAYS if stay > 60]
    still = [stay for stay in longer if stay > 90]
    wanted = 1.0 - (len(still) + 0.5) / (len(longer) + 1.0)
    assert chance_free(known, 0, since(60), BEGIN, 30 * MINUTE) == pytest.approx(wanted)


def test_nobody_knows_who_stays_longer_than_all_did() -> None:
    assert habits(0.0, *STAYS).still_there(BEGIN, 9 * HOUR, HOUR) == 0.5


def test_too_little_says_nothing() -> None:
    few = [Stay(BEGIN + n * HOUR, BEGIN + n * HOUR + MINUTE) for n in range(STAYS_MIN - 1)]
    many = [Stay(BEGIN + n * HOUR, BEGIN + n * HOUR + MINUTE) for n in range(STAYS_MIN)]
    assert learn(few, BEGIN, BEGIN + 14 * DAY, ZONE) is None
    assert learn(many, BEGIN, BEGIN + (DAYS_MIN - 1) * DAY, ZONE) is None
    assert learn(many, BEGIN, BEGIN + 4 * DAY, ZONE) is None, "no weekend was seen"
    assert learn(many, BEGIN, BEGIN + 14 * DAY, ZONE) is not None


def test_what_is_learned_is_by_hour_of_working_days_and_weekends() -> None:
    """At eight on working days two come, at noon on weekends one; those before the time do not count."""
    stays = []
    for day in range(28):
        at = BEGIN + day * DAY
        if at.weekday() < 5:
            stays += [Stay(at + 8 * HOUR, at + 12 * HOUR), Stay(at + 8 * HOUR + MINUTE, at + 9 * HOUR)]
        else:
            stays.append(Stay(at + 12 * HOUR, at + 13 * HOUR))
    stays += [Stay(BEGIN - HOUR, BEGIN + HOUR), Stay(BEGIN, None), Stay(BEGIN, BEGIN + 9 * DAY)]
    known = learn(stays, BEGIN, BEGIN + 28 * DAY, ZONE)
    assert known is not None
    assert known.rate_per_h((BEGIN + 8 * HOUR).astimezone(UTC)) == pytest.approx(2.0)
    assert known.rate_per_h(BEGIN + 5 * DAY + 12 * HOUR) == pytest.approx(1.0)
    assert known.rate_per_h(BEGIN + 12 * HOUR) == 0.0


def world(seed: int, outlets: int, days: int) -> list[list[Stay]]:
    """Cars come at a rate, stay for an exponential time, and go on when nothing is free."""
    chance = random.Random(seed)
    busy_until = [BEGIN] * outlets
    stays: list[list[Stay]] = [[] for _ in range(outlets)]
    at = BEGIN
    while at < BEGIN + days * DAY:
        at += chance.expovariate(3.0) * HOUR
        free = [number for number in range(outlets) if busy_until[number] <= at]
        if free:
            number = chance.choice(free)
            busy_until[number] = at + max(chance.expovariate(1.0), 0.02) * HOUR
            stays[number].append(Stay(at, busy_until[number]))
    return stays


def asked(stays: list[list[Stay]], known: Habits, begin: datetime, end: datetime) -> Iterator[tuple[float, bool]]:
    at = begin
    while at < end:
        then = at + 15 * MINUTE
        there = [[s for s in own if s.begin <= at < s.end] for own in stays]
        busy = [own[0].begin for own in there if own]
        came = any(not any(s.begin <= then < s.end for s in own) for own in stays)
        yield chance_free(known, len(stays) - len(busy), busy, at, then - at), came
        at += 3 * HOUR


def test_chances_come_true_in_a_world_that_is_known() -> None:
    """In each fifth of what was told the share that came is not far off, and knowing the state helps."""
    stays = world(7, 4, 240)
    middle = BEGIN + 120 * DAY
    known = learn((s for own in stays for s in own), BEGIN, middle, ZONE)
    assert known is not None
    pairs = list(asked(stays, known, middle, BEGIN + 240 * DAY))
    share = sum(came for _, came in pairs) / len(pairs)
    brier = sum((chance - came) ** 2 for chance, came in pairs) / len(pairs)
    assert brier < 0.9 * share * (1 - share), "better than the base rate by a tenth"
    for number in range(5):
        inside = [(c, came) for c, came in pairs if number / 5 <= c < (number + 1) / 5 + (number == 4)]
        if len(inside) >= 60:
            told = sum(c for c, _ in inside) / len(inside)
            assert told == pytest.approx(sum(came for _, came in inside) / len(inside), abs=0.12)
