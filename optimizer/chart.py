"""A load curve as a few lines of text: base load, charging on top of it, batteries, the cap above."""

from __future__ import annotations

import numpy as np

from optimizer.arrays import FloatArray

HEIGHT = 10
WIDTH_MAX = 96
BASE, CHARGING, CAP, EMPTY = "░", "█", "─", " "
INTO, OUT_OF = "▲", "▽"
"""What goes into batteries stands on top of the load, what comes out of them takes the top of it away."""


def _shrink(values: FloatArray, width: int) -> FloatArray:
    """At most `width` columns, each the largest of the slots behind it."""
    if len(values) <= width:
        return values
    return np.array([part.max() for part in np.array_split(values, width)])


def _row(low: float, step: float, base: FloatArray, load: FloatArray, net: FloatArray, cap: FloatArray) -> str:
    middle = low + step / 2
    signs = np.full(len(base), EMPTY)
    signs[net > middle] = INTO
    signs[load > middle] = CHARGING
    signs[base > middle] = BASE
    signs[(load > middle) & (net <= middle)] = OUT_OF
    signs[(cap >= low) & (cap < low + step)] = CAP
    return "".join(signs)


def chart(
    base_kw: FloatArray,
    load_kw: FloatArray,
    cap_kw: FloatArray,
    width: int = WIDTH_MAX,
    storage_kw: FloatArray | None = None,
) -> list[str]:
    """Lines from the top (kW at the left) down to 0; an infinite cap is not drawn. `storage_kw` above 0 charges."""
    net_kw = load_kw if storage_kw is None else load_kw + storage_kw
    base, load, net, cap = (_shrink(values, width) for values in (base_kw, load_kw, net_kw, cap_kw))
    highest = max(float(load.max()), float(net.max()), 1e-9)
    drawn = cap[np.isfinite(cap) & (cap <= 3.0 * highest)]
    step = max(highest, float(drawn.max(initial=0.0))) / HEIGHT * (1.0 + 1e-9)
    rows = [_row(level * step, step, base, load, net, cap) for level in range(HEIGHT)]
    return [f"{(level + 1) * step:>9.1f} │{rows[level]}" for level in reversed(range(HEIGHT))]
