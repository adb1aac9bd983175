"""One command as several messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.model.command import CommandResult
from csms.station.splitting import ENVELOPE_BYTES, Limits, joined, split


@pytest.mark.req("B05.FR.11", "B06.FR.05", "N06.FR.04")
@given(st.lists(st.integers(1, 900)), st.none() | st.integers(1, 9), st.none() | st.integers(1, 3000))
def test_every_message_fits_and_nothing_is_lost(sizes: list[int], items: int | None, size_bytes: int | None) -> None:
    chunks = split(sizes, Limits(items, size_bytes), lambda size: size)
    assert [size for chunk in chunks for size in chunk] == sizes
    for chunk in chunks:
        assert chunk
        assert items is None or len(chunk) <= items
        assert size_bytes is None or len(chunk) == 1 or sum(chunk) + ENVELOPE_BYTES <= size_bytes
    if items is None and size_bytes is None:
        assert len(chunks) == min(1, len(sizes))


def test_answers_are_joined() -> None:
    one, two = CommandResult("Accepted", {"a": "1"}, payload={"x": 1}), CommandResult("Rejected", {"b": None})
    assert joined([one]) is one
    whole = joined([one, two])
    assert (whole.status, whole.values) == ("Rejected", {"a": "1", "b": None})
    assert whole.payload == {"answers": [{"x": 1}, {}]}
