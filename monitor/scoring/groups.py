"""Profiles of operators: a diagonal Gaussian mixture, its number of groups by BIC, believed only if it holds. Pure.

A grouping is believed when its groups lie apart (silhouette) and come again in resampled data (adjusted Rand index of
bootstrap fits against the whole). Otherwise there is one group: "no structure". A group names a profile, no score.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.mixture import GaussianMixture

from monitor.scoring.features import FloatArray

GROUPS_MAX = 8
OPERATORS_MIN = 30
"""With fewer operators no grouping is tried."""
PER_GROUP_MIN = 5
"""Mean size of a group below which it is not tried."""
STARTS = 5
RESAMPLES = 20
SILHOUETTE_MIN = 0.25
"""Below it a structure may be artificial (Kaufman and Rousseeuw 1990, p. 88)."""
STABILITY_MIN = 0.8
VARIANCE_MIN = 1e-3
"""Least variance of a feature in a group, in squared interquartile ranges: no group shrinks onto equal values."""


@dataclass(frozen=True, eq=False, slots=True)
class Grouping:
    """`labels` [operators], 0 the largest group; `probability` [operators] of its own group; why there is only one."""

    count: int
    labels: tuple[int, ...]
    probability: tuple[float, ...]
    bic: tuple[float, ...] = ()
    silhouette: float | None = None
    stability: float | None = None
    why: str = ""


def grouped(scaled: FloatArray, seed: int = 0) -> Grouping:
    """The groups of scaled features [operators, features]; the same seed gives the same groups."""
    if len(scaled) < OPERATORS_MIN or scaled.shape[1] == 0:
        return _one(len(scaled), why="too_few")
    most = min(GROUPS_MAX, len(scaled) // PER_GROUP_MIN)
    fits = [_fit(scaled, count, seed) for count in range(1, most + 1)]
    bic = tuple(float(fit.bic(scaled)) for fit in fits)
    best = fits[int(np.argmin(bic))]
    if best.n_components == 1:
        return _one(len(scaled), bic, why="one_is_best")
    labels = best.predict(scaled)
    apart = float(silhouette_score(scaled, labels)) if len(np.unique(labels)) > 1 else 0.0
    stable = _stability(scaled, labels, best.n_components, seed)
    if apart < SILHOUETTE_MIN:
        return _one(len(scaled), bic, apart, stable, "not_apart")
    if stable < STABILITY_MIN:
        return _one(len(scaled), bic, apart, stable, "not_stable")
    return _named(best, scaled, labels, bic, apart, stable)


def _named(
    best: GaussianMixture, scaled: FloatArray, labels: np.ndarray, bic: tuple[float, ...], apart: float, stable: float
) -> Grouping:
    """Groups numbered by size, so that a number means something."""
    sizes = np.bincount(labels, minlength=best.n_components)
    place = np.argsort(np.argsort(-sizes, kind="stable"), kind="stable")
    sure = best.predict_proba(scaled).max(axis=1)
    own = tuple(int(place[label]) for label in labels)
    return Grouping(int(np.count_nonzero(sizes)), own, tuple(map(float, sure)), bic, apart, stable)


def _one(
    operators: int,
    bic: tuple[float, ...] = (),
    apart: float | None = None,
    stable: float | None = None,
    why: str = "",
) -> Grouping:
    return Grouping(1, (0,) * operators, (1.0,) * operators, bic, apart, stable, why)


def _fit(scaled: FloatArray, count: int, seed: int) -> GaussianMixture:
    model = GaussianMixture(
        count, covariance_type="diag", n_init=STARTS, reg_covar=VARIANCE_MIN, max_iter=300, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the best of several starts is judged by what follows
        return model.fit(scaled)


def _stability(scaled: FloatArray, labels: np.ndarray, count: int, seed: int) -> float:
    """Mean agreement of groupings of resampled operators with that of all."""
    rng = np.random.default_rng(seed)
    agreements = []
    for number in range(RESAMPLES):
        drawn = rng.integers(0, len(scaled), len(scaled))
        again = _fit(scaled[drawn], count, seed + number + 1).predict(scaled)
        agreements.append(adjusted_rand_score(labels, again))
    return float(np.mean(agreements))
