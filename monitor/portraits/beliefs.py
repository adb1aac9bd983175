"""Posteriors of many subjects at once, each drawn to all of them by as much as they resemble each other. Pure.

How much is drawn is found from the data: by marginal likelihood for shares and rates, by the analysis of variance for
levels. A subject of which little is known looks like all the others, and its interval says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import gammaln, ndtri
from scipy.stats import beta

from monitor.portraits.facts import Array, Ints
from monitor.siting import demand

LOG_CONCENTRATION = (-3.0, 9.0)
WEEK_DAYS = 7.0
WEEKLY_MIN = 0.5
"""Subjects who come less often than this a week tell little of how evenly people come."""
FREEDOM_MIN = 30
DISPERSIONS = (0.1, 20.0)


@dataclass(frozen=True)
class Belief:
    """A number of each subject: mean and 90 % interval, and what it is for all."""

    mean: Array
    low: Array
    high: Array
    overall: float


@dataclass(frozen=True)
class Shares:
    """Dirichlet posteriors [subjects, parts]; `concentration`: how many events the mean of all counts for."""

    alphas: Array
    concentration: float
    overall: Array

    @property
    def mean(self) -> Array:
        """Expected share of each part."""
        return np.asarray(self.alphas / self.alphas.sum(axis=1, keepdims=True))

    def of(self, part: int) -> Belief:
        """The share of one part."""
        yes, no = self.alphas[:, part], self.alphas.sum(axis=1) - self.alphas[:, part]
        low, high = (np.asarray(beta.ppf(share, yes, no)) for share in (0.05, 0.95))
        return Belief(self.mean[:, part], low, high, float(self.overall[part]))

    def chance_above(self, part: int) -> Array:
        """Probability that the share of a part is greater than that of all."""
        yes, no = self.alphas[:, part], self.alphas.sum(axis=1) - self.alphas[:, part]
        return np.asarray(beta.sf(self.overall[part], yes, no))


def shares(counts: Array) -> Shares:
    """From [subjects, parts] events: Dirichlet-multinomial, its concentration by marginal likelihood."""
    totals = counts.sum(axis=1)
    overall = (counts.sum(axis=0) + 0.5) / (totals.sum() + 0.5 * counts.shape[1])

    def loss(log: float) -> float:
        prior = np.exp(log) * overall
        each = gammaln(counts + prior) - gammaln(prior)
        return -float(each.sum() + (gammaln(np.exp(log)) - gammaln(totals + np.exp(log))).sum())

    concentration = float(np.exp(minimize_scalar(loss, bounds=LOG_CONCENTRATION, method="bounded").x))
    return Shares(counts + concentration * overall, concentration, overall)


def rates(events: Array, exposure: Array, dispersion: float = 1.0) -> Belief:
    """Events for a unit of exposure: Gamma-Poisson; what was not watched has the rate of all.

    `dispersion`: variance of counts over their mean. People come more evenly than a Poisson stream (commuters) or in
    bursts; so many events then tell as much as events / dispersion of such a stream.
    """
    nothing = np.zeros((len(events), 0))
    if not events.sum() > 0:
        zero = np.zeros(len(events))
        return Belief(zero, zero, zero, 0.0)
    told, watched = events / dispersion, exposure / dispersion
    posterior = demand.fit(told, watched, nothing).posterior(told, watched, nothing)
    overall = float(events.sum() / exposure.sum())
    return Belief(posterior.mean, posterior.quantile(0.05), posterior.quantile(0.95), overall)


def dispersion(subject: Ints, at_day: Array, subjects: int) -> float:
    """Variance over mean of weekly counts within subjects, from the week after each one's first; 1 if nothing tells."""
    weeks = int(at_day.max() // WEEK_DAYS)  # the last one may not be over
    first = np.full(subjects, np.inf)
    np.minimum.at(first, subject, at_day)
    counts = np.zeros((subjects, weeks + 1))
    np.add.at(counts, (subject, (at_day // WEEK_DAYS).astype(np.int64)), 1.0)
    squares, freedom = 0.0, 0
    for row, begin in zip(counts[:, :weeks], first, strict=True):
        seen = row[int(begin // WEEK_DAYS) + 1 :] if np.isfinite(begin) else row[:0]
        if len(seen) > 1 and seen.mean() >= WEEKLY_MIN:
            squares += float(((seen - seen.mean()) ** 2).sum() / seen.mean())
            freedom += len(seen) - 1
    if freedom < FREEDOM_MIN:
        return 1.0
    return float(np.clip(squares / freedom, *DISPERSIONS))


def levels(values: Array, subject: Ints, subjects: int) -> Belief:
    """The mean of a subject's values: normal within and between, variances by the analysis of variance."""
    counts = np.bincount(subject, minlength=subjects).astype(float)
    there = counts > 0
    means = np.bincount(subject, values, minlength=subjects) / np.maximum(counts, 1.0)
    overall, groups, total = float(values.mean()), int(there.sum()), len(values)
    within = float(((values - means[subject]) ** 2).sum() / max(total - groups, 1))
    spread = float((counts * (means - overall) ** 2).sum() / max(groups - 1, 1))
    typical = (total - float((counts**2).sum()) / total) / max(groups - 1, 1)
    between = max((spread - within) / max(typical, 1e-9), 1e-9)
    weight = counts * between / (counts * between + within) if within > 0 else there.astype(float)
    mean = overall + weight * (np.where(there, means, overall) - overall)
    deviation = np.sqrt(between * (1.0 - weight))
    reach = float(ndtri(0.95)) * deviation
    return Belief(mean, mean - reach, mean + reach, overall)
