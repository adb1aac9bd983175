"""What the stream of changes tells is merged into the list, never over what is newer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.dashboard.web.stream import Stations, told

BEGIN = datetime(2026, 11, 24, 8, tzinfo=UTC)


def at(second: float) -> str:
    return (BEGIN + timedelta(seconds=second)).isoformat()


def station(name: str, power_w: float = 0.0, **more: object) -> dict:
    return {"station_id": name, "power_w": power_w, **more}


async def lines(*given: str) -> AsyncIterator[str]:
    for line in given:
        yield line


async def test_events_and_comments_come_in_order() -> None:
    written = lines(": welcome", "", "event: stations", 'data: {"a":1}', "", ": nothing new", "")
    assert [one async for one in told(written)] == [("", None), ("stations", {"a": 1}), ("", None)]


async def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match=r"."):
        [one async for one in told(lines("event: stations", "data: {"))]


def test_news_keep_what_they_do_not_tell() -> None:
    known = Stations()
    assert not known.known
    known.read(at(0), [station("A", vendor="Acme"), station("B")])
    assert not known.hear(at(1), [station("A", 7000.0)])
    assert known.rows == [station("A", 7000.0, vendor="Acme"), station("B")]


def test_what_is_older_than_the_list_changes_nothing() -> None:
    known = Stations()
    known.read(at(5), [station("A", 1.0)])
    assert not known.hear(at(4), [station("A", 2.0), station("C")])
    assert known.rows == [station("A", 1.0)]


def test_of_a_stranger_the_list_has_to_tell() -> None:
    known = Stations()
    assert known.hear(at(0), [station("A")])
    known.read(at(0), [station("A")])
    assert known.hear(at(1), [station("B"), station("A", 3.0)])
    assert known.rows == [station("A", 3.0)]


def test_after_a_boot_the_list_tells_what_the_station_is_now() -> None:
    known = Stations()
    known.read(at(0), [station("A", booted_at=at(0), vendor="Acme")])
    assert not known.hear(at(1), [station("A", 3.0, booted_at=at(0))])
    assert known.hear(at(2), [station("A", 3.0, booted_at=at(2))])


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 9)), max_size=20), st.integers(0, 20))
def test_list_and_stream_end_where_the_stations_are(changes: list[tuple[str, int]], read_after: int) -> None:
    """Whenever the list is read in between: what is shown at the end is what was told last."""
    truth = dict.fromkeys("ABC", 0)
    known = Stations()
    known.read(at(-1), _rows(truth))
    for second, (name, power_w) in enumerate(changes):
        truth[name] = power_w
        if second == read_after:
            known.read(at(second), _rows(truth))
        known.hear(at(second), [station(name, power_w)])
    assert known.rows == _rows(truth)


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 9)), max_size=20), st.data())
def test_a_list_that_comes_late_hides_nothing_newer(changes: list[tuple[str, int]], data: st.DataObject) -> None:
    """It was made after some changes and is read after more of them: the stream was faster."""
    made_after = data.draw(st.integers(0, len(changes)))
    read_after = data.draw(st.integers(made_after, len(changes)))
    truth = dict.fromkeys("ABC", 0)
    known = Stations()
    known.read(at(-1), _rows(truth))
    listed = _rows(truth)
    for second, (name, power_w) in enumerate([*changes, ("A", 5)]):
        if second == made_after:
            listed = _rows(truth)
        if second == read_after:
            known.read(at(made_after - 0.5), listed)
        truth[name] = power_w
        known.hear(at(second), [station(name, power_w)])
    assert known.rows == _rows(truth)


def _rows(truth: dict[str, int]) -> list[dict]:
    return [station(name, power_w) for name, power_w in truth.items()]
