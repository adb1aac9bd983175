"""How much is wanted in each cell: Gamma-Poisson with covariates and censoring. Pure.

y_i ~ Poisson(e_i λ_i), λ_i ~ Gamma(shape α, mean μ_i = exp(x_i β)). Integrating λ out gives a negative binomial, whose
likelihood finds α and β; given them the posterior is Gamma(α + y_i, rate α / μ_i + e_i), in closed form.

Exposure e_i is the time in which another car would have found a free plug: while all are taken nobody can be counted,
so that this time is censored. Arrivals that found a plug over the time that one was free is the maximum-likelihood
rate of a Poisson stream that is watched only then; over all of the time a busy site would look weak.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln, psi
from scipy.stats import gamma

from monitor.siting.plane import Array

SLOPE_SD = 3.0
"""Prior deviation of a slope per unit of its standardised column: a factor of e³ for one deviation is beyond belief."""
LOG_ALPHA = (-4.0, 8.0)
"""α from 0.02 (cells have nothing in common) to 3,000 (they are all the same)."""


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is known of each cell's rate: Gamma(shape, rate)."""

    shape: Array
    rate: Array

    @property
    def mean(self) -> Array:
        """Expected rate, arrivals for a unit of exposure."""
        return self.shape / self.rate

    def quantile(self, share: float) -> Array:
        """The rate that is not exceeded with this probability."""
        return np.asarray(gamma.ppf(share, self.shape, scale=1.0 / self.rate))


@dataclass(frozen=True, slots=True)
class Demand:
    """α, the level and the slopes of standardised columns, as fitted."""

    alpha: float
    level: float
    slopes: Array
    centre: Array
    scale: Array

    def mean(self, covariates: Array) -> Array:
        """μ of cells with these covariates, nothing being known of them."""
        return np.asarray(np.exp(self.level + (covariates - self.centre) / self.scale @ self.slopes))

    @property
    def raw_slopes(self) -> Array:
        """Slopes per unit of the columns as they were given."""
        return self.slopes / self.scale

    def posterior(self, counts: Array, exposure: Array, covariates: Array) -> Posterior:
        """Rates of cells; those with no exposure have only their covariates to go by."""
        return Posterior(self.alpha + counts, self.alpha / self.mean(covariates) + exposure)


def fit(counts: Array, exposure: Array, covariates: Array) -> Demand:
    """α and β by marginal likelihood from counts [cells], exposure [cells] and covariates [cells, columns].

    Raises ValueError for counts without exposure, negative numbers, or nothing counted at all.
    """
    if np.any(counts < 0) or np.any(exposure < 0) or np.any((exposure == 0) & (counts > 0)):
        raise ValueError("counts and exposure are not negative, and what was counted needs exposure")
    seen = exposure > 0
    if not counts[seen].sum() > 0:
        raise ValueError("nothing was counted")
    centre = covariates[seen].mean(axis=0)
    scale = covariates[seen].std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    columns = (covariates[seen] - centre) / scale
    y, e = counts[seen], exposure[seen]
    begin = np.concatenate([[0.0, np.log(y.sum() / e.sum())], np.zeros(columns.shape[1])])
    bounds = [LOG_ALPHA, *[(None, None)] * (len(begin) - 1)]
    found = minimize(_loss, begin, (y, e, columns), method="L-BFGS-B", jac=True, bounds=bounds)
    return Demand(float(np.exp(found.x[0])), float(found.x[1]), np.asarray(found.x[2:]), centre, scale)


def _loss(parameters: Array, y: Array, e: Array, columns: Array) -> tuple[float, Array]:
    """Negative log posterior of (log α, level, slopes) and its gradient."""
    alpha, slopes = np.exp(parameters[0]), parameters[2:]
    expected = e * np.exp(np.clip(parameters[1] + columns @ slopes, -30.0, 30.0))
    total = alpha + expected
    like = gammaln(y + alpha) - gammaln(alpha) + alpha * np.log(alpha / total) + y * np.log(expected / total)
    by_eta = alpha * (y - expected) / total
    by_alpha = psi(y + alpha) - psi(alpha) + np.log(alpha / total) + 1.0 - (alpha + y) / total
    prior = 0.5 * (slopes**2).sum() / SLOPE_SD**2
    gradient = np.concatenate([[-alpha * by_alpha.sum(), -by_eta.sum()], -(columns.T @ by_eta) + slopes / SLOPE_SD**2])
    return float(prior - like.sum()), gradient


def full_h(begins_h: Array, ends_h: Array, plugs: int) -> float:
    """Hours in which all plugs of a site were taken, by begin and end of each stay in hours since any moment."""
    if plugs < 1:
        raise ValueError("a site has at least one plug")
    moments = np.concatenate([begins_h, ends_h])
    steps = np.concatenate([np.ones(len(begins_h)), -np.ones(len(ends_h))])
    order = np.lexsort((steps, moments))  # at one moment the one who leaves goes first
    taken = np.cumsum(steps[order])
    lasted = np.diff(moments[order], append=moments.max(initial=0.0))
    return float(lasted[taken >= plugs].sum())
