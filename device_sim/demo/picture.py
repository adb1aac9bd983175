"""The day as a picture (SVG): base load grey, charging teal on top, the cap red, the unmanaged day thin grey.

Colours and grammar are those of every load picture of the product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

from device_sim.demo.report import LoadTrace

Text = Callable[..., str]
Curve = NDArray[np.float64]

WIDTH, HEIGHT = 960, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 44, 40
BASE, CHARGING, CAP, UNMANAGED, INK, GRID = "#c9ced6", "#00a3a3", "#d33f3f", "#6b7280", "#1f2933", "#e5e7eb"
POINTS_MAX = 900


def load_picture(
    trace: LoadTrace, unmanaged_at_s: Curve, unmanaged_w: Curve, began: datetime, zone: tzinfo, text: Text
) -> str:
    """An SVG document. `unmanaged_w` is the whole load of the same day without management."""
    span_s = float(max(trace.at_s[-1], 1.0))
    top_kw = _round_up(max(trace.total_w.max(), trace.cap_w.max(), unmanaged_w.max(initial=0.0)) / 1000)
    scale = _Scale(span_s, top_kw)
    rows = _thin(len(trace.at_s))
    at, base, total, cap = (c[rows] for c in (trace.at_s, trace.base_w, trace.total_w, trace.cap_w))
    parts = [
        *_axes(scale, began, zone),
        scale.area(at, np.zeros_like(base), base, BASE),
        scale.area(at, base, total, CHARGING),
        scale.line(unmanaged_at_s, unmanaged_w, UNMANAGED, 1.2, dash="4 3"),
        scale.line(*_steps(at, cap), CAP, 2.0),
        *_legend(text),
    ]
    font = 'font-family="sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {font}>'
    return "\n".join([head, f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>', *parts, "</svg>", ""])


class _Scale:
    """Seconds and watts to picture points."""

    def __init__(self, span_s: float, top_kw: float) -> None:
        self.span_s, self.top_kw = span_s, top_kw

    def x(self, at_s: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * at_s / self.span_s

    def y(self, power_w: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * power_w / 1000 / self.top_kw

    def points(self, at_s: Sequence[float] | Curve, power_w: Sequence[float] | Curve) -> str:
        return " ".join(
            f"{self.x(s):.1f},{self.y(w):.1f}" for s, w in zip(at_s, power_w, strict=True) if 0 <= s <= self.span_s
        )

    def area(self, at_s: Curve, low_w: Curve, high_w: Curve, colour: str) -> str:
        outline = f"{self.points(at_s, high_w)} {self.points(at_s[::-1], low_w[::-1])}"
        return f'<polygon points="{outline}" fill="{colour}"/>'

    def line(self, at_s: Curve, power_w: Curve, colour: str, width: float, dash: str = "") -> str:
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        points = self.points(at_s, power_w)
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}"{dashes}/>'


def _thin(count: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, POINTS_MAX)).astype(np.int64))


def _round_up(power_kw: float) -> float:
    step = 50.0 if power_kw > 100 else 10.0
    return float(np.ceil(power_kw * 1.05 / step) * step)


def _steps(at_s: Curve, cap_w: Curve) -> tuple[Curve, Curve]:
    """Hold each value until the next one begins."""
    return np.repeat(at_s, 2)[1:], np.repeat(cap_w, 2)[:-1]


def _axes(scale: _Scale, began: datetime, zone: tzinfo) -> list[str]:
    parts = []
    step_kw = scale.top_kw / 5
    for tick in range(6):
        y = scale.y(tick * step_kw * 1000)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="{GRID}"/>')
        parts.append(
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="{INK}">{tick * step_kw:g} kW</text>'
        )
    every_s = 7200.0 if scale.span_s > 6 * 3600 else 1800.0
    for number in range(int(scale.span_s // every_s) + 1):
        moment = (began + timedelta(seconds=number * every_s)).astimezone(zone)
        label = f'<text x="{scale.x(number * every_s):.1f}" y="{HEIGHT - 14}" text-anchor="middle" fill="{INK}">'
        parts.append(f"{label}{moment:%H:%M}</text>")
    return parts


def _legend(text: Text) -> list[str]:
    parts, x = [], LEFT
    for colour, key in ((BASE, "base"), (CHARGING, "charging"), (CAP, "cap"), (UNMANAGED, "unmanaged")):
        words = text(f"demo.picture.{key}")
        parts.append(f'<rect x="{x}" y="14" width="14" height="14" rx="2" fill="{colour}"/>')
        parts.append(f'<text x="{x + 20}" y="26" fill="{INK}">{words}</text>')
        x += 44 + sum(14 if ord(c) > 255 else 7 for c in words)
    return parts
