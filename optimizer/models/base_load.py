"""The load that nobody controls: typical days from history, and other lengths of slot.

A typical day is the mean (or a quantile) over past days of the same interval; which days are alike is the caller's
choice. Changing the length of slots keeps the energy of every stretch of time exactly.
"""

from __future__ import annotations

import numpy as np

from optimizer.arrays import FloatArray


def profile(history_kw: FloatArray, quantile: float | None = None) -> FloatArray:
    """The typical day [T] of past days [D, T]: the mean, or a quantile (0.9: exceeded on one day of ten).

    Intervals that are missing (NaN) on a day are left out; ValueError when one is missing on all days.
    """
    history = np.atleast_2d(history_kw)
    if np.isnan(history).all(axis=0).any():
        raise ValueError("history: an interval is missing on every day")
    found = np.nanmean(history, axis=0) if quantile is None else np.nanquantile(history, quantile, axis=0)
    return np.asarray(found, dtype=np.float64)


def resampled(power_kw: FloatArray, slot_h: float, new_slot_h: float) -> FloatArray:
    """Mean powers over slots of another length, energy unchanged; what is left of the last new slot is dropped."""
    energy = np.concatenate([[0.0], np.cumsum(power_kw) * slot_h])
    edges = np.arange(len(energy)) * slot_h
    count = int(np.floor(edges[-1] / new_slot_h + 1e-9))
    wanted = np.interp(np.arange(count + 1) * new_slot_h, edges, energy)
    return np.asarray(np.diff(wanted) / new_slot_h)
