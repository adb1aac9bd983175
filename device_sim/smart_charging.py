"""Which limit rules now: the simulator's own reading of charging profiles (OCPP 1.6 section 3.13, 2.0.1 K01 and K08).

Of each purpose the valid profile with the highest stack level whose schedule is running leads (K01.FR.17, .36, .37);
a transaction's profiles overrule the defaults, the station's maximum is merged by the smaller (3.13.3, K08.FR.04).
When a schedule's duration is over, a lower stack level takes its place, and if there is none nothing limits (1.6
section 5.16.4). Times are seconds since 1970 UTC. Limits are currents per phase; watts are divided by 230 V times the
phases (K01.FR.50). Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

FOREVER = math.inf
PHASES_ASSUMED = 3  # K01.FR.49


class Purpose(StrEnum):
    """What a profile is for; both versions' names meet here."""

    MAX = "max"
    DEFAULT = "default"
    TRANSACTION = "transaction"


class Kind(StrEnum):
    """How a schedule's start is found."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


@dataclass(frozen=True, slots=True)
class Period:
    """From `start_s` after the schedule's start: at most `limit` in the profile's unit."""

    start_s: float
    limit: float
    phases: int | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """One installed profile; `evse` 0 is the whole station; `repeat_s` 86,400 or 604,800 for recurring ones."""

    profile_id: int
    stack_level: int
    purpose: Purpose
    kind: Kind
    unit: str
    periods: tuple[Period, ...]
    evse: int = 0
    start_s: float | None = None
    duration_s: float | None = None
    valid_from_s: float = -FOREVER
    valid_to_s: float = FOREVER
    repeat_s: float | None = None
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class Supply:
    """The pile's side of the sum: its phases, voltage and rated current per phase."""

    phases: int
    current_max_a: float
    voltage_v: float = 230.0

    def per_phase_a(self, limit: float, unit: str, phases: int) -> float:
        """A limit as a current per phase; watts by I = P / (U * n)."""
        return limit if unit == "A" else limit / (self.voltage_v * phases)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `current_a` on each of `phases`, unchanged until `until_s`."""

    current_a: float
    phases: int
    until_s: float = FOREVER


def limit_at(profiles: Iterable[Profile], supply: Supply, tx_start_s: float | None, at_s: float) -> Limit:
    """The limit at `at_s`: rated current if no profile rules. `tx_start_s` None: as if a transaction began now."""
    chosen = list(profiles)
    origin_s = at_s if tx_start_s is None else tx_start_s
    first = _leading(chosen, Purpose.TRANSACTION, origin_s, at_s)
    default = _leading(chosen, Purpose.DEFAULT, origin_s, at_s)
    ceiling = _leading(chosen, Purpose.MAX, origin_s, at_s)
    until_s = min(first.until_s, default.until_s, ceiling.until_s)
    ruling = first if first.period is not None else default
    limits = [_resolved(lead.period, lead.unit, supply) for lead in (ruling, ceiling) if lead.period is not None]
    current_a = min([supply.current_max_a, *(a for a, _ in limits)])
    phases = min([supply.phases, *(n for _, n in limits)])
    return Limit(max(0.0, current_a), phases, until_s)


@dataclass(frozen=True, slots=True)
class _Lead:
    """The period of one purpose that rules now, if any, and until when nothing about that can change."""

    until_s: float
    period: Period | None = None
    unit: str = "A"


def _leading(profiles: Sequence[Profile], purpose: Purpose, origin_s: float, at_s: float) -> _Lead:
    """Higher stack levels first; on one level a profile of the outlet itself before one of the whole station."""
    mine = sorted((p for p in profiles if p.purpose is purpose), key=lambda p: (-p.stack_level, -p.evse))
    until_s = FOREVER
    for profile in mine:
        lead = _running(profile, origin_s, at_s)
        until_s = min(until_s, lead.until_s)
        if lead.period is not None:
            return _Lead(until_s, lead.period, profile.unit)
    return _Lead(until_s)


def _running(profile: Profile, origin_s: float, at_s: float) -> _Lead:
    if at_s < profile.valid_from_s:
        return _Lead(profile.valid_from_s)
    if at_s >= profile.valid_to_s:
        return _Lead(FOREVER)
    start_s, end_s, again_s = _span(profile, origin_s, at_s)
    if at_s < start_s:
        return _Lead(min(start_s, profile.valid_to_s))
    if at_s >= end_s:
        return _Lead(min(again_s, profile.valid_to_s))
    period, next_s = _period_at(profile.periods, at_s - start_s)
    return _Lead(min(start_s + next_s, end_s, profile.valid_to_s), period)


def _span(profile: Profile, origin_s: float, at_s: float) -> tuple[float, float, float]:
    """Start and end of the run of the schedule that matters at `at_s`, and when it starts anew."""
    start_s = origin_s if profile.kind is Kind.RELATIVE or profile.start_s is None else profile.start_s
    duration_s = FOREVER if profile.duration_s is None else profile.duration_s
    if profile.kind is not Kind.RECURRING or profile.repeat_s is None:
        return start_s, start_s + duration_s, FOREVER
    # errata 3.79: every 24 hours / 7 days at the time of startSchedule; longer durations are cut at the next start
    if at_s >= start_s:
        start_s += math.floor((at_s - start_s) / profile.repeat_s) * profile.repeat_s
    again_s = start_s + profile.repeat_s
    return start_s, min(start_s + duration_s, again_s), again_s


def _period_at(periods: Sequence[Period], offset_s: float) -> tuple[Period | None, float]:
    """The period in force and the offset of the next one; a period holds until the next begins (K01.FR.12)."""
    current: Period | None = None
    for period in periods:
        if period.start_s > offset_s:
            return current, period.start_s
        current = period
    return current, FOREVER


def _resolved(period: Period, unit: str, supply: Supply) -> tuple[float, int]:
    asked = PHASES_ASSUMED if period.phases is None else period.phases
    phases = max(1, min(asked, supply.phases))
    return supply.per_phase_a(period.limit, unit, phases), phases


def composite_schedule(
    profiles: Iterable[Profile],
    supply: Supply,
    tx_start_s: float | None,
    from_s: float,
    duration_s: float,
    unit: str = "A",
) -> list[Period]:
    """The merged schedule of the next `duration_s` seconds in `unit` (K08.FR.02), equal neighbours merged.

    Without a transaction it is what one starting now would get (K08.FR.06).
    """
    chosen = list(profiles)
    origin_s = from_s if tx_start_s is None else tx_start_s
    periods: list[Period] = []
    at_s = from_s
    while at_s < from_s + duration_s:
        limit = limit_at(chosen, supply, origin_s, at_s)
        value = limit.current_a if unit == "A" else limit.current_a * supply.voltage_v * limit.phases
        if not periods or (periods[-1].limit, periods[-1].phases) != (value, limit.phases):
            periods.append(Period(at_s - from_s, value, limit.phases))
        if limit.until_s <= at_s:
            break
        at_s = limit.until_s
    return periods
