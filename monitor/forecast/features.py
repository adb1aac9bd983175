"""What a model sees of the past when it says what a step will be. Pure; nothing here looks behind the origin.

A forecast of step t at horizon h has its origin at step t - h, the last one known. Features are [targets, series,
features]: values at the origin and before it ("lags"), the same time of day and of week before the target, means, the
clock, and inputs known in advance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monitor.forecast.panel import Array, Panel, Places

LAGS = 12
"""Look-back of the protocol, steps."""
HARMONICS = 4


class Scale:
    """Each series less its mean, by its deviation, both as in the steps of training."""

    def __init__(self, values: Array) -> None:
        known = np.isfinite(values)
        count = np.maximum(known.sum(axis=0), 1)
        self.mean: Array = np.where(known, values, 0.0).sum(axis=0) / count
        spread = np.sqrt((np.where(known, values - self.mean, 0.0) ** 2).sum(axis=0) / count)
        self.deviation: Array = np.where(spread > 0, spread, 1.0)

    def to(self, values: Array) -> Array:
        """Scaled, NaN as it was."""
        return (values - self.mean) / self.deviation

    def back(self, scaled: Array) -> Array:
        """From scaled to kWh."""
        return scaled * self.deviation + self.mean


def at(values: Array, places: Places) -> Array:
    """[places, series] values at these steps; NaN before the first one."""
    found = values[np.maximum(places, 0)]
    found[places < 0] = np.nan
    return found


def lags(values: Array, targets: Places, horizon: int) -> list[Array]:
    """The origin's value and those of the steps before it."""
    return [at(values, targets - horizon - back) for back in range(LAGS)]


def seasonal_shift(horizon: int, season: int) -> int:
    """The fewest whole seasons, in steps, that lie at or before the origin."""
    return -(-horizon // season) * season


def rich(panel: Panel, scaled: Array, targets: Places, horizon: int) -> list[Array]:
    """Lags, the steps around the same time one and two days and one week before, means, clock and inputs."""
    day = panel.steps_per_day
    shifts = {horizon + back for back in range(LAGS)}
    for season in (seasonal_shift(horizon, day), seasonal_shift(horizon, day) + day, seasonal_shift(horizon, 7 * day)):
        shifts |= {season + side for side in (-1, 0, 1) if season + side >= horizon}
    found = [at(scaled, targets - shift) for shift in sorted(shifts)]
    found += means(scaled, targets, horizon, day)
    found += clock(panel, targets, scaled.shape[1])
    for values in panel.inputs.values():
        found.append(Scale(values).to(values)[targets])
    return found


def means(scaled: Array, targets: Places, horizon: int, day: int) -> list[Array]:
    """Means of the last quarter of a day, day and week; of this time of day on 7 days and of the week in 4 weeks."""
    origins = targets - horizon
    found = [_mean_before(scaled, origins, width) for width in (max(day // 4, 1), day, 7 * day)]
    found += [season_mean(scaled, targets, horizon, season, count) for season, count in ((day, 7), (7 * day, 4))]
    return found


def season_mean(values: Array, targets: Places, horizon: int, season: int, count: int) -> Array:
    """[targets, series] mean of what is known of the same step in the `count` newest seasons before the origin."""
    nearest = seasonal_shift(horizon, season)
    return _known_mean([at(values, targets - nearest - i * season) for i in range(count)])


def clock(panel: Panel, targets: Places, series: int) -> list[Array]:
    """Waves of the time of day, on all days and on those of the weekend, and the day of the week."""
    step = panel.step_of_week[targets]
    weekday = panel.weekday[targets]
    turn = 2 * np.pi * (step % panel.steps_per_day) / panel.steps_per_day
    waves = [wave(turn * n) for n in range(1, HARMONICS + 1) for wave in (np.sin, np.cos)]
    weekend = (weekday >= 5).astype(float)
    days = [(weekday == day).astype(float) for day in range(1, 7)]
    columns = [*waves, *(weekend * wave for wave in waves[:4]), *days]
    return [np.broadcast_to(column[:, None], (len(targets), series)) for column in columns]


def stack(columns: Sequence[Array]) -> Array:
    """[targets, series, features], with the mean, 0, for what is not known."""
    return np.nan_to_num(np.stack(columns, axis=2), copy=False)


def _mean_before(values: Array, ends: Places, width: int) -> Array:
    """Mean of the known ones of `width` values that end at each of `ends`; NaN where there is none."""
    known = np.isfinite(values)
    zero = np.zeros((1, values.shape[1]))
    sums = np.concatenate([zero, np.cumsum(np.where(known, values, 0.0), axis=0)])
    counts = np.concatenate([zero, np.cumsum(known, axis=0)])
    last = np.maximum(ends + 1, 0)
    first = np.maximum(last - width, 0)
    count = counts[last] - counts[first]
    return np.where(count > 0, (sums[last] - sums[first]) / np.maximum(count, 1), np.nan)


def _known_mean(parts: Sequence[Array]) -> Array:
    stacked = np.stack(parts)
    known = np.isfinite(stacked)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, stacked, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
