"""The curve as text: every sign at its height."""

from __future__ import annotations

import numpy as np

from optimizer.chart import BASE, CAP, CHARGING, HEIGHT, INTO, OUT_OF, chart


def columns(lines: list[str]) -> list[str]:
    """The drawing turned by 90 degrees, bottom first."""
    return ["".join(signs) for signs in zip(*(line.split("│")[1] for line in reversed(lines)), strict=True)]


def test_base_charging_and_cap() -> None:
    lines = chart(np.array([5.0, 5.0]), np.array([5.0, 8.0]), np.array([10.0, np.inf]))
    first, second = columns(lines)
    assert first == BASE * 5 + " " * 4 + CAP
    assert second == BASE * 5 + CHARGING * 3 + "  "
    assert len(lines) == HEIGHT
    assert lines[0].strip().startswith("10.0")


def test_batteries_stand_on_the_load_or_take_of_it() -> None:
    one = np.ones(2)
    lines = chart(4.0 * one, 6.0 * one, np.full(2, np.inf), storage_kw=np.array([4.0, -3.0]))
    first, second = columns(lines)
    assert first == BASE * 4 + CHARGING * 2 + INTO * 4
    assert second == BASE * 3 + OUT_OF * 3 + " " * 4


def test_long_horizons_keep_their_peaks() -> None:
    load = np.ones(1000)
    load[777] = 10.0
    lines = chart(np.zeros(1000), load, np.full(1000, 1e6), width=50)
    assert len(columns(lines)) == 50
    assert sum(column == CHARGING * HEIGHT for column in columns(lines)) == 1


def test_nothing_to_draw() -> None:
    zero = np.zeros(1)
    assert columns(chart(zero, zero, np.full(1, np.inf))) == [" " * HEIGHT]
