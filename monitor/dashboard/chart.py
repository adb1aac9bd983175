"""The load picture of one feeder in braille: base load, charging on top, cap, upper bound and plan (screens, 1)."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from rich.text import Text as Styled

from monitor.dashboard.braille import Canvas
from monitor.dashboard.history import Point
from monitor.dashboard.look import AMBER, GREY, RED, TEAL, kilo

AXIS_WIDTH = 7
STYLES = {"base": GREY, "charging": TEAL, "plan": "bold white", "bound": AMBER, "cap": f"bold {RED}"}
LINES = frozenset({"plan", "bound", "cap"})
HEADROOM = 1.08
DASH = 3
"""Dots on and off in the dashed plan."""


def load_picture(points: Sequence[Point], end: datetime, window_s: float, width: int, height: int) -> list[Styled]:
    """`height` lines of `width` cells: the last `window_s` seconds before `end`, power to the left, time below."""
    canvas = Canvas(max(1, width - AXIS_WIDTH), max(1, height - 1), STYLES, LINES)
    start = end - timedelta(seconds=window_s)
    shown = list(_by_column(points, start, window_s, canvas.dot_columns))
    top_w = _top_w([point for _, point in shown])
    for x, point in shown:
        _draw(canvas, x, point, canvas.dot_rows / top_w)
    rows = canvas.rows()
    labelled = [power_label(index, len(rows), top_w) + row for index, row in enumerate(rows)]
    return [*labelled, time_axis(start, end, canvas.width)]


def _by_column(points: Sequence[Point], start: datetime, window_s: float, columns: int) -> Iterator[tuple[int, Point]]:
    """For each column of dots the point that held at its right edge; none before the first point or after the last."""
    if not points:
        return
    times = [point.time for point in points]
    for x in range(columns):
        at = start + timedelta(seconds=window_s * (x + 1) / columns)
        index = bisect.bisect_right(times, at) - 1
        if index >= 0:
            yield x, points[index]


def _top_w(points: Sequence[Point]) -> float:
    """The power at the upper edge."""
    highest_w = max(
        (max(p.base_w + p.metered_w, p.cap_w or 0, p.base_w + (p.planned_w or 0)) for p in points), default=0
    )
    return max(highest_w * HEADROOM, 1000.0)


def _draw(canvas: Canvas, x: int, point: Point, dots_per_w: float) -> None:
    base = round(point.base_w * dots_per_w)
    load = round((point.base_w + point.metered_w) * dots_per_w)
    canvas.column("base", x, 0, base)
    canvas.column("charging", x, base, load)
    if point.planned_w is not None and x // DASH % 2 == 0:
        canvas.dot("plan", x, round((point.base_w + point.planned_w) * dots_per_w))
    if point.upper_bound_w is not None:
        canvas.dot("bound", x, round((point.base_w + point.upper_bound_w) * dots_per_w))
    if point.cap_w is not None:
        canvas.dot("cap", x, round(point.cap_w * dots_per_w))


def power_label(index: int, rows: int, top_w: float) -> Styled:
    """Power at the top, in the middle and at the bottom, in kW."""
    marks = {0: top_w, rows // 2: top_w * (rows - rows // 2) / rows, rows - 1: 0.0}
    words = kilo(marks[index]).replace(",", "") if index in marks else ""
    return Styled(f"{words[: AXIS_WIDTH - 1]:>{AXIS_WIDTH - 1}} ", GREY, no_wrap=True, overflow="crop")


def time_axis(start: datetime, end: datetime, width: int) -> Styled:
    """Local times at both ends."""
    left, right = (f"{time.astimezone():%H:%M}" for time in (start, end))
    gap = " " * max(1, width - len(left) - len(right))
    return Styled(" " * AXIS_WIDTH + left + gap + right, GREY, no_wrap=True, overflow="crop")
