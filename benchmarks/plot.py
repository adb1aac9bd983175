"""A plain line plot as SVG text; the horizontal scale is logarithmic."""

from __future__ import annotations

import math
from collections.abc import Sequence

WIDTH, HEIGHT, MARGIN = 720, 360, 60
INK, LINE, GRID = "#333", "#0b6e4f", "#ddd"


def line_plot(stations: Sequence[int], cost_us: Sequence[float]) -> str:
    """CPU for each call over the number of stations."""
    top = max(cost_us) * 1.25

    def x(count: float) -> float:
        share = math.log(count / stations[0]) / math.log(stations[-1] / stations[0])
        return MARGIN + share * (WIDTH - 2 * MARGIN)

    def y(cost: float) -> float:
        return HEIGHT - MARGIN - cost / top * (HEIGHT - 2 * MARGIN)

    points = list(zip(stations, cost_us, strict=True))
    shapes = [
        f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{y(v):.0f}" y2="{y(v):.0f}" stroke="{GRID}"/>'
        for v in _steps(top)
    ]
    shapes += [_text(MARGIN - 8, y(v) + 4, f"{v:g}", "end") for v in _steps(top)]
    path = " ".join(f"{x(count):.1f},{y(cost):.1f}" for count, cost in points)
    shapes.append(f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="3"/>')
    for count, cost in points:
        shapes.append(f'<circle cx="{x(count):.1f}" cy="{y(cost):.1f}" r="5" fill="{LINE}"/>')
        shapes.append(_text(x(count), y(cost) - 12, f"{cost:.0f}", "middle"))
        shapes.append(_text(x(count), HEIGHT - MARGIN + 20, f"{count:,}", "middle"))
    shapes.append(
        _text(WIDTH / 2, HEIGHT - 12, "stations, each sending MeterValues with three values again at once", "middle")
    )
    shapes.append(_text(MARGIN, 30, "CPU of the server for each stored and answered call, µs", "start"))
    body = "\n".join(shapes)
    frame = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="14"'
    return f'<svg {frame}>\n<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n'


def _steps(top: float) -> list[float]:
    step = 10 ** math.floor(math.log10(top))
    step = step / 2 if top / step < 3 else step
    return [step * n for n in range(int(top / step) + 1)]


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{INK}" text-anchor="{anchor}">{words}</text>'
