"""Searching: by station, time, action, direction, text and errors; in pages; over several writers and damaged files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from csms.trace.notes import Kind
from csms.trace.reading import Page, Place, Query, parse_place, search
from csms.trace.segments import HOUR_MS, SegmentWriter, compact, segments
from tests.support.traces import NOON_MS, columns, everything, note


def written(folder, *notes, writer: str = "gw", each: int = 2) -> None:
    files = SegmentWriter(folder, writer)
    for start in range(0, len(notes), each):
        files.write(columns(*notes[start : start + each]))
    files.close()


@pytest.fixture
def folder(tmp_path):
    written(
        tmp_path,
        note(NOON_MS, "CP-1", "{}", Kind.OPENED),
        note(
            NOON_MS + 10, "CP-1", '[2,"1","BootNotification",{"chargePointModel":"Quick"}]', action="BootNotification"
        ),
        note(NOON_MS + 20, "CP-1", '[3,"1",{"status":"Accepted"}]', Kind.OUT, "BootNotification"),
        note(NOON_MS + 30, "CP-2", '[2,"a","Heartbeat",{}]', action="Heartbeat"),
        note(NOON_MS + 40, "CP-1", '[4,"9","NotSupported","",{}]', action="Reset"),
        note(NOON_MS + 50, "", '{"count":3}', Kind.DROPPED),
        note(NOON_MS + HOUR_MS + 5, "CP-1", '{"code":1006}', Kind.CLOSED),
    )
    return tmp_path


def found(folder, **query) -> list[int]:
    page = search(folder, Query(**query))
    assert page.following is None
    return [n.at_ms - NOON_MS for n in page.notes]


def test_oldest_and_newest_first(folder) -> None:
    everything_there = [0, 10, 20, 30, 40, 50, HOUR_MS + 5]
    assert found(folder) == everything_there
    assert found(folder, newest=True) == everything_there[::-1]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"stations": {"CP-2"}}, [30, 50]),
        ({"stations": {"CP-1", "CP-2"}, "until_ms": NOON_MS + 40}, [0, 10, 20, 30]),
        ({"stations": {"CP-3"}}, [50]),
        ({"since_ms": NOON_MS + 40}, [40, 50, HOUR_MS + 5]),
        ({"until_ms": NOON_MS + 10}, [0]),
        ({"since_ms": NOON_MS + HOUR_MS, "until_ms": NOON_MS + HOUR_MS + 5}, []),
        ({"actions": {"bootnotification", "Reset"}}, [10, 20, 40]),
        ({"direction": "in"}, [10, 30, 40]),
        ({"direction": "out"}, [20]),
        ({"text": "QUICK"}, [10]),
        ({"errors": True}, [40, 50, HOUR_MS + 5]),
        ({"errors": True, "stations": {"CP-1"}, "direction": "in"}, [40]),
    ],
)
def test_filters(folder, query, wanted) -> None:
    for name in ("stations", "actions"):
        if name in query:
            query[name] = frozenset(query[name])
    assert found(folder, **query) == wanted
    assert found(folder, newest=True, **query) == wanted[::-1]


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("blocks_max", [1, 2, 1000])
def test_pages_follow_each_other_without_gap_or_repeat(folder, newest, limit, blocks_max) -> None:
    query = Query(newest=newest, limit=limit)
    seen: list[int] = []
    for _ in range(50):
        page = search(folder, query, blocks_max)
        seen += [n.at_ms - NOON_MS for n in page.notes]
        if page.following is None:
            break
        query = replace(query, after=parse_place(str(page.following)))
    wanted = [0, 10, 20, 30, 40, 50, HOUR_MS + 5]
    assert seen == (wanted[::-1] if newest else wanted)


@pytest.mark.parametrize("newest", [False, True])
def test_pages_of_notes_at_one_moment(tmp_path, newest) -> None:
    written(tmp_path, *(note(NOON_MS, text=f"{n}") for n in range(7)))
    written(tmp_path, *(note(NOON_MS, text=f"{n}") for n in range(7, 10)), writer="other")
    seen, query = [], Query(newest=newest, limit=2)
    while True:
        page = search(tmp_path, query)
        seen += [int(n.text) for n in page.notes]
        if page.following is None:
            break
        query = replace(query, after=page.following)
        for segment in segments(tmp_path):
            compact(segment.path)
    assert seen == (list(range(9, -1, -1)) if newest else list(range(10)))


def test_two_writers_become_one_story(tmp_path) -> None:
    written(tmp_path, *(note(NOON_MS + n, text=f"{n}") for n in range(0, 100, 2)), writer="one", each=7)
    written(tmp_path, *(note(NOON_MS + n, text=f"{n}") for n in range(1, 100, 2)), writer="two", each=5)
    assert [n.text for n in everything(tmp_path, limit=9)] == [f"{n}" for n in range(100)]
    assert [n.text for n in everything(tmp_path, limit=9, newest=True)] == [f"{n}" for n in range(99, -1, -1)]


def test_a_clock_set_back_within_the_hour_is_put_in_order(tmp_path) -> None:
    written(tmp_path, *(note(NOON_MS + at, text=f"{at}") for at in (50, 60, 70, 10, 20, 65)))
    assert [n.text for n in everything(tmp_path)] == ["10", "20", "50", "60", "65", "70"]


def test_a_damaged_block_is_counted(folder) -> None:
    path = segments(folder)[0].path
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    page = search(folder, Query())
    assert (len(page.notes), page.broken) == (1, 1)


def test_a_file_that_is_deleted_meanwhile_is_no_fault(folder, monkeypatch) -> None:
    listed = segments(folder)
    monkeypatch.setattr("csms.trace.reading.segments", lambda _: listed)
    listed[0].path.unlink()
    assert len(search(folder, Query()).notes) == 1


def test_an_empty_folder(tmp_path) -> None:
    assert search(tmp_path / "missing", Query()) == Page()


def test_places_are_written_and_read() -> None:
    place = Place(5, "gw.local-000001", 7)
    assert parse_place(str(place)) == place
    for text in ("", "5", "a.b.c", "5.6"):
        with pytest.raises(ValueError):  # noqa: PT011 - any
            parse_place(text)
