"""What shows that a limit acts, and what shows that it does not (SR-08). "Accepted" shows neither.

A composite schedule or an offered value that equals what was told is a proof, and so is power that follows: it came
down below the limit, or it moved in the same measure as the limit did. Power that is merely low is no proof, because
the car may want no more. Two samples in a row above the limit refute it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from csms.charging.discretise import Setpoint
from csms.charging.lines import NOMINAL_V
from csms.model.charging_profile import CompositeSchedule, RateUnit
from csms.model.meter import CURRENT_OFFERED, POWER_OFFERED, Sample

TOLERANCE_A = 0.1
"""Schedules carry one decimal; stations that convert units lose as much (RB-64)."""
KEPT_FACTOR = 1.05
KEPT_MARGIN_W = NOMINAL_V
"""A twentieth and one ampere above the limit are measuring error (grid-limits B6)."""
SAMPLES_TO_REFUTE = 2
ACTIVE_W = 100.0
"""Below this a car draws nothing that would tell of a limit."""
SAMPLES_UNMOVED = 3
MOVED = 1.25
"""Two limits must differ by this factor at least before power that follows them shows anything."""
FOLLOWS = 0.1
"""Power follows when it moved by the same factor as the limit, give or take this share."""


class Verdict(StrEnum):
    """What an answer or a sample says of a limit.

    LOWER: the station will draw less, or could not draw more anyway. ODD: it makes no sense or speaks against it.
    UNMOVED: the limit rose and power did not: the car wants no more, or something else holds it.
    """

    SHOWN = "shown"
    LOWER = "lower"
    IGNORED = "ignored"
    UNMOVED = "unmoved"
    ODD = "odd"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Told:
    """What a composite schedule should say now: `limit` in `unit`; at `rated` and above it would say so anyway."""

    limit: float
    unit: RateUnit
    rated: float
    phases: int

    @property
    def tolerance(self) -> float:
        """In the unit: a tenth of an ampere on each phase."""
        return TOLERANCE_A if self.unit is RateUnit.A else TOLERANCE_A * NOMINAL_V * self.phases


def by_composite(answer: CompositeSchedule | None, told: Told) -> Verdict:
    """Empty, missing and refused answers say nothing (RB-61, RB-62); no limit (RB-63), a higher one, another unit and
    garbage are odd (RB-65). A schedule never refutes: many stations compute it wrongly and obey all the same.
    """
    if told.limit >= told.rated:
        return Verdict.LOWER
    if answer is None or (answer.sound and not answer.periods):
        return Verdict.NOTHING
    if not answer.sound or answer.unit is not told.unit:
        return Verdict.ODD
    limit = answer.periods[0][1]
    if limit is None or limit > told.limit + told.tolerance:
        return Verdict.ODD
    return Verdict.LOWER if limit < told.limit - told.tolerance else Verdict.SHOWN


def by_offer(samples: Iterable[Sample], told: Setpoint, rated_w: int) -> Verdict:
    """Current.Offered or Power.Offered that equals the limit; other values say nothing (some stations never set it)."""
    if told.value_w >= rated_w:
        return Verdict.NOTHING
    return Verdict.SHOWN if any(_offers(sample, told) for sample in samples) else Verdict.NOTHING


def _offers(sample: Sample, told: Setpoint) -> bool:
    if sample.measurand == CURRENT_OFFERED:
        return told.limit_a > 0 and abs(sample.value - told.limit_a) <= TOLERANCE_A + 1e-6
    tolerance_w = TOLERANCE_A * NOMINAL_V * told.phases
    return sample.measurand == POWER_OFFERED and told.value_w > 0 and abs(sample.value - told.value_w) <= tolerance_w


def allowed_w(told: Setpoint) -> float:
    """Up to which power a limit counts as kept."""
    return told.value_w * KEPT_FACTOR + KEPT_MARGIN_W * told.phases


@dataclass(slots=True)
class Follower:
    """Power against limits through one session of one outlet; `points` are (limit, power) in W where it was kept.

    `followed`: the earlier limits that a proof rested on.
    """

    points: list[tuple[int, float]] = field(default_factory=list)
    followed: list[int] = field(default_factory=list)
    before_w: float | None = None
    above: int = 0
    unmoved: int = 0

    def unsettled(self, power_w: float) -> None:
        """A sample from before the limit in force could act: what the car takes without it."""
        self.before_w = power_w

    def sample(self, told: Setpoint, power_w: float) -> Verdict:
        """A sample from after the limit in force must have acted."""
        if power_w > allowed_w(told):
            self.before_w = power_w
            self.above += 1
            refuted = self.above >= SAMPLES_TO_REFUTE
            self.above = 0 if refuted else self.above
            return Verdict.IGNORED if refuted else Verdict.NOTHING
        self.above = 0
        self.followed = [point[0] for point in self.points if _moves_alike(point, (told.value_w, power_w))]
        shown = self._came_down(told, power_w) or bool(self.followed)
        stays = any(_stays(point, (told.value_w, power_w)) for point in self.points)
        self.unmoved = self.unmoved + 1 if stays and not shown else 0
        self.points = [point for point in self.points if point[0] != told.value_w][-4:]
        self.points.append((told.value_w, power_w))
        if self.unmoved >= SAMPLES_UNMOVED:
            self.unmoved = 0
            return Verdict.UNMOVED
        return Verdict.SHOWN if shown else Verdict.NOTHING

    def has_point(self, told: Setpoint) -> bool:
        """Whether this limit has been sampled."""
        return any(limit_w == told.value_w for limit_w, _ in self.points)

    def _came_down(self, told: Setpoint, power_w: float) -> bool:
        """From above the limit to below it, by more than measuring error, and not to nothing: then the car may just
        have finished.
        """
        before_w, self.before_w = self.before_w, None
        if before_w is None or before_w <= max(allowed_w(told), power_w * KEPT_FACTOR):
            return False
        return power_w > max(ACTIVE_W, 0.3 * told.value_w)


def _stays(lower: tuple[int, float], higher: tuple[int, float]) -> bool:
    """Whether power is what it was under a clearly lower limit."""
    rose = higher[0] >= max(lower[0] * MOVED, 1)
    return rose and abs(higher[1] - lower[1]) <= max(ACTIVE_W, FOLLOWS * lower[1])


def _moves_alike(one: tuple[int, float], other: tuple[int, float]) -> bool:
    """Whether power moved by the factor by which the limit moved; from nothing at 0 to something counts."""
    (low_w, low_power_w), (high_w, high_power_w) = sorted((one, other))
    if low_w == 0:
        return high_w > 0 and low_power_w < ACTIVE_W and high_power_w > max(ACTIVE_W, 0.3 * high_w)
    factor = high_w / low_w
    if factor < MOVED or low_power_w < ACTIVE_W:
        return False
    return abs(high_power_w / low_power_w - factor) <= FOLLOWS * factor
