"""Bayesian ridge on columns plus a Gaussian process on position. Pure.

y = level + columns w + f(place) + noise, w ~ N(0, ridge / columns), f with a Matérn 3/2 covariance, so that y has the
covariance K = ridge A Aᵀ / d + field M(distance / length) + noise I. The four numbers are found by marginal
likelihood on some of the sites (gradients in closed form), then all sites condition the prediction.

How wide an interval has to be is measured, not believed: each block of sites is predicted from all others, in closed
form (r_B = (K⁻¹_BB)⁻¹ (K⁻¹ y)_B), and the residuals in units of their own deviation are the distribution that is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from monitor.siting.plane import Array, Ints, distances_km

FITTED_ON_MAX = 500
"""The likelihood costs the cube of the sites; more than these change its four numbers by less than their own error."""
ROOT3 = float(np.sqrt(3.0))
LENGTH_KM = (0.3, 30.0)
SHARES = (1e-4, 30.0)
"""Of the variance of y: what ridge, field and noise may be."""
STEPS_MAX = 200


@dataclass(frozen=True, slots=True)
class Scales:
    """Variances of the weights, the field (0: none) and the noise, and how far the field reaches."""

    ridge: float
    field: float
    length_km: float
    noise: float


@dataclass(frozen=True, slots=True)
class SiteModel:
    """A fitted model. `surprises`: sorted residuals of left-out blocks in units of their predicted deviation;
    `log_score`: mean log density that the model gave to what left-out blocks did."""

    scales: Scales
    level: float
    centre: Array
    scale: Array
    columns: Array
    places: Array
    factor: Array
    pull: Array
    surprises: Array
    log_score: float

    def predict(self, columns: Array, places: Array) -> tuple[Array, Array]:
        """Mean and deviation of y at new places, [n, columns] and [n, 2] km; the deviation includes the noise."""
        rows = (columns - self.centre) / self.scale
        shared = _shared(self.scales, rows, self.columns, distances_km(places, self.places))
        own = self.scales.ridge * (rows**2).mean(axis=1) + self.scales.field + self.scales.noise
        explained = np.einsum("ij,ji->i", shared, cho_solve((self.factor, True), shared.T))
        return self.level + shared @ self.pull, np.sqrt(np.maximum(own - explained, 1e-12))

    def quantile(self, mean: Array, deviation: Array, share: float) -> Array:
        """y that is not exceeded with this probability, by the surprises that were measured."""
        return mean + deviation * conformal(self.surprises, share)

    def draws(self, mean: Array, deviation: Array, count: int, seed: int) -> Array:
        """[count, n] values of y. Places are drawn apart from each other: their noise is their own."""
        rng = np.random.default_rng(seed)
        return np.asarray(mean + deviation * rng.choice(self.surprises, size=(count, len(mean))))


def conformal(surprises: Array, share: float) -> float:
    """The quantile of sorted surprises that holds for the next one, too: rank (n + 1) share, outwards."""
    count = len(surprises)
    rank = (count + 1) * share
    place = int(np.ceil(rank)) - 1 if share > 0.5 else int(np.floor(rank)) - 1
    return float(surprises[min(max(place, 0), count - 1)])


def fit(columns: Array, places: Array, y: Array, blocks: Ints, *, field: bool = True, seed: int = 0) -> SiteModel:
    """A model of y [sites] from columns [sites, columns] and places [sites, 2] km; `blocks`: which block a site is of.

    Raises ValueError for fewer than 10 sites.
    """
    if len(y) < 10:
        raise ValueError(f"{len(y)} sites are too few to learn from; at least 10 are needed")
    centre, scale = columns.mean(axis=0), columns.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    rows, level = (columns - centre) / scale, float(y.mean())
    with threadpool_limits(limits=1):  # beside a server several threads wait for each other
        return _fitted(rows, places, y, blocks, (centre, scale, level), field, seed)


def better(one: SiteModel, other: SiteModel) -> SiteModel:
    """The model that gave left-out blocks the greater density: a field has to help where nobody was yet."""
    return one if one.log_score >= other.log_score else other


def _fitted(
    rows: Array, places: Array, y: Array, blocks: Ints, frame: tuple[Array, Array, float], field: bool, seed: int
) -> SiteModel:
    centre, scale, level = frame
    some = np.random.default_rng(seed).permutation(len(y))[:FITTED_ON_MAX]
    scales = _most_likely(rows[some], distances_km(places[some], places[some]), y[some] - level, field)
    covariance = _shared(scales, rows, rows, distances_km(places, places)) + scales.noise * np.eye(len(y))
    factor, _ = cho_factor(covariance, lower=True)
    pull = cho_solve((factor, True), y - level)
    surprises, deviations = _left_out(cho_solve((factor, True), np.eye(len(y))), pull, blocks)
    log_score = -float(np.mean(0.5 * surprises**2 + np.log(deviations)))
    return SiteModel(scales, level, centre, scale, rows, places, factor, pull, np.sort(surprises), log_score)


def _shared(scales: Scales, one: Array, other: Array, apart_km: Array) -> Array:
    """Covariance without the noise."""
    linear = scales.ridge * (one @ other.T) / one.shape[1]
    return np.asarray(linear + scales.field * _matern(apart_km / scales.length_km) if scales.field else linear)


def _matern(distance: Array) -> Array:
    return np.asarray((1.0 + ROOT3 * distance) * np.exp(-ROOT3 * distance))


def _left_out(inverse: Array, pull: Array, blocks: Ints) -> tuple[Array, Array]:
    """Residual over deviation, and deviation, of each site when its whole block is not known."""
    found, deviations = np.empty(len(pull)), np.empty(len(pull))
    for block in np.unique(blocks):
        members = np.flatnonzero(blocks == block)
        spread = np.linalg.inv(inverse[np.ix_(members, members)])
        deviations[members] = np.sqrt(np.diag(spread))
        found[members] = spread @ pull[members] / deviations[members]
    return found, deviations


def _most_likely(rows: Array, apart_km: Array, y: Array, field: bool) -> Scales:
    variance = max(float(y.var()), 1e-9)
    low, high = (np.log(share * variance) for share in SHARES)
    begin = [np.log(0.1 * variance), np.log(0.85 * variance)]
    bounds: list[tuple[float, float]] = [(low, high), (low, high)]
    if field:
        begin += [np.log(0.05 * variance), np.log(2.0)]
        bounds += [(low, high), (float(np.log(LENGTH_KM[0])), float(np.log(LENGTH_KM[1])))]
    linear = rows @ rows.T / rows.shape[1]
    found = minimize(
        loss,
        np.array(begin),
        (linear, apart_km, y),
        "L-BFGS-B",
        jac=True,
        bounds=bounds,
        options={"maxiter": STEPS_MAX},
    )
    return _scales(found.x)


def _scales(logs: Sequence[float] | Array) -> Scales:
    """From logs of ridge, noise and, if there is one, the field and its length."""
    values = np.exp(np.asarray(logs, dtype=np.float64))
    ridge, noise, field, length_km = values if len(values) > 2 else (*values, 0.0, 1.0)
    return Scales(float(ridge), float(field), float(length_km), float(noise))


def loss(logs: Array, linear: Array, apart_km: Array, y: Array) -> tuple[float, Array]:
    """Negative log marginal likelihood without its constant, and its gradient by the logs."""
    scales = _scales(logs)
    parts = [scales.ridge * linear, scales.noise * np.eye(len(y))]
    total = parts[0] + parts[1]
    if len(logs) > 2:
        distance = apart_km / scales.length_km
        parts += [scales.field * _matern(distance), scales.field * 3.0 * distance**2 * np.exp(-ROOT3 * distance)]
        total = total + parts[2]
    factor = cho_factor(total, lower=True)
    pull = cho_solve(factor, y)
    value = 0.5 * float(y @ pull) + float(np.log(np.diag(factor[0])).sum())
    inner = cho_solve(factor, np.eye(len(y))) - np.outer(pull, pull)
    return value, np.array([0.5 * float(np.einsum("ij,ji->", inner, part)) for part in parts])
