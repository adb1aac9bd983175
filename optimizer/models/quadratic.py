"""What a generator and a flexible load have in common: a convex cost a E² + b E + c between two limits per slot."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from optimizer.arrays import FloatArray


def checked_limits(name: str, a: float, low: ArrayLike, high: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """The limits as arrays; ValueError unless a >= 0 and low <= high, all finite."""
    lowest, highest = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    if not (np.isfinite(a) and a >= 0.0):
        raise ValueError(f"{name}: a must not be negative (the cost would not be convex), got {a}")
    if not (np.isfinite(lowest).all() and np.isfinite(highest).all() and (lowest <= highest).all()):
        raise ValueError(f"{name}: limits must be finite and the lower one not above the upper one")
    return lowest, highest


def value(a: float, b: float, c: float, energy: FloatArray) -> FloatArray:
    """a E² + b E + c."""
    return np.asarray((a * energy + b) * energy + c, dtype=np.float64)


def energy_at(a: float, b: float, price: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """What minimises a E² + (b − price) E between the limits: (price − b) / 2a; all or nothing for a = 0."""
    over = price - b
    wanted = over / (2.0 * a) if a > 0 else np.where(over > 0, np.inf, -np.inf)
    return np.asarray(np.clip(wanted, low, high), dtype=np.float64)
