"""The score: published weights over percentile ranks; how sure the rank is, and what would lift an operator most. Pure.

rank in percent   100 · (operators behind + half of those level) / (operators − 1)
score             Σ weight · rank in percent, 0 to 100
contribution      weight · (rank in percent − 50); they sum up to score − 50
lift              weight · (75 − rank in percent), for those below the upper quarter
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from monitor.scoring.features import Features, FloatArray, restored
from monitor.scoring.scheme import Scheme

DRAWS = 2000
INTERVAL = (5.0, 95.0)
UPPER_QUARTER = 75.0
PERIODS_MIN = 4
"""Fewer scores make no trend."""


@dataclass(frozen=True, slots=True)
class Lift:
    """What an indicator would add to the score if it reached the upper quarter, and what value that takes."""

    indicator: str
    points: float
    percent: float
    target: float


@dataclass(frozen=True, slots=True)
class Standing:
    """An operator. `rank`: 1 is best; `rank_low` to `rank_high` in 9 of 10 draws of the weights; None: not enough data
    (`coverage`: share of the weight that data stand behind; `unknown`: the indicators that none do, where the operator
    stands at the mean).
    """

    operator: str
    score: float | None
    rank: int | None
    rank_low: int | None
    rank_high: int | None
    coverage: float
    percents: dict[str, float]
    contributions: dict[str, float]
    lifts: tuple[Lift, ...]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trend:
    """Points a period (median of slopes) with its 90 % interval; `word`: rising, falling, steady."""

    slope: float
    low: float
    high: float
    word: str


def percents(shrunk: FloatArray) -> FloatArray:
    """Rank in percent of every column; 50 for one who is alone."""
    count = len(shrunk)
    if count < 2:
        return np.full(shrunk.shape, 50.0)
    return np.asarray((stats.rankdata(shrunk, axis=0) - 1.0) / (count - 1.0) * 100.0)


def standings(given: Features, scheme: Scheme, seed: int = 0) -> list[Standing]:
    """All operators, best first, those without a score at the end. Who has too little data is ranked against nobody."""
    weights = np.array(scheme.weights)
    coverage = given.known @ weights
    enough = coverage >= scheme.coverage_min
    shrunk = given.shrunk[enough]
    share = percents(shrunk)
    score = share @ weights
    low, high = _rank_intervals(share, weights, scheme.concentration, seed)
    ranks = _ranks(score)
    told, found = given.known[enough].any(axis=0), []
    for place, number in enumerate(np.flatnonzero(enough)):
        pairs = dict(zip(scheme.names, map(float, share[place]), strict=True))
        gained = {name: scheme.indicators[name].weight * (value - 50.0) for name, value in pairs.items()}
        lifts = _lifts(share[place], shrunk, told, scheme)
        marks = (int(ranks[place]), int(low[place]), int(high[place]))
        name = given.operators[number]
        lacks = tuple(one for one, there in zip(scheme.names, given.known[number], strict=True) if not there)
        found.append(Standing(name, float(score[place]), *marks, float(coverage[number]), pairs, gained, lifts, lacks))
    found.sort(key=lambda one: (one.rank or 0, one.operator))
    without = [
        Standing(given.operators[number], None, None, None, None, float(coverage[number]), {}, {}, ())
        for number in np.flatnonzero(~enough)
    ]
    return [*found, *sorted(without, key=lambda one: one.operator)]


def _ranks(score: FloatArray) -> FloatArray:
    """1 for the highest; equals share the better rank."""
    return np.asarray(stats.rankdata(-np.round(score, 9), method="min", axis=-1))


def _rank_intervals(
    share: FloatArray, weights: FloatArray, concentration: float, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Ranks at both ends of the interval over weights drawn around the published ones."""
    drawn = np.random.default_rng(seed).dirichlet(concentration * weights, DRAWS)
    ranks = _ranks(drawn @ share.T)
    low, high = np.percentile(ranks, INTERVAL, axis=0, method="nearest")
    own = _ranks(share @ weights)
    return np.minimum(low, own), np.maximum(high, own)


def _lifts(own: FloatArray, shrunk: FloatArray, told: NDArray[np.bool_], scheme: Scheme) -> tuple[Lift, ...]:
    found = []
    for place, (name, one) in enumerate(scheme.indicators.items()):
        missing = UPPER_QUARTER - float(own[place])
        if missing > 0 and told[place]:
            target = restored(float(np.percentile(shrunk[:, place], UPPER_QUARTER)), one)
            found.append(Lift(name, one.weight * missing, float(own[place]), target))
    return tuple(sorted(found, key=lambda lift: (-lift.points, lift.indicator)))


def trend(scores: list[float]) -> Trend | None:
    """Of scores in the order of their periods (Theil and Sen); None with fewer than four."""
    if len(scores) < PERIODS_MIN:
        return None
    found = stats.theilslopes(scores, alpha=0.9)
    word = "rising" if found.low_slope > 0 else "falling" if found.high_slope < 0 else "steady"
    return Trend(float(found.slope), float(found.low_slope), float(found.high_slope), word)
