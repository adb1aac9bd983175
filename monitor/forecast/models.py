"""Models of load behind one interface: naive ones and ridge regressions in numpy. Pure.

A model is fitted for one horizon to all series of a panel at once and answers for any targets: [targets, series] kWh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from monitor.forecast.features import Scale, lags, rich, season_mean, seasonal_shift, stack
from monitor.forecast.panel import Array, Panel, Places

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Ridge strengths that are tried, per row of training (features are of about unit variance)."""
HELD_OUT = 9
"""One in so many rows, the latest, says which strength serves best: the proportion of validation to training."""


class Fitted(Protocol):
    """A model that has learned."""

    def predict(self, panel: Panel, targets: Places) -> Array:
        """[targets, series] kWh, from nothing behind `target - horizon`."""
        ...


class Model(Protocol):
    """A way to forecast."""

    @property
    def name(self) -> str:
        """The word for it in registries and tables."""
        ...

    def fit(self, panel: Panel, targets: Places, horizon: int) -> Fitted:
        """Learn what these targets were, as seen from `horizon` steps before each."""
        ...


@dataclass(frozen=True)
class LastSeason:
    """What was `season` steps before the target, or as many seasons as lie before the origin; with 1 the last value.

    Where that is not known, the last value that is.
    """

    name: str
    days: int
    horizon: int = 0

    def fit(self, panel: Panel, targets: Places, horizon: int) -> LastSeason:
        """There is nothing to learn."""
        return LastSeason(self.name, self.days, horizon)

    def predict(self, panel: Panel, targets: Places) -> Array:
        """See Fitted."""
        season = self.days * panel.steps_per_day or 1
        places = targets - seasonal_shift(self.horizon, season)
        found = np.where((places >= 0)[:, None], panel.values[np.maximum(places, 0)], np.nan)
        return np.where(np.isfinite(found), found, last_known(panel.values, targets - self.horizon))


@dataclass(frozen=True)
class SeasonMean:
    """The mean of the same time on the `count` newest days, or of so many weeks, before the origin.

    Where none of them is known, the last value that is.
    """

    name: str
    days: int
    count: int
    horizon: int = 0

    def fit(self, panel: Panel, targets: Places, horizon: int) -> SeasonMean:
        """There is nothing to learn."""
        return SeasonMean(self.name, self.days, self.count, horizon)

    def predict(self, panel: Panel, targets: Places) -> Array:
        """See Fitted."""
        found = season_mean(panel.values, targets, self.horizon, self.days * panel.steps_per_day, self.count)
        return np.where(np.isfinite(found), found, last_known(panel.values, targets - self.horizon))


def last_known(values: Array, ends: Places) -> Array:
    """[ends, series] the newest known value at or before each end; 0 where there is none."""
    steps = np.arange(len(values))[:, None]
    newest = np.maximum.accumulate(np.where(np.isfinite(values), steps, -1), axis=0)[np.maximum(ends, 0)]
    found = np.take_along_axis(values, np.maximum(newest, 0), axis=0)
    return np.where((newest >= 0) & (ends >= 0)[:, None], found, 0.0)


@dataclass(frozen=True)
class Ridge:
    """Least squares with shrinkage, of each series by itself: sum (y - xw)^2 + strength * rows * |w|^2.

    `far`: with the rich features instead of the lags alone.
    """

    name: str
    far: bool

    def fit(self, panel: Panel, targets: Places, horizon: int) -> FittedRidge:
        """One strength for all series: the one that serves best on the latest rows, by the mean of scaled squares."""
        scale = Scale(panel.values[targets])
        rows = _rows(panel, scale, targets, horizon, self.far)
        truth = scale.to(panel.values[targets])
        cut = len(targets) - len(targets) // HELD_OUT
        tried = _solve(rows[:, :cut], truth[:cut], STRENGTHS)
        held = truth[cut:]
        known = np.isfinite(held)
        errors = [np.where(known, held - _apply(rows[:, cut:], weights), 0.0) for weights in tried]
        best = STRENGTHS[int(np.argmin([np.mean(error**2) for error in errors]))]
        return FittedRidge(horizon, self.far, scale, _solve(rows, truth, (best,))[0], floor_of(panel, targets))


@dataclass(frozen=True)
class FittedRidge:
    """Weights [series, features]; never below `floor`, kWh."""

    horizon: int
    far: bool
    scale: Scale
    weights: Array
    floor: Array

    def predict(self, panel: Panel, targets: Places) -> Array:
        """See Fitted."""
        rows = _rows(panel, self.scale, targets, self.horizon, self.far)
        return np.maximum(self.scale.back(_apply(rows, self.weights)), self.floor)


def floor_of(panel: Panel, targets: Places) -> Array:
    """[series] the least that can be: 0, or what was less than that where energy flows back."""
    seen = panel.values[targets]
    return np.asarray(np.where(np.isfinite(seen), seen, 0.0).min(axis=0, initial=0.0))


def blend(parts: Sequence[Array]) -> Array:
    """The plain mean of several forecasts."""
    return np.asarray(np.mean(np.stack(parts), axis=0))


def _rows(panel: Panel, scale: Scale, targets: Places, horizon: int, far: bool) -> Array:
    """[series, targets, features], with a column of ones at the end."""
    scaled = scale.to(panel.values)
    columns = rich(panel, scaled, targets, horizon) if far else lags(scaled, targets, horizon)
    ones = np.ones((len(targets), scaled.shape[1]))
    return np.ascontiguousarray(stack([*columns, ones]).transpose(1, 0, 2))


def _solve(rows: Array, truth: Array, strengths: Sequence[float]) -> list[Array]:
    """Weights [series, features] for each strength, by one eigenvalue decomposition of each series."""
    known = np.isfinite(truth).T[:, :, None]
    seen = np.where(known, rows, 0.0)
    values, vectors = np.linalg.eigh(seen.transpose(0, 2, 1) @ seen)
    aim = np.where(known, truth.T[:, :, None], 0.0)
    turned = vectors.transpose(0, 2, 1) @ (seen.transpose(0, 2, 1) @ aim)
    count = known.sum(axis=1).clip(min=1)
    return [(vectors @ (turned / (np.maximum(values, 0.0) + s * count)[:, :, None]))[:, :, 0] for s in strengths]


def _apply(rows: Array, weights: Array) -> Array:
    return (rows @ weights[:, :, None])[:, :, 0].T
