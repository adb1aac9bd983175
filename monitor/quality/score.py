"""Metrics, dimensions, score and grade (section 18.4), in exact arithmetic: the same inputs give the same digits. Pure.

A metric is a ratio A/B. Metrics of one dimension are averaged; one without data is left out and its weight goes to the
others of its dimension. A dimension without data is reported as such and its weight goes to the other dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from monitor.quality.tally import Dimension

WEIGHTS = {
    Dimension.ACCESSIBILITY: 20,
    Dimension.TIMELINESS: 25,
    Dimension.COMPLETENESS: 20,
    Dimension.VALIDITY: 15,
    Dimension.CONSISTENCY: 15,
    Dimension.ACCURACY: 5,
}
METRICS = {
    "success_rate": Dimension.ACCESSIBILITY,
    "up_time": Dimension.ACCESSIBILITY,
    "push_in_time": Dimension.TIMELINESS,
    "snapshot_cadence": Dimension.TIMELINESS,
    "order_in_time": Dimension.TIMELINESS,
    "mandatory_fields": Dimension.COMPLETENESS,
    "equipment_coverage": Dimension.COMPLETENESS,
    "order_coverage": Dimension.COMPLETENESS,
    "valid_fields": Dimension.VALIDITY,
    "consistent": Dimension.CONSISTENCY,
    "undisputed": Dimension.ACCURACY,
    "energy_by_power": Dimension.ACCURACY,
}
GRADES = ((Decimal(90), "A"), (Decimal(75), "B"), (Decimal(60), "C"))
PLACES = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Ratio:
    """A of B."""

    part: int
    whole: int

    @property
    def value(self) -> Fraction | None:
        """The exact ratio, between 0 and 1; None without data."""
        return max(Fraction(0), min(Fraction(1), Fraction(self.part, self.whole))) if self.whole > 0 else None


@dataclass(frozen=True, slots=True)
class Score:
    """0 to 100 with two decimals, by dimension and in all; None where there is no data."""

    total: Decimal | None
    grade: str
    dimensions: Mapping[Dimension, Decimal | None]

    def as_document(self) -> dict[str, Any]:
        """As JSON: digits as text, so that nobody's float changes them."""
        return {
            "total": _text(self.total),
            "grade": self.grade,
            "dimensions": {str(name): _text(value) for name, value in self.dimensions.items()},
        }


def score_of(metrics: Mapping[str, Ratio]) -> Score:
    """The score of these metrics; raises ValueError for one that does not exist."""
    unknown = metrics.keys() - METRICS.keys()
    if unknown:
        raise ValueError(f"there is no metric {', '.join(sorted(unknown))}")
    exact = {dimension: _mean(metrics, dimension) for dimension in WEIGHTS}
    known = {dimension: value for dimension, value in exact.items() if value is not None}
    weight = sum(WEIGHTS[dimension] for dimension in known)
    total = sum((WEIGHTS[d] * value for d, value in known.items()), Fraction(0)) / weight if weight else None
    shown = None if total is None else rounded(100 * total)
    parts = {d: None if value is None else rounded(100 * value) for d, value in exact.items()}
    return Score(shown, grade_of(shown), parts)


def _mean(metrics: Mapping[str, Ratio], dimension: Dimension) -> Fraction | None:
    values = [ratio.value for name, ratio in metrics.items() if METRICS[name] is dimension]
    known = [value for value in values if value is not None]
    return sum(known, Fraction(0)) / len(known) if known else None


def rounded(value: Fraction) -> Decimal:
    """Two decimals, half up, exactly."""
    hundredths = (value * 200 + 1) // 2
    return Decimal(int(hundredths)).scaleb(-2).quantize(PLACES, ROUND_HALF_UP)


def grade_of(total: Decimal | None) -> str:
    """A from 90, B from 75, C from 60, D below; empty without data. Judged by the published digits."""
    if total is None:
        return ""
    return next((grade for limit, grade in GRADES if total >= limit), "D")


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
