"""Operators judged by their figures: standings of the newest period, groups, trends over the periods. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from monitor.scoring.features import Figures, features, scaled
from monitor.scoring.groups import Grouping, grouped
from monitor.scoring.points import Standing, Trend, standings, trend
from monitor.scoring.scheme import Scheme

PERIODS_OF_A_TREND = 12


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is published. `group_means`: of every group its mean rank in percent by indicator."""

    period: str
    scheme: Scheme
    standings: tuple[Standing, ...]
    grouping: Grouping
    groups: Mapping[str, int]
    group_means: tuple[Mapping[str, float], ...]
    trends: Mapping[str, Trend]
    history: Mapping[str, Mapping[str, float]]

    @property
    def unknown(self) -> tuple[str, ...]:
        """Indicators that nobody has data for: they are the same for all and move no rank."""
        told = [set(one.unknown) for one in self.standings if one.score is not None]
        return tuple(name for name in self.scheme.names if told and all(name in one for one in told))

    @property
    def scored(self) -> int:
        """How many operators have a score."""
        return sum(one.score is not None for one in self.standings)


def judged(periods: Mapping[str, Figures], scheme: Scheme, seed: int = 0) -> Verdict:
    """Judge the newest period; earlier ones make the trends. Raises ValueError without a period."""
    if not periods:
        raise ValueError("there is no period to judge")
    newest = max(periods)
    told = sorted(periods)[-PERIODS_OF_A_TREND:]
    each = {period: standings(features(periods[period], scheme), scheme, seed) for period in told}
    history: dict[str, dict[str, float]] = {}
    for period in told:
        for one in each[period]:
            if one.score is not None:
                history.setdefault(one.operator, {})[period] = one.score
    best = tuple(each[newest])
    grouping, groups = _groups(periods[newest], best, scheme, seed)
    lines = {name: trend(list(scores.values())) for name, scores in history.items()}
    trends = {name: line for name, line in lines.items() if line is not None}
    return Verdict(newest, scheme, best, grouping, groups, _means(best, groups, grouping), trends, history)


def _groups(given: Figures, best: tuple[Standing, ...], scheme: Scheme, seed: int) -> tuple[Grouping, dict[str, int]]:
    """Groups of those who have a score: the others stand at the mean and would make a group of their own."""
    scored = {one.operator for one in best if one.score is not None}
    made = features(given, scheme)
    chosen = [place for place, name in enumerate(made.operators) if name in scored]
    shrunk = made.shrunk[chosen]
    grouping = grouped(scaled(shrunk) if chosen else np.zeros((0, 0)), seed)
    return grouping, {made.operators[place]: label for place, label in zip(chosen, grouping.labels, strict=True)}


def _means(best: tuple[Standing, ...], groups: Mapping[str, int], grouping: Grouping) -> tuple[dict[str, float], ...]:
    if grouping.count == 1:
        return ()
    found = []
    for number in range(grouping.count):
        members = [one.percents for one in best if groups.get(one.operator) == number]
        found.append({name: float(np.mean([one[name] for one in members])) for name in members[0]})
    return tuple(found)


def document_of(verdict: Verdict) -> dict[str, Any]:
    """As JSON, with the weights that it was computed with."""
    grouping = verdict.grouping
    return {
        "period": verdict.period,
        "scheme": verdict.scheme.model_dump(mode="json"),
        "operators": [_row(one, verdict) for one in verdict.standings],
        "unknown": list(verdict.unknown),
        "groups": {
            "count": grouping.count,
            "why": grouping.why,
            "bic": list(grouping.bic),
            "silhouette": grouping.silhouette,
            "stability": grouping.stability,
            "means": [dict(one) for one in verdict.group_means],
        },
    }


def _row(one: Standing, verdict: Verdict) -> dict[str, Any]:
    line = verdict.trends.get(one.operator)
    group = verdict.groups.get(one.operator) if verdict.grouping.count > 1 else None
    more = {"group": group, "trend": asdict(line) if line else None}
    return asdict(one) | more | {"history": dict(verdict.history.get(one.operator, {}))}
