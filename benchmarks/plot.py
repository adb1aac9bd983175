"""Plain line plots as SVG text; the horizontal scale is logarithmic, the vertical one if wished."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

WIDTH, HEIGHT, MARGIN = 720, 360, 60
INK, GRID, CAP = "#333", "#ddd", "#c22"
COLOURS = ("#0b6e4f", "#c8553d", "#2a5ca8", "#8a6d00", "#6b2c91")


def line_plot(stations: Sequence[int], lines: Mapping[str, Sequence[float]]) -> str:
    """CPU for each call (µs) over the number of stations, a line for each name."""
    top = max(max(costs) for costs in lines.values()) * 1.25

    def x(count: float) -> float:
        share = math.log(count / stations[0]) / math.log(stations[-1] / stations[0])
        return MARGIN + share * (WIDTH - 2 * MARGIN)

    def y(cost: float) -> float:
        return HEIGHT - MARGIN - cost / top * (HEIGHT - 2 * MARGIN)

    shapes = []
    for step in _steps(top):
        shapes.append(
            f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{y(step):.0f}" y2="{y(step):.0f}" stroke="{GRID}"/>'
        )
        shapes.append(_text(MARGIN - 8, y(step) + 4, f"{step:g}", "end"))
    shapes += [_text(x(count), HEIGHT - MARGIN + 20, f"{count:,}", "middle") for count in stations]
    for number, (name, costs) in enumerate(lines.items()):
        colour = COLOURS[number]
        path = " ".join(f"{x(count):.1f},{y(cost):.1f}" for count, cost in zip(stations, costs, strict=True))
        shapes.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="3"/>')
        for count, cost in zip(stations, costs, strict=True):
            shapes.append(f'<circle cx="{x(count):.1f}" cy="{y(cost):.1f}" r="5" fill="{colour}"/>')
            shapes.append(_text(x(count), y(cost) - 12, f"{cost:.0f}", "middle"))
        shapes.append(_text(WIDTH - MARGIN, 30 + 20 * number, name, "end", colour))
    shapes.append(_text(WIDTH / 2, HEIGHT - 12, "stations that send MeterValues with three values", "middle"))
    shapes.append(_text(MARGIN, 30, "CPU of the server for each stored and answered call, µs", "start"))
    return _frame("\n".join(shapes))


def _steps(top: float) -> list[float]:
    step = 10 ** math.floor(math.log10(top))
    step = step / 2 if top / step < 3 else step
    return [step * n for n in range(int(top / step) + 1)]


def _text(x: float, y: float, words: str, anchor: str, colour: str = INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{words}</text>'


def log_plot(lines: Mapping[str, Mapping[float, float]], left: str, bottom: str) -> str:
    """Both scales logarithmic, a line for each name from its (place, height) points."""
    places = sorted({place for points in lines.values() for place in points})
    heights = [height for points in lines.values() for height in points.values()]
    low, high = math.floor(math.log10(min(heights))), math.ceil(math.log10(max(heights)))

    def x(place: float) -> float:
        return MARGIN + math.log(place / places[0]) / math.log(places[-1] / places[0]) * (WIDTH - 2 * MARGIN)

    def y(height: float) -> float:
        return HEIGHT - MARGIN - (math.log10(height) - low) / (high - low) * (HEIGHT - 2 * MARGIN)

    shapes = []
    for power in range(low, high + 1):
        level = y(10.0**power)
        shapes.append(f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{level:.0f}" y2="{level:.0f}" stroke="{GRID}"/>')
        shapes.append(_text(MARGIN - 8, level + 4, f"{10.0**power:g}", "end"))
    shapes += [_text(x(place), HEIGHT - MARGIN + 20, f"{place:,.0f}", "middle") for place in places]
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x(place):.1f},{y(height):.1f}" for place, height in points.items())
        shapes.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="3"/>')
        shapes += [f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="5" fill="{colour}"/>' for a, b in points.items()]
        shapes.append(_text(MARGIN + 10, 52 + 18 * number, name, "start", colour))
    shapes += [_text(WIDTH / 2, HEIGHT - 12, bottom, "middle"), _text(MARGIN, 30, left, "start")]
    return _frame("\n".join(shapes))


def _frame(body: str) -> str:
    frame = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="14"'
    return f'<svg {frame}>\n<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n'


def time_plot(lines: Mapping[str, Sequence[tuple[float, float]]], level: float, left: str, bottom: str) -> str:
    """Lines of (seconds, percent) over linear scales, and a level that they shall come below."""
    until = max(at for points in lines.values() for at, _ in points)
    top = max(100.0, *(height for points in lines.values() for _, height in points)) * 1.1

    def x(at: float) -> float:
        return MARGIN + at / until * (WIDTH - 2 * MARGIN)

    def y(height: float) -> float:
        return HEIGHT - MARGIN - height / top * (HEIGHT - 2 * MARGIN)

    shapes = []
    for step in _steps(top):
        shapes.append(
            f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{y(step):.0f}" y2="{y(step):.0f}" stroke="{GRID}"/>'
        )
        shapes.append(_text(MARGIN - 8, y(step) + 4, f"{step:g}", "end"))
    shapes += [_text(x(step), HEIGHT - MARGIN + 20, f"{step:g}", "middle") for step in _steps(until)]
    shapes.append(
        f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{y(level):.1f}" y2="{y(level):.1f}" '
        f'stroke="{CAP}" stroke-width="2" stroke-dasharray="6 4"/>'
    )
    for number, (name, points) in enumerate(lines.items()):
        path = " ".join(f"{x(at):.1f},{y(height):.1f}" for at, height in points)
        shapes.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[number]}" stroke-width="3"/>')
        shapes.append(_text(WIDTH - MARGIN, 30 + 20 * number, name, "end", COLOURS[number]))
    shapes.append(_text(WIDTH / 2, HEIGHT - 12, bottom, "middle"))
    shapes.append(_text(MARGIN, 30, left, "start"))
    return _frame("\n".join(shapes))
