"""Answer times in logarithmic buckets: constant memory, mergeable, percentiles within 2 %."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

STEPS = 36
"""Buckets for each doubling: neighbours differ by 2 %."""


def bucket(seconds: float) -> int:
    """The bucket of a time; everything below a microsecond shares one."""
    return max(0, math.ceil(math.log2(max(seconds * 1e6, 1.0)) * STEPS))


def upper_ms(number: int) -> float:
    """The longest time of a bucket."""
    return float(2.0 ** (number / STEPS)) / 1e3


def merged(parts: Iterable[Mapping[int, int]]) -> Counter[int]:
    """All counts together."""
    total: Counter[int] = Counter()
    for part in parts:
        total.update(part)
    return total


def percentile_ms(counts: Mapping[int, int], share: float) -> float | None:
    """The time that `share` of all answers did not exceed; None without any."""
    wanted, seen = math.ceil(sum(counts.values()) * share), 0
    for number in sorted(counts):
        seen += counts[number]
        if seen >= max(wanted, 1):
            return upper_ms(number)
    return None
