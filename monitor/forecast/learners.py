"""Learners from scikit-learn behind the interface of models: gradient boosting and a small neural network.

One model for all series of a panel, in units of each series' deviation, on the rich features. It learns the value or,
with absolute error, the step from the last value: its median is often no step at all.
Pure: chance is seeded. One thread: beside a server, several wait for each other.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits

from monitor.forecast.features import Scale, rich, stack
from monitor.forecast.models import floor_of, last_known
from monitor.forecast.panel import Array, Panel, Places


@dataclass(frozen=True)
class Learner:
    """`kind`: "squares" or "median" of boosted trees, or "network"."""

    name: str
    kind: str
    seed: int = 0

    def fit(self, panel: Panel, targets: Places, horizon: int) -> FittedLearner:
        """See Model."""
        fitted = FittedLearner(
            horizon, self.kind == "median", Scale(panel.values[targets]), floor_of(panel, targets), self._made()
        )
        rows, base = fitted.rows(panel, targets)
        truth = (fitted.scale.to(panel.values[targets]) - base).reshape(-1)
        known = np.isfinite(truth)
        with threadpool_limits(limits=1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the network stops after its epochs on purpose
            fitted.engine.fit(rows[known], truth[known])
        return fitted

    def _made(self) -> Any:
        if self.kind == "network":
            return MLPRegressor(
                hidden_layer_sizes=(32,), batch_size=1024, max_iter=30, alpha=1e-3, random_state=self.seed, tol=0.0
            )
        loss = "absolute_error" if self.kind == "median" else "squared_error"
        return HistGradientBoostingRegressor(loss=loss, max_iter=100, early_stopping=False, random_state=self.seed)


@dataclass(frozen=True)
class FittedLearner:
    """A learner that has learned; never below `floor`, kWh."""

    horizon: int
    from_last: bool
    scale: Scale
    floor: Array
    engine: Any

    def rows(self, panel: Panel, targets: Places) -> tuple[Array, Array]:
        """[targets * series, features], and [targets, series] what the learned step is added to, scaled."""
        scaled = self.scale.to(panel.values)
        columns = stack(rich(panel, scaled, targets, self.horizon))
        size = np.broadcast_to(np.log1p(np.abs(self.scale.mean)), columns.shape[:2])[:, :, None]
        rows = np.concatenate([columns, size], axis=2).reshape(-1, columns.shape[2] + 1)
        last = self.scale.to(last_known(panel.values, targets - self.horizon))
        return rows, last if self.from_last else np.zeros_like(last)

    def predict(self, panel: Panel, targets: Places) -> Array:
        """See Fitted."""
        rows, base = self.rows(panel, targets)
        with threadpool_limits(limits=1):
            found = self.engine.predict(rows).reshape(base.shape) + base
        return np.maximum(self.scale.back(found), self.floor)
