"""Session files: three forms, plain and gzip, and every way a row can be wrong."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from device_sim.sessions import ACN_ZONE, BadSessions, Session, busiest_day, read_sessions, shift_to
from tests.support.acn import acn_files

OWN = "session_id,arrival,departure,energy_kwh,declared_departure,declared_energy_kwh\n"
GOOD = "a,2026-01-05T08:00:00+08:00,2026-01-05T17:30:00+08:00,12.5,2026-01-05T18:00:00+08:00,20\n"
ACN = (
    "arrival,departure,requested_energy (kWh),delivered_energy (kWh),station_id,session_id,"
    "estimated_departure,claimed\n"
)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "sessions.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_own_columns(tmp_path: Path) -> None:
    found = read_sessions(written(tmp_path, OWN + GOOD + "b,2026-01-05T07:00:00Z,2026-01-05T08:00:00Z,1,,\n"))
    first, second = found.sessions
    assert first == Session(
        "a",
        datetime(2026, 1, 5, 0, tzinfo=UTC),
        datetime(2026, 1, 5, 9, 30, tzinfo=UTC),
        12_500.0,
        datetime(2026, 1, 5, 10, tzinfo=UTC),
        20_000.0,
    )
    assert (second.session_id, second.declared_energy_wh) == ("b", None)
    assert second.mean_power_w == 1_000.0
    assert found.zone is None


def test_acn_takes_what_was_delivered_and_keeps_what_was_said(tmp_path: Path) -> None:
    rows = (
        "2019-05-01 08:00:00-07:00,2019-05-01 10:00:00-07:00,60.0,6.0,CA-305,x,2019-05-01 09:20:45-07:00,True\n"
        "2019-05-01 09:00:00-07:00,2019-05-01 10:00:00-07:00,5.0,5.0,CA-306,y,2019-05-01 09:20:45-07:00,False\n"
    )
    said, silent = read_sessions(written(tmp_path, ACN + rows)).sessions
    assert (said.energy_wh, said.declared_energy_wh) == (6_000.0, 60_000.0)
    assert said.declared_departure == datetime(2019, 5, 1, 16, 20, 45, tzinfo=UTC)
    assert (silent.declared_energy_wh, silent.declared_departure) == (None, None)


def test_acnsim_counts_five_minutes_from_march_in_los_angeles(tmp_path: Path) -> None:
    header = "arrival_5min,departure_5min,est_departure_5min,station_id,requested_kwh,max_kw,battery_kwh,init_kwh,"
    only = read_sessions(written(tmp_path, header + "session_id\n76,92,95,CA-315,4.216,6.6,4.216,0,z\n")).sessions[0]
    assert only.arrival == datetime(2019, 3, 1, 6, 20, tzinfo=ACN_ZONE)
    assert only.departure - only.arrival == timedelta(minutes=80)
    assert only.energy_wh == pytest.approx(4_216.0)


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ("a,yesterday,2026-01-05T08:00:00Z,1,,", "arrival", "not an ISO 8601"),
        ("a,2026-01-05T07:00:00,2026-01-05T08:00:00Z,1,,", "arrival", "no offset"),
        ("a,2026-01-05T09:00:00Z,2026-01-05T08:00:00Z,1,,", "departure", "before it comes"),
        ("a,2026-01-05T07:00:00Z,2026-05-05T08:00:00Z,1,,", "departure", "longer than 60 days"),
        ("a,2026-01-05T07:00:00Z,2026-01-05T08:00:00Z,much,,", "energy_kwh", "not a number"),
        ("a,2026-01-05T07:00:00Z,2026-01-05T08:00:00Z,-1,,", "energy_kwh", "not between"),
        ("a,2026-01-05T07:00:00Z,2026-01-05T08:00:00Z,nan,,", "energy_kwh", "not between"),
        ("a,2026-01-05T07:00:00Z,2026-01-05T08:00:00Z,1,,lots", "declared_energy_kwh", "not a number"),
        (",2026-01-05T07:00:00Z,2026-01-05T08:00:00Z,1,,", "session_id", "is empty"),
        ("a,2026-01-05T07:00:00Z", "departure", "is missing"),
        ("a,2026-01-05T07:00:00Z,2026-01-05T08:00:00Z,1,,,9", "", "more fields"),
    ],
)
def test_a_bad_row_is_named_by_line_and_column(tmp_path: Path, row: str, column: str, words: str) -> None:
    good = GOOD.replace("a,", "good,", 1)
    file = written(tmp_path, OWN + good + row + "\n")
    with pytest.raises(BadSessions) as caught:
        read_sessions(file)
    (bad,) = caught.value.rows
    assert (bad.line, bad.column) == (3, column)
    assert words in bad.reason
    assert "line 3" in str(caught.value)
    skipped = read_sessions(file, skip_bad_rows=True)
    assert ([s.session_id for s in skipped.sessions], len(skipped.skipped)) == (["good"], 1)


def test_a_session_that_comes_twice_is_a_bad_row(tmp_path: Path) -> None:
    with pytest.raises(BadSessions, match="line 3, column 'session_id': 'a' was there before"):
        read_sessions(written(tmp_path, OWN + GOOD + GOOD))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "unknown columns"),
        ("when,where\n1,2\n", "unknown columns"),
        (OWN, "no session"),
        (OWN + "a,b,c,d,e,f\n" * 30, "and 10 more"),
    ],
)
def test_a_file_without_use_says_so(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadSessions, match=words):
        read_sessions(written(tmp_path, text))


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00rubbish\x9f", gzip.compress(b"x" * 5_000, mtime=0)[:30]])
def test_bytes_that_are_no_text(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "s.csv"
    file.write_bytes(raw)
    with pytest.raises(BadSessions, match="line 1"):
        read_sessions(file)


def test_gzip_is_seen_by_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "named-like-text.csv"
    file.write_bytes(gzip.compress((OWN + GOOD).encode()))
    assert len(read_sessions(file).sessions) == 1


def stay(name: str, day: int, hour: int) -> Session:
    arrival = datetime(2019, 3, day, hour, tzinfo=ACN_ZONE).astimezone(UTC)
    return Session(name, arrival, arrival + timedelta(hours=2), 1_000.0, arrival + timedelta(hours=3), 2_000.0)


def test_the_busiest_day_is_counted_in_local_time() -> None:
    sessions = [stay("a", 4, 23), stay("b", 4, 1), stay("c", 5, 12)]
    assert [s.session_id for s in busiest_day(sessions)] == ["a", "b"]


def test_shifting_keeps_the_clock_on_the_wall_even_over_a_time_change() -> None:
    before_dst = stay("a", 9, 8)
    after_dst = stay("b", 11, 8)
    moved = shift_to([before_dst, after_dst], date(2026, 11, 24), SHANGHAI)
    local = [s.arrival.astimezone(SHANGHAI) for s in moved]
    assert [(t.day, t.hour) for t in local] == [(24, 8), (26, 8)]
    assert moved[0].departure - moved[0].arrival == timedelta(hours=2)
    assert moved[0].declared_departure == moved[0].arrival + timedelta(hours=3)
    assert shift_to([], date(2026, 11, 24), SHANGHAI) == []


@pytest.mark.parametrize("pattern", ["acn_caltech_*.csv.gz", "acn_jpl_*.csv.gz", "acnsim_*_sessions.csv"])
def test_the_published_files_are_read_as_they_are(pattern: str) -> None:
    files = acn_files(pattern)
    counts = {
        "acn_caltech_*.csv.gz": [3527, 3177, 1269, 1829],
        "acn_jpl_*.csv.gz": [6026, 5804, 2689, 3086],
        "acnsim_*_sessions.csv": [954],
    }
    assert [len(read_sessions(file).sessions) for file in files] == counts[pattern]


def test_the_acnsim_file_holds_the_energy_it_says() -> None:
    files = acn_files("acnsim_*_sessions.csv")
    assert sum(s.energy_wh for s in read_sessions(files[0]).sessions) == pytest.approx(8_900_520.0, abs=10.0)
