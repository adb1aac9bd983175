"""Intervals that keep their promise while the world drifts: adaptive conformal inference, for each series. Pure.

I. Gibbs and E. Candes, Adaptive conformal inference under distribution shift, NeurIPS 2021. The half width is a
quantile of the sizes of past errors; which one follows from how often the truth fell outside:
share <- share + STEP * (miss_rate - missed). An error counts once its truth is known, `horizon` steps after the origin.

Many series stand still for days, and a forecast that is exactly right is held by an interval of any width: no closed
one can hold less than the share of such truths. Counted as held they would raise the share of such a series without
end, and when it wakes up its intervals would stay at nothing for as many misses as it took to get there. So of errors
of nothing as many count as missed as the share has room for, as in a smoothed conformal predictor (V. Vovk,
A. Gammerman and G. Shafer, Algorithmic Learning in a Random World, 2005, section 2.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.forecast.panel import Array

STEP = 0.02
NOMINAL = 0.9
WINDOW_DAYS = 28
"""Errors older than that are forgotten."""


@dataclass(frozen=True)
class Intervals:
    """[steps, series] half widths, kWh, and what counted as missed: 1 a truth outside, 0 one that is held, between them
    one that was forecast exactly; NaN: nothing can be promised, or the truth is not known.
    """

    half_kwh: Array
    missed: Array


def intervals(past_errors: Array, errors: Array, horizon: int, window: int, nominal: float = NOMINAL) -> Intervals:
    """For `errors` [steps, series] (truth less forecast, kWh).

    `past_errors` [steps, series] were known before: the older half says how large errors are, on the newer one the
    share begins to follow. At step t those of `errors` up to t - horizon are known, too.
    """
    sizes = np.abs(np.concatenate([past_errors, errors]))
    miss = 1.0 - nominal
    share = np.full(errors.shape[1], miss)
    half_kwh, missed = np.full(sizes.shape, np.nan), np.full(sizes.shape, np.nan)
    for step in range(len(past_errors) // 2, len(sizes)):
        origin = step - horizon
        if origin >= 0:
            share += np.nan_to_num(STEP * (miss - missed[origin]))
        known = sizes[max(origin + 1 - window, 0) : max(origin + 1, 0)]
        half_kwh[step] = _quantiles(known, 1.0 - share)
        missed[step] = _missed(known, sizes[step], half_kwh[step], share)
    return Intervals(half_kwh[len(past_errors) :], missed[len(past_errors) :])


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


def _missed(sizes: Array, size: Array, half_kwh: Array, share: Array) -> Array:
    """[series] how much an error of this `size` counts as missed.

    The p-value of one of nothing is uniform between (greater ones) and (all, itself among them) of n + 1.
    """
    count, greater = np.isfinite(sizes).sum(axis=0), (sizes > 0.0).sum(axis=0)
    exact = np.clip((share * (count + 1) - greater) / (count - greater + 1), 0.0, 1.0)
    found = np.where(size == 0.0, exact, (size > half_kwh).astype(float))
    return np.where((count > 0) & np.isfinite(size), found, np.nan)
