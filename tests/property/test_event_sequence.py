"""Events of a transaction in any order, with repeats: what is missing is exactly what has not come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.station.sequence import RANGES_MAX, Arrival, EventSequence, restored

numbers = st.lists(st.integers(0, 60), min_size=1, max_size=80)


def missing(sequence: EventSequence) -> set[int]:
    return {number for begin, end in sequence.missing for number in range(begin, end + 1)}


@pytest.mark.req("E01.FR.07", "PAIN-18")
@given(numbers)
def test_what_is_missing_is_what_has_not_come(events: list[int]) -> None:
    sequence = EventSequence()
    seen: set[int] = set()
    for number in events:
        arrival = sequence.take(number)
        newest = not seen or number > max(seen)
        assert (arrival is Arrival.NEXT) == newest
        assert (arrival is Arrival.REPEATED) == (number in seen)
        seen.add(number)
        assert (sequence.first, sequence.last) == (min(seen), max(seen))
        assert missing(sequence) == set(range(min(seen), max(seen) + 1)) - seen
        assert sequence.missing == sorted(sequence.missing)


@given(numbers, st.integers(0, 79))
def test_a_stored_sequence_goes_on_where_it_was(events: list[int], cut: int) -> None:
    whole = EventSequence()
    for number in events[:cut]:
        whole.take(number)
    again = restored(whole.first, whole.last, [list(gap) for gap in whole.missing], certain=True)
    assert [whole.take(number) for number in events[cut:]] == [again.take(number) for number in events[cut:]]
    assert whole == again


def test_a_jump_over_a_restart_of_ours_is_no_gap() -> None:
    sequence = restored(0, 5, (), certain=False)
    assert sequence.take(9) is Arrival.NEXT
    assert sequence.missing == []
    sequence.take(11)
    assert sequence.missing == [(10, 10)]


def test_a_station_that_skips_for_ever_costs_no_memory() -> None:
    sequence = EventSequence()
    for number in range(0, 10 * RANGES_MAX, 2):
        sequence.take(number)
    assert len(sequence.missing) == RANGES_MAX


def test_a_session_of_the_time_before_sequences_begins_at_its_last_event() -> None:
    assert restored(None, 7, (), certain=True).first == 7
    assert restored(None, -1, (), certain=True).first is None
