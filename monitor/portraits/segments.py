"""Groups of subjects that resemble each other, as probabilities: a Gaussian mixture, its size by BIC. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from monitor.portraits.facts import Array

GROUPS_MAX = 6
STARTS = 5
CLEARLY = 10.0
"""How much lower BIC has to be for one more group: "very strong" evidence in Kass and Raftery's words."""
SUBJECTS_FOR_A_GROUP = 20
MEMBERS_MIN = 10.0
WIDTH_MIN = 0.05
"""Least variance of a group, that of all being 1: subjects who did the same by chance are no group."""
SURE_MIN = 0.85
"""How sure the mean subject must be of its group: groups that cannot be told apart are one with an odd shape."""


@dataclass(frozen=True)
class Segments:
    """`chances` [subjects, groups]; groups are ordered from the largest; `bic` of 1, 2, ... groups."""

    chances: Array
    bic: tuple[float, ...]

    @property
    def count(self) -> int:
        """How many groups."""
        return int(self.chances.shape[1])


def segments(features: Array, seed: int = 0) -> Segments:
    """Groups of [subjects, features]. One group where there is no structure, or too few subjects to tell."""
    spread = features.std(axis=0)
    columns = (features - features.mean(axis=0))[:, spread > 1e-6] / spread[spread > 1e-6]
    most = min(GROUPS_MAX, len(columns) // SUBJECTS_FOR_A_GROUP)
    if most < 2 or not columns.shape[1]:
        return Segments(np.ones((len(features), 1)), ())
    with threadpool_limits(limits=1):
        fitted = [
            GaussianMixture(count, covariance_type="full", n_init=STARTS, reg_covar=WIDTH_MIN, random_state=seed).fit(
                columns
            )
            for count in range(1, most + 1)
        ]
        bic = tuple(float(model.bic(columns)) for model in fitted)
        best = 0
        for place in range(1, most):
            if bic[place] < bic[best] - CLEARLY and _tells_apart(fitted[place], columns):
                best = place
        chances = np.asarray(fitted[best].predict_proba(columns))
    return Segments(chances[:, np.argsort(-chances.sum(axis=0), kind="stable")], bic)


def _tells_apart(model: GaussianMixture, columns: Array) -> bool:
    chances = model.predict_proba(columns)
    return bool(chances.max(axis=1).mean() >= SURE_MIN and chances.sum(axis=0).min() >= MEMBERS_MIN)
