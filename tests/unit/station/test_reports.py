"""Parts of reports, in whatever order and number they come."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.station.reports import added, gaps


@given(st.lists(st.integers(0, 40), max_size=60))
def test_spans_hold_the_numbers_that_came(numbers: list[int]) -> None:
    spans: list[list[int]] = []
    for number in numbers:
        spans = added(spans, number)
    assert {n for first, last in spans for n in range(first, last + 1)} == set(numbers)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(spans))


@pytest.mark.req("RB-70")
@pytest.mark.parametrize(
    ("numbers", "last", "missing"),
    [
        ([0, 1, 2], 2, []),
        ([1, 2], 2, []),
        ([0], 0, []),
        ([1], 1, []),
        ([0, 3], 3, [[1, 2]]),
        ([2, 3], 3, [[1, 1]]),
        ([0, 1], 4, [[2, 4]]),
        ([0, 5], 3, [[1, 3]]),
        ([2**31 - 1], 2**31 - 1, [[1, 2**31 - 2]]),
    ],
)
def test_what_is_missing(numbers: list[int], last: int, missing: list[list[int]]) -> None:
    spans: list[list[int]] = []
    for number in numbers:
        spans = added(spans, number)
    assert gaps(spans, last) == missing
