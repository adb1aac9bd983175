"""Maps of cells as inline SVG, without tiles: nothing is fetched, nobody learns what was looked at. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitor.siting.cells import outline
from monitor.siting.plane import Array, Plane

WIDTH = 640.0
EMPTY = "#f1f3f5"
SEQUENTIAL = ("#deebf7", "#b3d1ea", "#7fb3d9", "#4a90c2", "#2368a2", "#0b3d6e")
DIVERGING = ("#2368a2", "#7fb3d9", "#d6e6f2", "#fbe3d3", "#f3a06c", "#c8511b")
"""From more than is wanted (blue) to wanted and not there (orange): told apart without seeing red and green."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Colours of classes and the numbers between them, one fewer; values below `least` are empty."""

    colours: tuple[str, ...]
    breaks: tuple[float, ...]
    least: float = 0.0

    def class_of(self, values: Array) -> Array:
        """[n] which class each value is of, -1 for empty."""
        found = np.searchsorted(self.breaks, values, side="right")
        return np.where(values > self.least, found, -1)


def sequential(*of: Array) -> Scale:
    """Classes of equal ratio that all of these share, so that their maps can be compared."""
    values = np.concatenate(of)
    values = values[values > 0]
    if not len(values):
        return Scale(SEQUENTIAL, (1.0, 2.0, 5.0, 10.0, 20.0))
    low, high = np.quantile(values, (0.2, 0.98))
    steps = np.geomspace(max(low, high / 1e4), max(high, low * 1.1), len(SEQUENTIAL) - 1)
    return Scale(SEQUENTIAL, _distinct([round_to_one(step) for step in steps]))


def diverging(values: Array) -> Scale:
    """The same number of classes on both sides of nought."""
    sizes = np.abs(values[values != 0])
    far = float(np.quantile(sizes, 0.95)) if len(sizes) else 1.0
    near = float(np.quantile(sizes, 0.6)) if len(sizes) else 0.1
    near, far = _distinct([round_to_one(near), round_to_one(far)])
    return Scale(DIVERGING, (-far, -near, 0.0, near, far), -np.inf)


def round_to_one(value: float) -> float:
    """To one significant digit."""
    power = 10.0 ** np.floor(np.log10(max(abs(value), 1e-9)))
    return float(np.round(value / power) * power)


def _distinct(steps: list[float]) -> tuple[float, ...]:
    found: list[float] = []
    for step in steps:
        found.append(step if not found or step > found[-1] else found[-1] * 1.5)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on a map: an existing site (no label) or a numbered proposal."""

    longitude: float
    latitude: float
    label: str = ""


class Canvas:
    """The frame that all maps of a report share."""

    def __init__(self, cells: Sequence[str]) -> None:
        self._outlines = [outline(cell) for cell in cells]
        corners = np.vstack(self._outlines)
        self._plane = Plane.about(corners[:, 0], corners[:, 1])
        places = self._plane.km(corners[:, 0], corners[:, 1])
        self._low, high = places.min(axis=0), places.max(axis=0)
        self.span_km = high - self._low
        self.ratio = WIDTH / float(self.span_km[0])
        self.height = float(self.span_km[1]) * self.ratio
        self._size = max(1.0, self.height / WIDTH)  # a tall map is shown smaller: its marks are drawn larger

    def _points(self, degrees: Array) -> Array:
        places = (self._plane.km(degrees[:, 0], degrees[:, 1]) - self._low) * self.ratio
        return np.column_stack([places[:, 0], self.height - places[:, 1]])

    def draw(self, values: Array, scale: Scale, marks: Sequence[Mark], title: str) -> str:
        """One map; `title` is what a screen reader says of it."""
        head = (
            f'<svg class="map" viewBox="0 0 {WIDTH:.0f} {self.height + 26:.0f}" role="img" aria-label="{title}" '
            'xmlns="http://www.w3.org/2000/svg">'
        )
        return "".join([head, *self._hexagons(values, scale), *self._marks(marks), self._bar(), "</svg>"])

    def _hexagons(self, values: Array, scale: Scale) -> list[str]:
        """One path for each class."""
        found = []
        classes = scale.class_of(values)
        for number, colour in enumerate((EMPTY, *scale.colours), start=-1):
            rows = np.flatnonzero(classes == number)
            path = "".join(self._path(self._outlines[row]) for row in rows)
            if path:
                found.append(f'<path class="cell" fill="{colour}" d="{path}"/>')
        return found

    def _path(self, degrees: Array) -> str:
        corners = self._points(degrees)
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in corners) + "Z"

    def _marks(self, marks: Sequence[Mark]) -> list[str]:
        found = []
        for mark in marks:
            ((x, y),) = self._points(np.array([[mark.longitude, mark.latitude]]))
            if mark.label:
                radius, size, down = 9 * self._size, 10 * self._size, y + 3.6 * self._size
                found.append(
                    f'<circle class="pick" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'
                    f'<text class="pick" style="font-size:{size:.1f}px" x="{x:.1f}" y="{down:.1f}">{mark.label}</text>'
                )
            else:
                found.append(f'<circle class="site" cx="{x:.1f}" cy="{y:.1f}" r="{1.3 * self._size:.1f}"/>')
        return found

    def _bar(self) -> str:
        """A scale bar and north."""
        km = max((step for step in (0.5, 1, 2, 5, 10, 20, 50) if step <= self.span_km[0] / 4), default=0.5)
        y, length = self.height + 14, km * self.ratio
        return (
            f'<path class="bar" d="M4 {y - 4:.0f}V{y:.0f}H{4 + length:.1f}V{y - 4:.0f}"/>'
            f'<text class="bar" x="{10 + length:.1f}" y="{y + 1:.0f}">{km:g} km</text>'
            f'<text class="bar" x="{WIDTH - 30:.0f}" y="{y + 1:.0f}">N ↑</text>'
        )
