"""A load curve as a few lines of text: base load, charging on top of it, the cap above."""

from __future__ import annotations

import numpy as np

from optimizer.arrays import FloatArray

HEIGHT = 10
WIDTH_MAX = 96
BASE, CHARGING, CAP, EMPTY = "░", "█", "─", " "


def _shrink(values: FloatArray, width: int) -> FloatArray:
    """At most `width` columns, each the largest of the slots behind it."""
    if len(values) <= width:
        return values
    return np.array([part.max() for part in np.array_split(values, width)])


def _row(low: float, step: float, base: FloatArray, load: FloatArray, cap: FloatArray) -> str:
    middle = low + step / 2
    signs = np.full(len(base), EMPTY)
    signs[load > middle] = CHARGING
    signs[base > middle] = BASE
    signs[(cap >= low) & (cap < low + step)] = CAP
    return "".join(signs)


def chart(base_kw: FloatArray, load_kw: FloatArray, cap_kw: FloatArray, width: int = WIDTH_MAX) -> list[str]:
    """Lines from the top (kW at the left) down to 0; an infinite cap is not drawn."""
    base, load, cap = (_shrink(values, width) for values in (base_kw, load_kw, cap_kw))
    drawn = cap[np.isfinite(cap) & (cap <= 3.0 * max(float(load.max()), 1e-9))]
    top = max(float(load.max()), float(drawn.max(initial=0.0)), 1e-9)
    step = top / HEIGHT * (1.0 + 1e-9)
    rows = [_row(level * step, step, base, load, cap) for level in range(HEIGHT)]
    return [f"{(level + 1) * step:>9.1f} │{rows[level]}" for level in reversed(range(HEIGHT))]
