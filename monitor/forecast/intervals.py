"""Intervals that keep their promise while the world drifts: adaptive conformal inference, for each series. Pure.

I. Gibbs and E. Candes, Adaptive conformal inference under distribution shift, NeurIPS 2021. The half width is a
quantile of the sizes of past errors; which one follows from how often the truth fell outside:
share <- share + STEP * (miss_rate - missed). An error counts once its truth is known, `horizon` steps after the origin.
"""

from __future__ import annotations

import numpy as np

from monitor.forecast.panel import Array

STEP = 0.02
NOMINAL = 0.9
WINDOW_DAYS = 28
"""Errors older than that are forgotten."""


def half_widths(past_errors: Array, errors: Array, horizon: int, window: int, nominal: float = NOMINAL) -> Array:
    """[steps, series] half widths for `errors` [steps, series] (truth less forecast), in kWh.

    `past_errors` [calibration steps, series] were known before; at step t those of `errors` up to t - horizon are.
    Where no error is known the width is NaN: nothing can be promised.
    """
    sizes = np.abs(np.concatenate([past_errors, errors]))
    first = len(past_errors)
    miss = 1.0 - nominal
    share = np.full(errors.shape[1], miss)
    found = np.full(errors.shape, np.nan)
    for step in range(len(errors)):
        origin = first + step - horizon
        found[step] = _quantiles(sizes[max(origin + 1 - window, 0) : origin + 1], 1.0 - share)
        if step >= horizon:
            missed = sizes[origin] > found[step - horizon]
            told = np.isfinite(sizes[origin]) & np.isfinite(found[step - horizon])
            share = np.where(told, share + STEP * (miss - missed), share)
    return found


def _quantiles(sizes: Array, wanted: Array) -> Array:
    """[series] of each column its own quantile of the known sizes, with the correction (n + 1) / n of split conformal.

    Above 1 the greatest size, beneath 0 none.
    """
    count = np.isfinite(sizes).sum(axis=0)
    ordered = np.sort(sizes, axis=0)
    place = np.clip(np.ceil((count + 1) * wanted).astype(np.intp) - 1, -1, count - 1)
    if not len(ordered):
        return np.full(len(wanted), np.nan)
    found = np.take_along_axis(ordered, np.maximum(place, 0)[None], axis=0)[0]
    return np.where(count == 0, np.nan, np.where(place < 0, 0.0, found))
