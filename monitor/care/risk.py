"""How likely an area is overloaded in the coming week, how much, and what that does to the transformer. Pure.

The forecast of a quarter-hour is the one that is given, else the mean of the same quarter-hour of up to four weeks. A
forecast may reach the first days of the week only: then these days have it and the others the mean.
Its days are moved to the peak that its past peaks were followed by (a line through forecast and actual peaks, slope 0
to 1): a forecast that knows nothing of a day is so drawn to the mean. What errors are left is counted, those of whole
days kept together: the chance of a day is that of its peak (split conformal), as its quarter-hours go wrong together.
Of a forecast too new to have a past its own band counts, as that of a normal error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from monitor.care.areas import STEP_MIN, WEEK, WEEKS_MIN, Area, FloatArray, Loads
from monitor.warehouse.thermal import ALARM, WARNING, exceedance, heated, overloads, shipped_transformers

DAY = 96
DAYS = WEEK // DAY
STEP_H = STEP_MIN / 60.0
KNOWN_SHARE_MIN = 0.9
"""Share of a day that must be known for it to count, and of a coming day that a forecast must cover."""
WEEKS_OF_A_MEAN = 4
DAYS_MIN = 6
BAND_SHARE = 0.95
"""The upper end of a stored band is exceeded by one of twenty."""
DRAWS = (np.arange(41) + 0.5) / 41


class TooShort(ValueError):
    """The loads of an area are not enough to say anything."""


@dataclass(frozen=True, eq=False, slots=True)
class Errors:
    """What is left of a forecast (actual − forecast): of quarter-hours and of days' peaks, kW; and where it is from:
    `weeks` before, past `forecasts`, or the `band` that the forecast itself names.
    """

    quarter_kw: FloatArray
    peak_kw: FloatArray
    source: str


@dataclass(frozen=True, eq=False, slots=True)
class Outlook:
    """The coming week [672]: forecast, the part of it that is charging, and the errors of each of its days."""

    forecast_kw: FloatArray
    charging_kw: FloatArray
    errors: tuple[Errors, ...]
    ambient_c: FloatArray

    @property
    def sources(self) -> tuple[str, ...]:
        """Where each day's forecast and errors are from."""
        return tuple(one.source for one in self.errors)

    @property
    def naive(self) -> bool:
        """Whether no forecast was given."""
        return set(self.sources) == {"weeks"}


