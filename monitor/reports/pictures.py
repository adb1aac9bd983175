"""Bars and lines as SVG that takes its colours from the page (classes p0 to p3, grid, rate), for screen and paper.

Pure: numbers in, markup out; words of others are escaped. Values and labels are drawn as they come, without a language.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

WIDTH, HEIGHT = 440, 230
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 20, 28
LABELS_MAX = 8
ROW, NAME_WIDTH, VALUE_WIDTH = 26, 120, 78
ROWS_MAX, NAME_MAX = 8, 17
TONES = 4
COLUMN = Markup(
    '<rect class="p0" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="1.5"><title>{}</title></rect>'
)
POINTS_MAX = 400

STYLE = """
svg.picture{width:100%;height:auto;display:block;font:12px system-ui,sans-serif}
svg.picture .p0{fill:var(--p0,#00a3a3);stroke:var(--p0,#00a3a3)}
svg.picture .p1{fill:var(--p1,#2f7ed8);stroke:var(--p1,#2f7ed8)}
svg.picture .p2{fill:var(--p2,#d98c00);stroke:var(--p2,#d98c00)}
svg.picture .p3{fill:var(--p3,#7a5cc7);stroke:var(--p3,#7a5cc7)}
svg.picture polyline{fill:none!important;stroke-width:1.8}svg.picture rect{stroke:none}
svg.picture .grid{stroke:var(--line,#dbe1e7)}svg.picture .rate{stroke:var(--rate,#d33f3f);stroke-width:2}
svg.picture .span{stroke:var(--ink,#17212b);stroke-width:1.4}svg.picture text{fill:var(--quiet,#54616e)}
svg.picture .name{fill:var(--ink,#17212b)}
"""
"""What a page needs beside them."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A named value; `low` and `high`: its range."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """A named line over time."""

    name: str
    points: Sequence[tuple[datetime, float]]


def columns(bars: Sequence[Bar], label: str) -> Markup:
    """Upright bars in their order, for hours and days; labels are thinned out."""
    top = nice_top(max((bar.value for bar in bars), default=0.0))
    step = (WIDTH - LEFT - RIGHT) / max(len(bars), 1)
    every = max(1, math.ceil(len(bars) / LABELS_MAX))
    parts = _grid(top)
    for number, bar in enumerate(bars):
        x, height = LEFT + number * step, (HEIGHT - TOP - BOTTOM) * max(bar.value, 0.0) / top
        parts.append(
            COLUMN.format(
                x + step * 0.12, HEIGHT - BOTTOM - height, step * 0.76, height, f"{bar.name}: {bar.value:,.1f}"
            )
        )
        if number % every == 0:
            parts.append(_text(x + step / 2, HEIGHT - 10, bar.name, "middle"))
    return _drawing(parts, HEIGHT, label)


def rows(bars: Sequence[Bar], label: str) -> Markup:
    """Lying bars with their names and values, the first ones of them; a range is a thin line over its bar."""
    shown = bars[:ROWS_MAX]
    top = max((bar.high if bar.high is not None else bar.value for bar in shown), default=0.0) or 1.0
    wide = WIDTH - NAME_WIDTH - VALUE_WIDTH
    parts: list[Markup] = []
    for number, bar in enumerate(shown):
        y, length = number * ROW + 6, wide * max(bar.value, 0.0) / top
        parts.append(_text(NAME_WIDTH - 8, y + 13, _short(bar.name), "end", "name"))
        parts.append(
            Markup('<rect class="p0" x="{}" y="{}" width="{:.1f}" height="16" rx="2"/>').format(
                NAME_WIDTH, y, max(length, 1.0)
            )
        )
        if bar.low is not None and bar.high is not None:
            parts.append(
                Markup('<line class="span" x1="{:.1f}" x2="{:.1f}" y1="{y}" y2="{y}"/>').format(
                    NAME_WIDTH + wide * bar.low / top, NAME_WIDTH + wide * bar.high / top, y=y + 8
                )
            )
        beyond = NAME_WIDTH + wide * (bar.high if bar.high is not None else max(bar.value, 0.0)) / top
        parts.append(_text(beyond + 6, y + 13, f"{bar.value:,.1f}", "start"))
    return _drawing(parts, len(shown) * ROW + 8, label)


def curves(lines: Sequence[Curve], level: float, label: str) -> Markup:
    """Lines over time in four tones, with a red line at `level`; their names stand above them."""
    shown = [line for line in lines[:TONES] if line.points]
    if not shown:
        return Markup("")
    first = min(line.points[0][0] for line in shown)
    whole_s = max((max(line.points[-1][0] for line in shown) - first).total_seconds(), 1.0)
    top = nice_top(max(level, *(value for line in shown for _, value in line.points)))
    parts = _grid(top)

    def place(at: datetime, value: float) -> str:
        x = LEFT + (WIDTH - LEFT - RIGHT) * (at - first).total_seconds() / whole_s
        return f"{x:.1f},{_height(value, top):.1f}"

    for number, line in enumerate(shown):
        points = " ".join(place(at, value) for at, value in thinned(line.points))
        parts.append(Markup('<polyline class="p{}" points="{}"/>').format(number, points))
        parts.append(
            Markup('<rect class="p{}" x="{}" y="0" width="10" height="10"/>').format(number, LEFT + 4 + number * 100)
        )
        parts.append(_text(LEFT + 18 + number * 100, 10, _short(line.name, 12), "start"))
    y = _height(level, top)
    parts.append(
        Markup('<line class="rate" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>').format(LEFT, WIDTH - RIGHT, y=y)
    )
    for share in (0.0, 0.5, 1.0):
        moment = first + (max(line.points[-1][0] for line in shown) - first) * share
        shape = "%m-%d %H:%M" if whole_s > 2 * 86_400 else "%H:%M"
        anchor = "start" if share == 0 else "end" if share == 1 else "middle"
        parts.append(_text(LEFT + (WIDTH - LEFT - RIGHT) * share, HEIGHT - 10, f"{moment:{shape}}", anchor))
    return _drawing(parts, HEIGHT, label)


def thinned(points: Sequence[tuple[datetime, float]]) -> list[tuple[datetime, float]]:
    """The highest of each stretch, so that no peak is lost on paper."""
    size = max(1, math.ceil(len(points) / POINTS_MAX))
    stretches = (points[start : start + size] for start in range(0, len(points), size))
    return [max(stretch, key=lambda point: point[1]) for stretch in stretches]


def nice_top(value: float) -> float:
    """The least of 1, 2, 2.5, 5 times a power of ten that is not below it; 1 for next to nothing."""
    if value < 1e-9:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1.0, 2.0, 2.5, 5.0, 10.0) if step * power >= value * (1 - 1e-9))


def _height(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * max(value, 0.0) / top


def _grid(top: float) -> list[Markup]:
    parts: list[Markup] = []
    for number in range(5):
        value = top * number / 4
        y = _height(value, top)
        parts.append(
            Markup('<line class="grid" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>').format(LEFT, WIDTH - RIGHT, y=y)
        )
        parts.append(_text(LEFT - 6, y + 4, f"{value:,.4g}", "end"))
    return parts


def _text(x: float, y: float, words: str, anchor: str, kind: str = "tick") -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(kind, x, y, anchor, words)


def _short(words: str, most: int = NAME_MAX) -> str:
    return words if len(words) <= most else f"{words[: most // 2]}…{words[-(most // 2 - 1) :]}"


def _drawing(parts: Sequence[Markup], height: float, label: str) -> Markup:
    return Markup('<svg class="picture" viewBox="0 0 {} {:.0f}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, height, label, Markup("").join(parts)
    )
