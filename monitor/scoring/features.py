"""Indicators made comparable: logarithm where skewed, pulled to the mean where data are few, greater is better. Pure.

    y = sign · ln(max(x, log_from)) or sign · x
    shrunk = w · y + (1 − w) · mean,   w = samples / (samples + prior),   mean = Σ w y / Σ w

`prior` is published and fixed, not estimated: so an operator that improves a figure never falls behind another by it
(its own value moves by at least as much as the mean carries the others'). Both steps follow a change of unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.scoring.scheme import Indicator, Scheme

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Figures:
    """Values [operators, indicators], NaN where unknown, and the samples behind each."""

    operators: tuple[str, ...]
    values: FloatArray
    samples: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Features:
    """Shrunk values [operators, indicators], greater is better; `known`: where there was data."""

    operators: tuple[str, ...]
    shrunk: FloatArray
    known: NDArray[np.bool_]


def features(given: Figures, scheme: Scheme) -> Features:
    """Aligned and shrunk; an indicator of which nobody knows anything is 0 for all."""
    columns = [_shrunk(given, place, one) for place, one in enumerate(scheme.indicators.values())]
    known = np.isfinite(given.values) & (given.samples > 0)
    return Features(given.operators, np.column_stack(columns), known)


def aligned(values: FloatArray, of: Indicator) -> FloatArray:
    """Greater is better, skewness taken out."""
    even = values if of.log_from is None else np.log(np.maximum(values, of.log_from))
    return np.asarray(even if of.better == "more" else -even)


def restored(aligned_value: float, of: Indicator) -> float:
    """The value in its unit that `aligned` made this of."""
    even = aligned_value if of.better == "more" else -aligned_value
    return float(even if of.log_from is None else np.exp(even))


def _shrunk(given: Figures, place: int, of: Indicator) -> FloatArray:
    values, samples = given.values[:, place], given.samples[:, place]
    known = np.isfinite(values) & (samples > 0)
    trust = np.where(known, samples / (samples + of.prior), 0.0)
    if not known.any():
        return np.zeros(len(values))
    even = np.where(known, aligned(np.where(known, values, 1.0), of), 0.0)
    mean = float(trust @ even / trust.sum())
    return np.asarray(trust * even + (1.0 - trust) * mean)


def scaled(shrunk: FloatArray) -> FloatArray:
    """Columns by median and interquartile range; those that tell nobody apart (range 0) are left out."""
    low, middle, high = np.percentile(shrunk, [25, 50, 75], axis=0)
    telling = high - low > 1e-12 * np.maximum(np.abs(middle), 1.0)
    return np.asarray((shrunk - middle)[:, telling] / (high - low)[telling])
