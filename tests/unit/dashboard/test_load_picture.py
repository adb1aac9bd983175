"""The braille canvas and the load picture: what is drawn is where the numbers say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.dashboard.braille import Canvas
from monitor.dashboard.chart import AXIS_WIDTH, load_picture
from monitor.dashboard.history import Point

START = datetime(2026, 3, 2, tzinfo=UTC)


def point(minute: int, metered_w: float, base_w: float = 0, cap_w: float | None = None) -> Point:
    return Point(START + timedelta(minutes=minute), metered_w, base_w, cap_w, None, None)


def test_dots_land_in_their_cells() -> None:
    canvas = Canvas(2, 2, {"a": "red"})
    for x, y in ((0, 0), (1, 0), (3, 7), (9, 9), (-1, 0)):
        canvas.dot("a", x, y)
    assert [row.plain for row in canvas.rows()] == [" ⠈", "⣀ "]


def test_a_line_hides_areas_in_its_cells() -> None:
    canvas = Canvas(1, 1, {"area": "grey", "line": "red"}, frozenset({"line"}))
    canvas.column("area", 0, 0, 4)
    canvas.dot("line", 1, 3)
    (row,) = canvas.rows()
    assert (row.plain, str(row.spans[0].style)) == ("⠈", "red")


def test_the_larger_area_gives_the_colour() -> None:
    canvas = Canvas(1, 1, {"base": "grey", "charging": "teal"})
    canvas.column("base", 0, 0, 1)
    canvas.column("charging", 0, 1, 4)
    assert str(canvas.rows()[0].spans[0].style) == "teal"


def test_load_stands_on_base_and_the_cap_is_above() -> None:
    points = [point(minute, 50_000, 50_000, 200_000) for minute in range(61)]
    rows = load_picture(points, points[-1].time, 3600, 47, 11)
    filled = [len(row.plain) > AXIS_WIDTH and "⣿" in row.plain for row in rows[:-1]]
    assert filled == [False] * 6 + [True] * 4, "100 of 216 kW fill the lower half"
    styles = {str(span.style) for span in rows[0].spans}
    assert "bold #d33f3f" in styles, "the cap is red"


def test_nothing_is_drawn_before_the_first_point() -> None:
    points = [point(minute, 10_000) for minute in range(30, 61)]
    row = load_picture(points, points[-1].time, 3600, AXIS_WIDTH + 20, 5)[3]
    assert row.plain[AXIS_WIDTH : AXIS_WIDTH + 9].strip() == ""
    assert row.plain[AXIS_WIDTH + 11 :].strip() != ""


values = st.floats(min_value=0, max_value=1e9)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2000), values, values, st.none() | values), max_size=40),
    st.integers(1, 200),
    st.integers(1, 60),
)
def test_any_numbers_fit_any_room(rows, width, height) -> None:
    points = [point(*row) for row in sorted(rows, key=lambda row: row[0])]
    picture = load_picture(points, START + timedelta(minutes=2000), 86_400, width, height)
    assert len(picture) == max(1, height - 1) + 1
    assert all(row.cell_len <= max(width, AXIS_WIDTH + 12) for row in picture)
