"""A plan as a picture: base load, charging on top of it, batteries, the cap, the draw from the grid and the curve
without management.

SVG text by itself; a PNG needs matplotlib (`pip install csms[plots]`).
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.explain import stretches
from optimizer.problem import Plan, Problem
from optimizer.site import Site, SitePlan
from optimizer.yardsticks import by_rule

WIDTH, HEIGHT, MARGIN = 900, 380, 54
GREY, TEAL, VIOLET, RED, THIN = "#b8bcc2", "#1a9a8a", "#7d5bbe", "#c8322d", "#777777"
NAMES = ("base load", "charging", "cap", "storage", "unmanaged", "grid")
THROUGH = 0.7
"""Batteries stand in front of the base load, which can be seen through them."""
DARK = "#1c2733"
COLOURS = (GREY, TEAL, RED, VIOLET, THIN, DARK)


@dataclass(frozen=True, eq=False, slots=True)
class Curves:
    """All [T] in kW; the cap may be infinite; `storage` above 0 charges; `grid`: what is drawn from it in the end. What
    is None is not drawn.
    """

    slot_h: float
    base: FloatArray
    load: FloatArray
    cap: FloatArray
    storage: FloatArray | None = None
    unmanaged: FloatArray | None = None
    grid: FloatArray | None = None
    names: tuple[str, ...] = NAMES

    def known_cap(self) -> FloatArray:
        """The cap where it is near enough to be drawn, else NaN."""
        near = np.isfinite(self.cap) & (self.cap <= 3.0 * max(float(self.load.max()), 1e-9))
        return np.where(near, self.cap, np.nan)

    def range(self) -> tuple[float, float]:
        """Lowest and highest value drawn."""
        rows = [self.base, self.load, self.known_cap(), self.storage, self.unmanaged, self.grid]
        values = np.concatenate([row for row in rows if row is not None])
        return min(0.0, float(np.nanmin(values))), max(float(np.nanmax(values)) * 1.05, 1e-9)


def plan_curves(problem: Problem, plan: Plan) -> Curves:
    """Of a charging problem."""
    unmanaged = problem.load_kw(by_rule(problem, "unmanaged"))
    load = problem.load_kw(plan.power_kw)
    return Curves(problem.slot_h, problem.base_load_kw, load, problem.cap_kw, unmanaged=unmanaged)


def site_curves(site: Site, plan: SitePlan) -> Curves:
    """Of a whole site; cars that feed back count among the batteries."""
    net = plan.charge_kw.sum(axis=0) - plan.discharge_kw.sum(axis=0)
    cars = site.base_load_kw + plan.power_kw.sum(axis=0)
    storage = net if len(plan.charge_kw) else None
    return Curves(site.slot_h, site.base_load_kw, cars, np.asarray(site.import_max_kw), storage, grid=plan.grid_kw)


def save(curves: Curves, file: Path) -> None:
    """Writes `.svg` or `.png`; ValueError for another ending or, for PNG, without matplotlib."""
    if file.suffix == ".svg":
        file.write_text(svg(curves), encoding="utf-8")
    elif file.suffix == ".png":
        _png(curves, file)
    else:
        raise ValueError(f"{file.name}: a name ending in .svg or .png is expected")


def svg(curves: Curves) -> str:
    """The picture as SVG text."""
    paper, zero = _Paper(curves), np.zeros(len(curves.base))
    shapes = [paper.area(curves.base, zero, GREY), paper.area(curves.load, curves.base, TEAL)]
    if curves.storage is not None:
        shapes.append(paper.area(curves.storage, zero, VIOLET, THROUGH))
    if curves.unmanaged is not None:
        shapes += paper.lines(curves.unmanaged, THIN, 1.2)
    if curves.grid is not None:
        shapes += paper.lines(curves.grid, DARK, 1.6)
    shapes += [*paper.lines(curves.known_cap(), RED, 2.0), *paper.scales(), *_legend(curves)]
    frame = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13"'
    body = "\n".join(shapes)
    return f'<svg {frame}>\n<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n'


class _Paper:
    """Places on the picture for slots and kW."""

    def __init__(self, curves: Curves) -> None:
        self.slots, self.slot_h = len(curves.base), curves.slot_h
        self.low, self.high = curves.range()

    def x(self, slot: float) -> float:
        return MARGIN + slot / self.slots * (WIDTH - 1.5 * MARGIN)

    def y(self, value: float) -> float:
        return HEIGHT - MARGIN - (value - self.low) / (self.high - self.low) * (HEIGHT - 1.6 * MARGIN)

    def steps(self, values: FloatArray, first: int = 0) -> list[str]:
        """Both ends of every slot."""
        ends = ((first + t + side, v) for t, v in enumerate(values.tolist()) for side in (0, 1))
        return [f"{self.x(t):.1f},{self.y(v):.1f}" for t, v in ends]

    def area(self, upper: FloatArray, lower: FloatArray, colour: str, opacity: float = 1.0) -> str:
        points = " ".join([*self.steps(upper), *reversed(self.steps(lower))])
        return f'<polygon points="{points}" fill="{colour}" fill-opacity="{opacity:g}"/>'

    def lines(self, values: FloatArray, colour: str, width: float) -> list[str]:
        """One for every stretch of known values."""
        style = f'fill="none" stroke="{colour}" stroke-width="{width}"'
        parts = (self.steps(values[first : last + 1], first) for first, last in stretches(np.isfinite(values)))
        return [f'<polyline points="{" ".join(points)}" {style}/>' for points in parts]

    def scales(self) -> list[str]:
        values = np.linspace(self.low, self.high, 5).tolist()
        hours = np.linspace(0.0, self.slots * self.slot_h, 7).tolist()
        floor = HEIGHT - MARGIN + 18
        return [
            *(_label(MARGIN - 8, self.y(v) + 4, f"{v:.4g}", "end") for v in values),
            *(_label(self.x(h / self.slot_h), floor, f"{h:.4g} h", "middle") for h in hours),
        ]


def _label(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="#333" text-anchor="{anchor}">{escape(words)}</text>'


def _legend(curves: Curves) -> list[str]:
    capped = bool(np.isfinite(curves.known_cap()).any())
    there = (True, True, capped, *(row is not None for row in (curves.storage, curves.unmanaged, curves.grid)))
    shown = [pair for pair, is_there in zip(zip(curves.names, COLOURS, strict=True), there, strict=True) if is_there]
    shapes = []
    for place, (name, colour) in enumerate(shown):
        left = MARGIN + 140 * place
        shapes.append(f'<rect x="{left}" y="10" width="14" height="10" fill="{colour}"/>')
        shapes.append(_label(left + 20, 20, f"{name}, kW" if place == 0 else name, "start"))
    return shapes


def _png(curves: Curves, file: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError as fault:
        raise ValueError("a PNG needs matplotlib: pip install csms[plots]; or take .svg") from fault
    figure: Any = Figure(figsize=(WIDTH / 100, HEIGHT / 100), layout="constrained")
    axes = figure.add_subplot()
    edges = np.arange(len(curves.base) + 1) * curves.slot_h
    axes.stairs(curves.base, edges, fill=True, color=GREY, label=curves.names[0])
    axes.stairs(curves.load, edges, baseline=curves.base, fill=True, color=TEAL, label=curves.names[1])
    if curves.storage is not None:
        axes.stairs(curves.storage, edges, fill=True, color=VIOLET, alpha=THROUGH, label=curves.names[3])
    if curves.unmanaged is not None:
        axes.stairs(curves.unmanaged, edges, color=THIN, label=curves.names[4], baseline=None)
    if curves.grid is not None:
        axes.stairs(curves.grid, edges, color=DARK, linewidth=1.5, label=curves.names[5], baseline=None)
    axes.stairs(curves.known_cap(), edges, color=RED, linewidth=2, label=curves.names[2], baseline=None)
    axes.set(xlabel="h", ylabel="kW")
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=6, frameon=False)
    figure.savefig(file, dpi=150)
