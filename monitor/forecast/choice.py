"""Who forecasts a series: a champion that is left only for a challenger that is better beyond doubt. Pure, seeded.

Two steps, each with the same test. All series together: the best candidate takes the place of the last value. Each
series by itself: its own best takes the place of that common one. A challenger must be better by MARGIN and its loss
lower in all but a share DOUBT of paired bootstraps over whole days (days in a row are drawn as blocks).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from monitor.forecast.panel import Array
from monitor.forecast.scores import Metric, losses

MARGIN, DOUBT = 0.03, 0.05
NEW_DAYS = 14
"""A series with fewer known days than that is forecast by its last value."""
DRAWS = 1000
BLOCK_DAYS = 2
FALLBACK = "last"


@dataclass(frozen=True)
class Chosen:
    """The champion of a series and why: `new`, `best of all`, `best of its own`, with its and the fallback's loss."""

    champion: str
    reason: str
    loss: float
    fallback_loss: float


def daily(loss: Array, steps_per_day: int) -> Array:
    """[days, series] mean loss of each whole day, counted back from the end; 0 on a day without a known value."""
    days = len(loss) // steps_per_day
    last = loss[len(loss) - days * steps_per_day :].reshape(days, steps_per_day, -1)
    known = np.isfinite(last)
    return np.asarray(np.where(known, last, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))


def doubt(challenger: Array, champion: Array, seed: int = 0) -> Array:
    """[series] the share of paired block bootstraps in which the challenger's daily losses are not the lower ones.

    A circular block bootstrap of `BLOCK_DAYS` days (D. Politis and J. Romano 1992); 1 where there are too few days.
    """
    difference = challenger - champion
    days = len(difference)
    if days < 2 * BLOCK_DAYS:
        return np.ones(difference.shape[1])
    starts = np.random.default_rng(seed).integers(0, days, (DRAWS, -(-days // BLOCK_DAYS)))
    drawn = ((starts[:, :, None] + np.arange(BLOCK_DAYS)) % days).reshape(DRAWS, -1)[:, :days]
    weights = np.zeros((DRAWS, days))
    np.add.at(weights, (np.arange(DRAWS)[:, None], drawn), 1.0 / days)
    return np.asarray((weights @ difference >= 0.0).mean(axis=0))


def choose(
    metric: Metric, truth: Array, forecasts: Mapping[str, Array], known_days: Array, steps_per_day: int
) -> list[Chosen]:
    """The champion of each series on a validation window; `forecasts` name -> [steps, series], with the fallback's."""
    days = {name: daily(losses(metric, truth, made), steps_per_day) for name, made in forecasts.items()}
    common = _challenge({name: values.mean(axis=1, keepdims=True) for name, values in days.items()}, FALLBACK)[0]
    own = _challenge(days, common)
    found = []
    for series, name in enumerate(own):
        new = known_days[series] < NEW_DAYS
        champion = FALLBACK if new else name
        reason = "new" if new else "best of all" if name == common else "best of its own"
        of = [float(days[which][:, series].mean()) for which in (champion, FALLBACK)]
        found.append(Chosen(champion, reason, *of))
    return found


def picked(forecasts: Mapping[str, Array], chosen: list[Chosen]) -> Array:
    """[steps, series] the forecast of each series' champion."""
    return np.stack([forecasts[one.champion][:, series] for series, one in enumerate(chosen)], axis=1)


def _challenge(days: Mapping[str, Array], champion: str) -> list[str]:
    """Who wins each column."""
    names = list(days)
    means = np.stack([days[name].mean(axis=0) for name in names])
    found = []
    for series, best in enumerate(np.argmin(means, axis=0)):
        mine, theirs = days[names[best]][:, series : series + 1], days[champion][:, series : series + 1]
        wins = mine.mean() < (1 - MARGIN) * theirs.mean() and doubt(mine, theirs)[0] < DOUBT
        found.append(names[best] if wins else champion)
    return found
