"""How good forecasts were: the measures of the protocol, pooled over all series. Pure; unknown values do not count."""

from __future__ import annotations

from typing import Literal

import numpy as np

from monitor.forecast.panel import Array

Metric = Literal["MAE", "RMSE"]
TINY = 1e-6
"""What the protocol adds to an actual value of nothing before it divides."""


def losses(metric: Metric, truth: Array, forecast: Array) -> Array:
    """What each error costs: its size or its square; NaN where the truth is not known."""
    return np.abs(truth - forecast) if metric == "MAE" else (truth - forecast) ** 2


def measures(truth: Array, forecast: Array) -> dict[str, float]:
    """MAE, RMSE, MedAE (kWh), MAPE, RAE, R2 and EVS; what cannot be said is left out."""
    known = np.isfinite(truth) & np.isfinite(forecast)
    if not known.any():
        return {}
    actual, error = truth[known], (truth - forecast)[known]
    size, around = np.abs(error), actual - actual.mean()
    found = {
        "MAE": size.mean(),
        "RMSE": np.sqrt((error**2).mean()),
        "MedAE": np.median(size),
        "MAPE": (size / np.maximum(np.abs(actual), TINY)).mean(),
    }
    if around.any():
        found["RAE"] = size.sum() / np.abs(around).sum()
        found["R2"] = 1 - (error**2).sum() / (around**2).sum()
        found["EVS"] = 1 - error.var() / actual.var()
    return {name: float(value) for name, value in found.items()}
