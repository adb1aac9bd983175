"""How likely an area is overloaded in the coming week, how much, and what that does to the transformer. Pure.

The forecast of a quarter-hour is the one that is given, else the mean of the same quarter-hour of up to four weeks.
Its days are moved to the peak that its past peaks were followed by (a line through forecast and actual peaks, slope 0
to 1): a forecast that knows nothing of a day is so drawn to the mean. What errors are left is counted, those of whole
days kept together: the chance of a day is that of its peak (split conformal), as its quarter-hours go wrong together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.care.areas import STEP_MIN, WEEK, WEEKS_MIN, Area, FloatArray, Loads
from monitor.warehouse.thermal import ALARM, WARNING, exceedance, heated, overloads, shipped_transformers

DAY = 96
STEP_H = STEP_MIN / 60.0
KNOWN_SHARE_MIN = 0.9
"""Share of a day that must be known for it to count, and of the coming week that a forecast must cover."""
WEEKS_OF_A_MEAN = 4
DAYS_MIN = 6


class TooShort(ValueError):
    """The loads of an area are not enough to say anything."""


@dataclass(frozen=True, eq=False, slots=True)
class Outlook:
    """The coming week [672]: forecast, the part of it that is charging, errors of the past (actual − forecast) by
    quarter-hour and of days' peaks. `naive`: no forecast was given.
    """

    forecast_kw: FloatArray
    charging_kw: FloatArray
    errors_kw: FloatArray
    peak_errors_kw: FloatArray
    ambient_c: FloatArray
    naive: bool


@dataclass(frozen=True, slots=True)
class Risk:
    """`days_over`: expected number of days of the week above the rating, `day_worst`: chance of the worst one;
    `over_kwh`: expected energy above it. `warnings`, `alarms`: of the past. `hot_spot_c`, `life_used_h`: of the week as
    forecast (168 h are as made for); `assumed`: what was.
    """

    days_over: float
    day_worst: float
    over_kwh: float
    peak_share: float
    warnings: int
    alarms: int
    hot_spot_c: float
    life_used_h: float
    assumed: tuple[str, ...]


def outlook(loads: Loads) -> Outlook:
    """What comes. Raises TooShort for less than two weeks."""
    past = len(loads.load_kw)
    if past < WEEKS_MIN * WEEK:
        raise TooShort(f"{past} quarter-hours are known, {WEEKS_MIN * WEEK} are needed")
    charging = _filled(np.nan_to_num(loads.charging_kw, nan=0.0))
    forecast, naive = _forecast(loads)
    actual = np.concatenate([loads.load_kw, np.full(len(forecast) - past, np.nan)])
    actual_days, forecast_days = (values[past % DAY :].reshape(-1, DAY) for values in (actual, forecast))
    known = np.isfinite(actual_days - forecast_days).mean(axis=1) >= KNOWN_SHARE_MIN
    if known.sum() < DAYS_MIN:
        raise TooShort("too few days have both loads and forecasts")
    moved, spread = _recalibrated(actual_days[known], forecast_days[known], forecast_days)
    errors = (actual_days - moved)[known] * spread
    peaks = spread * (np.nanmax(actual_days[known], axis=1) - np.nanmax(moved[known], axis=1))
    coming = np.maximum(moved.ravel()[-WEEK:], 0.0)
    ambient = np.full(WEEK, np.nan)
    ambient[: len(loads.ambient_c) - past] = loads.ambient_c[past : past + WEEK]
    share = np.minimum(np.maximum(charging[-WEEK:], 0.0), coming)
    return Outlook(coming, share, errors[np.isfinite(errors)], peaks, ambient, naive)


def _forecast(loads: Loads) -> tuple[FloatArray, bool]:
    """For the past and the coming week [T + 672], NaN where there is none; whether it is made of weeks before."""
    past = len(loads.load_kw)
    load = np.concatenate([_filled(loads.load_kw), np.full(WEEK, np.nan)])
    before = np.stack([_later(load, n * WEEK) for n in range(1, WEEKS_OF_A_MEAN + 1)])
    counts = np.isfinite(before).sum(axis=0)
    usual = np.where(counts > 0, np.nansum(before, axis=0) / np.maximum(counts, 1), np.nan)
    given = np.full(past + WEEK, np.nan)
    given[: min(len(loads.forecast_kw), past + WEEK)] = loads.forecast_kw[: past + WEEK]
    told = np.isfinite(given)
    if told[past:].mean() < KNOWN_SHARE_MIN or (told[:past] & np.isfinite(loads.load_kw)).sum() < WEEK:
        return usual, True
    given[past:] = np.where(told[past:], given[past:], usual[past:])
    return given, False


def _later(values: FloatArray, slots: int) -> FloatArray:
    """The same values so many slots later, NaN before."""
    found = np.full(len(values), np.nan)
    found[slots:] = values[: max(len(values) - slots, 0)]
    return found


def _recalibrated(actual: FloatArray, known: FloatArray, every: FloatArray) -> tuple[FloatArray, float]:
    """`every` day moved to the peak that is to be expected by the known ones, and by how much residuals of so few days
    are too small.
    """
    peaks, made = np.nanmax(actual, axis=1), np.nanmax(known, axis=1)
    centred = made - made.mean()
    slope = float(np.clip(centred @ (peaks - peaks.mean()) / max(float(centred @ centred), 1e-12), 0.0, 1.0))
    highest = np.max(np.where(np.isfinite(every), every, -np.inf), axis=1)
    highest = np.where(np.isfinite(highest), highest, made.mean())
    shift = peaks.mean() + slope * (highest - made.mean()) - highest
    return every + shift[:, None], float(np.sqrt(len(peaks) / (len(peaks) - 2)))


def risk(of: Outlook, loads: Loads, area: Area) -> Risk:
    """What threatens an area. Raises KeyError for a kind of transformer that is not known."""
    limit, kind = area.limit_kw, shipped_transformers()[area.transformer]
    days = of.forecast_kw.reshape(-1, DAY)
    chance = exceedance(days.max(axis=1), of.peak_errors_kw, limit)
    over = np.maximum(of.forecast_kw[:, None] + of.errors_kw[None, :] - limit, 0.0).mean(axis=1)
    factor = of.forecast_kw / limit
    warm = heated(np.maximum(factor, 0.0), of.ambient_c, STEP_MIN, kind)
    past = _filled(loads.load_kw) / limit
    return Risk(
        days_over=float(chance.sum()),
        day_worst=float(chance.max()),
        over_kwh=float(over.sum()) * STEP_H,
        peak_share=float(factor.max()),
        warnings=len(overloads(past, STEP_MIN, WARNING)),
        alarms=len(overloads(past, STEP_MIN, ALARM)),
        hot_spot_c=float(warm.hot_spot_c.max()),
        life_used_h=warm.life_used_h,
        assumed=warm.assumed,
    )


def planned_kw(of: Outlook, level: float) -> FloatArray:
    """The forecast with so much on top that days' peaks stay below it with probability `level`."""
    return np.asarray(np.maximum(of.forecast_kw, 0.0) + max(float(np.quantile(of.peak_errors_kw, level)), 0.0))


def _filled(values: FloatArray) -> FloatArray:
    """Gaps by the same quarter-hour a week before or after, else by the median."""
    found = values.copy()
    for other in (np.roll(values, WEEK), np.roll(values, -WEEK)):
        gap = ~np.isfinite(found)
        found[gap] = other[gap]
    gap = ~np.isfinite(found)
    if gap.any():
        found[gap] = np.nanmedian(values) if np.isfinite(values).any() else 0.0
    return found
