"""The score of a day: the share of passed checks, weighted by severity, in all and by dimension. Pure.

A rule that could not judge an order takes no part: what a partner does not send is judged by the completeness rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from monitor.governance.facts import Facts, Floats, Ints
from monitor.governance.rules.catalogue import RULE_SET, RULES, Limits, Subject
from monitor.governance.rules.groups import sums
from monitor.governance.rules.judge import Judgement
from monitor.quality.tally import Dimension

DAY_S = 86_400
UNKNOWN_DAY = -1


@dataclass(frozen=True, slots=True)
class DayScore:
    """What one operator's station earned on one day (days since 1970, local time; -1: no possible day)."""

    operator: int
    station: int
    day: int
    orders: int
    broken: int
    """Orders with a cause."""
    score: float
    """0 to 100."""
    dimensions: Mapping[Dimension, float]
    """Those with checks only."""
    rule_set: str = RULE_SET


def scores(facts: Facts, judgement: Judgement, limits: Limits | None = None) -> list[DayScore]:
    """By operator, station and day of the order's begin; from the rules about orders."""
    orders = facts.orders
    if not len(orders):
        return []
    keys, group = np.unique(
        np.stack((orders.operator, orders.station, _days(facts, limits or Limits()))), axis=1, return_inverse=True
    )
    group = group.reshape(-1)
    count = keys.shape[1]
    passed = {dimension: np.zeros(count) for dimension in Dimension}
    judged = {dimension: np.zeros(count) for dimension in Dimension}
    for dimension, weight, was_judged, was_passed in _weighed(judgement, group, count):
        judged[dimension] += weight * was_judged
        passed[dimension] += weight * was_passed
    sizes = np.bincount(group, minlength=count)
    faulty = sums(group, judgement.primary >= 0, count)
    return [
        DayScore(
            int(keys[0, row]),
            int(keys[1, row]),
            int(keys[2, row]),
            int(sizes[row]),
            int(faulty[row]),
            _share(sum(float(passed[d][row]) for d in Dimension), sum(float(judged[d][row]) for d in Dimension)),
            {d: _share(float(passed[d][row]), float(judged[d][row])) for d in Dimension if judged[d][row]},
        )
        for row in range(count)
    ]


def _weighed(judgement: Judgement, group: Ints, count: int) -> Iterator[tuple[Dimension, int, Floats, Floats]]:
    for rule_id, found in judgement.verdicts.items():
        rule = RULES[rule_id]
        if rule.subject is Subject.ORDER:
            passed = found.judged & ~found.broken
            yield rule.dimension, int(rule.severity), sums(group, found.judged, count), sums(group, passed, count)


def _share(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole else 0.0


def _days(facts: Facts, limits: Limits) -> Ints:
    start_s = facts.orders.start_s
    possible = np.isfinite(start_s) & (start_s >= limits.oldest_s) & (start_s <= facts.now_s + limits.future_s)
    day = np.full(len(start_s), UNKNOWN_DAY, np.int64)
    day[possible] = ((start_s[possible] + limits.zone_s) // DAY_S).astype(np.int64)
    return day
