"""Starts remembered: the same one gives the same session, what was forgotten is known to be so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from csms.station.starts import RecentSessions, Start

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def start(number: int) -> Start:
    return Start("A", 1, "T", NOON + timedelta(minutes=number), 0.0)


def filled(kept: int, count: int) -> RecentSessions[Start]:
    starts = RecentSessions[Start](kept)
    for number in range(count):
        starts.add(start(number), number, start(number).at)
    return starts


def test_a_start_is_found_by_every_part_of_it() -> None:
    starts = filled(10, 3)
    assert starts.find(start(1)) == 1
    for other in ({"station_id": "B"}, {"evse_id": 2}, {"id_token": "U"}, {"at": NOON}, {"register_wh": 1.0}):
        assert starts.find(start(1)._replace(**other)) is (0 if other == {"at": NOON} else None)


def test_everything_is_covered_until_something_was_forgotten() -> None:
    assert filled(3, 3).covers(start(-1000).at)
    starts = filled(3, 5)
    assert [starts.find(start(number)) for number in range(5)] == [None, None, 2, 3, 4]
    assert not starts.covers(start(1).at)
    assert starts.covers(start(2).at)


def test_restored_starts_cover_what_came_after_the_oldest() -> None:
    rows = [(start(number), number, start(number).at) for number in (9, 8, 7)]
    starts = RecentSessions[Start]()
    starts.restore(rows, complete=False)
    assert starts.find(start(8)) == 8
    assert not starts.covers(start(7).at)
    assert starts.covers(start(10).at)
    whole = RecentSessions[Start]()
    whole.restore(rows, complete=True)
    assert whole.covers(start(-1000).at)
