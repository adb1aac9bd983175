"""Tables fit, ids are cut in the middle and never wrapped; numbers and times read as people expect."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from csms.console import units
from csms.console.layout import WIDTH_MIN, Column, shorten, table
from csms.console.plan import BARS, bars
from csms.console.units import duration, kilo, local_time, point_in_time

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
words = st.text(st.characters(exclude_categories=("C", "M", "Z")) | st.sampled_from("充电桩AB-"), max_size=60)


@given(words, st.integers(1, 40))
def test_shortened_words_fit_and_keep_both_ends(text, width) -> None:
    short = shorten(text, width)
    assert cell_len(short) <= width
    if short != text:
        head, _, tail = short.partition("…")
        assert text.startswith(head.rstrip())
        assert text.endswith(tail)


def test_an_id_keeps_its_ends() -> None:
    assert shorten("DE*ABC*E1234567890*1", 11) == "DE*AB…890*1"


@given(st.lists(st.tuples(words, words, words), max_size=8), st.integers(30, 120))
def test_tables_fit_the_width(rows, width) -> None:
    columns = [Column("a"), Column("b", right=True), Column("c")]
    lines = table(columns, rows, width)
    assert len(lines) == len(rows) + 1
    assert all(line.cell_len <= width for line in lines)


def test_whole_columns_are_never_cut() -> None:
    lines = table([Column("id"), Column("state", whole=True)], [["x" * 200, "SuspendedEVSE"]], 40)
    assert lines[1].plain.endswith("SuspendedEVSE")
    assert "…" in lines[1].plain


def test_a_table_too_narrow_for_its_columns_keeps_them_readable() -> None:
    lines = table([Column("n" * 20), Column("m" * 20)], [["x" * 20, "y" * 20]], 4)
    assert lines[1].cell_len == 2 * WIDTH_MIN + 2


@pytest.mark.parametrize(
    ("value", "expected"), [(None, "–"), (0, "0.0"), (11_040, "11.0"), (1_234_567, "1,234.6"), (-50, "-0.1")]
)
def test_kilo(value, expected) -> None:
    assert kilo(value) == expected


@pytest.mark.parametrize(
    ("delay_s", "expected"), [(None, "–"), (40, "40 s"), (720, "12 min"), (3900, "1 h 05 min"), (0, "0 s")]
)
def test_duration(delay_s, expected) -> None:
    assert duration(delay_s) == expected


def test_times_show_the_date_when_it_is_not_today() -> None:
    now = NOW.isoformat()
    assert len(local_time(now, now)) == len("12:00:00")
    yesterday = (NOW - timedelta(days=2)).astimezone()
    assert local_time(yesterday.isoformat(), now) == f"{yesterday:%Y-%m-%d %H:%M}"
    assert local_time(None) == "–"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("+90min", NOW + timedelta(minutes=90)),
        ("+2h", NOW + timedelta(hours=2)),
        ("+1.5d", NOW + timedelta(hours=36)),
        ("+15s", NOW + timedelta(seconds=15)),
        ("2026-03-02T06:00:00+02:00", NOW),
        ("2026-03-02T04:00:00Z", NOW),
    ],
)
def test_points_in_time(text, expected) -> None:
    assert point_in_time(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "soon", "+2", "+h", "+1.2.3h", "-2h", "2026-13-01", "+2weeks"])
def test_what_is_no_time(text) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text is shown by the caller
        point_in_time(text, NOW)


def test_a_time_without_zone_is_local() -> None:
    assert point_in_time("2026-03-02T04:00", NOW) == datetime(2026, 3, 2, 4, 0).astimezone()


def test_states_keep_their_words() -> None:
    assert str(units.state("Faulted")) == "Faulted"
    assert str(units.state("Strange")) == "Strange"


@given(st.lists(st.floats(-10, 1e6), min_size=1, max_size=300), st.integers(1, 120))
def test_bars_fit_their_room(values, room) -> None:
    drawn = bars(values, max(*values, 1.0), room)
    assert 1 <= len(drawn) <= room
    assert set(drawn) <= set(BARS)


def test_bars_show_height() -> None:
    assert bars([0, 50, 100], 100, 10) == " ▄█"
    assert bars([0, 100, 50, 0], 100, 2) == "█▄"
