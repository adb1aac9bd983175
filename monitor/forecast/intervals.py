"""Intervals that keep their promise while the world drifts: adaptive conformal inference, for each series. Pure.

I. Gibbs and E. Candes, Adaptive conformal inference under distribution shift, NeurIPS 2021. The half width is a
quantile of the sizes of past errors; which one follows from how often the truth fell outside:
share <- share + STEP * (miss_rate - missed). An error counts once its truth is known, `horizon` steps after the origin.

Many series stand still for days, and a forecast that is exactly right is held by an interval of any width: counted so,
such a series is never missed, its share rises without end, and when it wakes up its intervals stay at nothing for as
many misses as it took to get there. So a miss is counted as in a smoothed conformal predictor (V. Vovk, A. Gammerman
and G. Shafer, Algorithmic Learning in a Random World, 2005, section 2.4): of errors that are equally large, as many
are missed as the share has room for. By that count, and not by the closed interval, exactly `share` of exchangeable
errors are missed.
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
    """[steps, series] half widths, kWh, and how much of each truth is missed: 0 held, 1 outside, between them one of
    several equal errors; NaN: nothing can be promised, or the truth is not known.
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
        missed[step] = _missed(known, sizes[step], share)
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


def _missed(sizes: Array, size: Array, share: Array) -> Array:
    """[series] how much of an error of this `size` is missed at this share.

    Its p-value is uniform between (greater ones) and (greater and equal ones, itself among them) of n + 1.
    """
    count = np.isfinite(sizes).sum(axis=0)
    greater, equal = (sizes > size).sum(axis=0), (sizes == size).sum(axis=0)
    part = np.clip((share * (count + 1) - greater) / (equal + 1), 0.0, 1.0)
    return np.where((count > 0) & np.isfinite(size), part, np.nan)
