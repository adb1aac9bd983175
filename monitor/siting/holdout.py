"""How good the site model is on sites that it has not seen, beside simpler ways, on any area. Pure.

Every method tells the log energy of the sites of a fold from all others. Folds are whole blocks (a new site mostly
stands where there is none yet), and once more sites at random (which flatters whoever looks next door).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from monitor.siting import process, yardsticks
from monitor.siting.area import Area, AreaBroken
from monitor.siting.blocks import blocks_of, folds_at_random, folds_by_block
from monitor.siting.plane import Array, Ints
from monitor.siting.surroundings import site_columns

FOLDS = 5
REPEATS = 3
SITES_MIN = 30
METHODS = ("mean", "heat_map", "cells", "ridge", "ridge_gp", "chosen")
BEST = "chosen"
"""Of the two above it the one that told left-out blocks of what it learned from better: what the report uses."""
YARDSTICKS = ("mean", "heat_map")
RESAMPLES = 200
Told = tuple[Array, Array, Array]
"""Log energy as expected, and what it is between in nine of ten cases (NaN: the method does not say)."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure, and what it is between in 90 % of resampled blocks."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Scores:
    """On unseen sites: R² and rank correlation of log energy, energy of the best tenth in means of all, share held by
    90 % intervals (None: the method says none)."""

    r2: Measure
    spearman: Measure
    lift: Measure
    coverage: float | None


@dataclass(frozen=True, slots=True)
class Judged:
    """An area, judged. `top_share`: part of the energy that the largest hundredth of its sites has."""

    sites: int
    folds: int
    repeats: int
    resolution: int
    deviation: float
    top_share: float
    scores: Mapping[str, Mapping[str, Scores]]

    @property
    def verdict(self) -> str:
        """`none`: on unseen blocks no better than chance, `weak`: no better than a yardstick, else `skill`."""
        blocks = self.scores["blocks"]
        best, others = blocks[BEST], [blocks[name] for name in YARDSTICKS]
        if best.spearman.low <= 0.0 or best.r2.value <= 0.0:
            return "none"
        beaten = all(best.r2.value > one.r2.value and best.spearman.value > one.spearman.value for one in others)
        return "skill" if beaten else "weak"


def evaluate(area: Area, repeats: int = REPEATS, tell: Callable[[str, int], None] | None = None) -> Judged:
    """Judge all methods on the used sites of an area, by random sites and by blocks; raises AreaBroken for too few."""
    used = area.used
    if len(used.sites) < SITES_MIN:
        raise AreaBroken(
            f"{len(used.sites)} sites with energy are too few to judge on; at least {SITES_MIN} are needed"
        )
    y = np.log(used.sites.energy_kwh)
    blocks, resolution = blocks_of(used.sites.longitude, used.sites.latitude, FOLDS)
    scores = {}
    for split in ("random", "blocks"):
        told: dict[str, list[Told]] = {name: [] for name in METHODS}
        for repeat in range(repeats):
            if tell:
                tell(split, repeat + 1)
            folds = (
                folds_at_random(len(y), FOLDS, repeat) if split == "random" else folds_by_block(blocks, FOLDS, repeat)
            )
            for name, answer in held_out(area, y, blocks, folds).items():
                told[name].append(answer)
        scores[split] = {name: _mean_scores(y, answers, blocks) for name, answers in told.items()}
    largest = np.sort(used.sites.energy_kwh)[::-1][: max(len(y) // 100, 1)]
    top_share = float(largest.sum() / used.sites.energy_kwh.sum())
    return Judged(len(y), FOLDS, repeats, resolution, float(y.std()), top_share, scores)


def held_out(area: Area, y: Array, blocks: Ints, folds: Ints) -> dict[str, Told]:
    """What every method says of each site from those of other folds."""
    sites = area.used.sites
    places = area.plane.km(sites.longitude, sites.latitude)
    everywhere = area.surroundings.columns(area.surroundings.sites, themselves=True)
    columns = site_columns(everywhere[area.sites.energy_kwh > 0], sites.piles, sites.counted)
    told = {name: (np.empty(len(y)), np.empty(len(y)), np.empty(len(y))) for name in METHODS}
    for fold in np.unique(folds):
        new, known = folds == fold, folds != fold
        simple = (y[known], sites.piles[known])
        by_cell = yardsticks.cell_means(*simple, sites.degrees[known], sites.piles[new], sites.degrees[new])
        answers = {
            "mean": _gaussian(*yardsticks.mean_per_pile(*simple, sites.piles[new])),
            "heat_map": _gaussian(*yardsticks.heat_map(*simple, places[known], sites.piles[new], places[new])),
            "cells": _gaussian(*by_cell),
        }
        models = {
            name: process.fit(columns[known], places[known], y[known], blocks[known], field=name == "ridge_gp")
            for name in ("ridge", "ridge_gp")
        }
        for name, model in (*models.items(), ("chosen", process.better(*models.values()))):
            mean, deviation = model.predict(columns[new], places[new])
            low, high = (model.quantile(mean, deviation, share) for share in (0.05, 0.95))
            answers[name] = (mean, low, high)
        for name, answer in answers.items():
            for whole, part in zip(told[name], answer, strict=True):
                whole[new] = part
    return told


def _gaussian(mean: Array, deviation: Array) -> Told:
    return mean, mean - 1.645 * deviation, mean + 1.645 * deviation


def _mean_scores(y: Array, answers: Sequence[Told], blocks: Ints) -> Scores:
    """Means over the repeats; intervals over resampled blocks of all of them."""
    each = np.array([measures(y, mean) for mean, _, _ in answers]).mean(axis=0)
    drawn = np.array([figures for mean, _, _ in answers for figures in _resampled(y, mean, blocks)])
    low, high = np.quantile(drawn, (0.05, 0.95), axis=0)
    r2, spearman, lift = (Measure(*map(float, one)) for one in zip(each, low, high, strict=True))
    covered = [float(np.mean((low <= y) & (y <= high))) for _, low, high in answers if np.all(np.isfinite(low))]
    return Scores(r2, spearman, lift, float(np.mean(covered)) if covered else None)


def measures(y: Array, mean: Array) -> tuple[float, float, float]:
    """R², rank correlation, lift of the best tenth."""
    r2 = 1.0 - float(((y - mean) ** 2).sum() / max(((y - y.mean()) ** 2).sum(), 1e-12))
    told = np.ptp(mean) > 0 and np.ptp(y) > 0
    return r2, float(np.corrcoef(rankdata(y), rankdata(mean))[0, 1]) if told else 0.0, lift_of(y, mean)


def lift_of(y: Array, mean: Array) -> float:
    """Mean energy of the tenth of sites that is expected to have the most, over the mean of all."""
    energy, best = np.exp(y - y.max()), np.argsort(-mean, kind="stable")[: max(len(y) // 10, 1)]
    return float(energy[best].mean() / energy.mean())


def _resampled(y: Array, mean: Array, blocks: Ints) -> Iterator[tuple[float, float, float]]:
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(blocks == block) for block in np.unique(blocks)]
    for _ in range(RESAMPLES):
        drawn = np.concatenate([members[number] for number in rng.integers(len(members), size=len(members))])
        yield measures(y[drawn], mean[drawn])