@dataclass(frozen=True, slots=True)
class Risk:
    """`days_over`: expected number of days of the week above the rating, `day_worst`: chance of the worst one,
    `chances` of each; `over_kwh`: expected energy above it. `warnings`, `alarms`: of the past. `hot_spot_c`,
    `life_used_h`: of the week as forecast (168 h are as made for); `assumed`: what was.
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
    chances: tuple[float, ...] = ()


def outlook(loads: Loads) -> Outlook:
    """What comes. Raises TooShort for less than two weeks."""
    past = len(loads.load_kw)
    if past < WEEKS_MIN * WEEK:
        raise TooShort(f"{past} quarter-hours are known, {WEEKS_MIN * WEEK} are needed")
    given, usual = _given(loads), _usual(loads)
    told = _days_told(given[past:])
    near = _near(loads, given, usual, told) if told else None
    coming, later = _part(loads, usual, "weeks") if near is None or told < DAYS else near
    errors = [later] * DAYS
    charging = _filled(np.nan_to_num(loads.charging_kw, nan=0.0))[-WEEK:]
    if near is not None:
        coming = np.concatenate([near[0][: told * DAY], coming[told * DAY :]])
        errors[:told] = [near[1]] * told
        charging = _charging(loads, charging, told)
    ambient = np.full(WEEK, np.nan)
    ambient[: len(loads.ambient_c) - past] = loads.ambient_c[past : past + WEEK]
    return Outlook(coming, np.minimum(np.maximum(charging, 0.0), coming), tuple(errors), ambient)


def _given(loads: Loads) -> FloatArray:
    """The forecast for the past and the coming week [T + 672], NaN where there is none."""
    given = np.full(len(loads.load_kw) + WEEK, np.nan)
    given[: min(len(loads.forecast_kw), len(given))] = loads.forecast_kw[: len(given)]
    return given


def _usual(loads: Loads) -> FloatArray:
    """Means of weeks before, for the past and the coming week [T + 672]."""
    load = np.concatenate([_filled(loads.load_kw), np.full(WEEK, np.nan)])
    before = np.stack([_later(load, n * WEEK) for n in range(1, WEEKS_OF_A_MEAN + 1)])
    counts = np.isfinite(before).sum(axis=0)
    return np.where(counts > 0, np.nansum(before, axis=0) / np.maximum(counts, 1), np.nan)


def _days_told(coming: FloatArray) -> int:
    """How many of the first days of the week are forecast."""
    covered = np.isfinite(coming).reshape(DAYS, DAY).mean(axis=1) >= KNOWN_SHARE_MIN
    return DAYS if covered.all() else int(covered.argmin())


def _near(loads: Loads, given: FloatArray, usual: FloatArray, told: int) -> tuple[FloatArray, Errors] | None:
    """The coming week by the forecast, and its errors: those that it made, else those that it names, else none."""
    past = len(loads.load_kw)
    given[past:] = np.where(np.isfinite(given[past:]), given[past:], usual[past:])
    try:
        return _part(loads, given, "forecasts")
    except TooShort:
        if loads.above_kw is None:
            return None
        above = loads.above_kw[past : past + told * DAY]
        if not np.isfinite(above).any():
            return None
        peak = int(np.argmax(given[past : past + len(above)]))
        widest = float(above[peak]) if np.isfinite(above[peak]) else float(np.nanmax(above))
        errors = widest / float(ndtri(BAND_SHARE)) * ndtri(DRAWS)
        return np.maximum(given[past:], 0.0), Errors(errors, errors, "band")


def _part(loads: Loads, forecast: FloatArray, source: str) -> tuple[FloatArray, Errors]:
    """The coming week by a forecast [T + 672], and the errors that it made. Raises TooShort."""
    past = len(loads.load_kw)
    actual = np.concatenate([loads.load_kw, np.full(len(forecast) - past, np.nan)])
    actual_days, forecast_days = (values[past % DAY :].reshape(-1, DAY) for values in (actual, forecast))
    known = np.isfinite(actual_days - forecast_days).mean(axis=1) >= KNOWN_SHARE_MIN
    if known.sum() < DAYS_MIN:
        raise TooShort("too few days have both loads and forecasts")
    moved, spread = _recalibrated(actual_days[known], forecast_days[known], forecast_days)
    errors = (actual_days - moved)[known] * spread
    peaks = spread * (np.nanmax(actual_days[known], axis=1) - np.nanmax(moved[known], axis=1))
    return np.maximum(moved.ravel()[-WEEK:], 0.0), Errors(errors[np.isfinite(errors)], peaks, source)


def _charging(loads: Loads, before: FloatArray, told: int) -> FloatArray:
    """The charging that is forecast, where it is; else that of the week before."""
    if loads.charging_to_come_kw is None:
        return before
    found, expected = before.copy(), loads.charging_to_come_kw[: told * DAY]
    found[: len(expected)] = np.where(np.isfinite(expected), expected, before[: len(expected)])
    return found


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
    days = list(zip(of.forecast_kw.reshape(-1, DAY), of.errors, strict=True))
    chance = np.array([float(exceedance(day.max(), errors.peak_kw, limit)) for day, errors in days])
    over = np.array([np.maximum(day[:, None] + errors.quarter_kw[None, :] - limit, 0.0).mean(axis=1).sum()
                     for day, errors in days])  # fmt: skip
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
        chances=tuple(map(float, chance)),
    )


def planned_kw(of: Outlook, level: float) -> FloatArray:
    """The forecast with so much on top that days' peaks stay below it with probability `level`."""
    above = [max(float(np.quantile(one.peak_kw, level)), 0.0) for one in of.errors]
    return np.asarray(np.maximum(of.forecast_kw, 0.0) + np.repeat(above, DAY))


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
