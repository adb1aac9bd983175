"""The charging profiles that we send, shaped by the rung they are told on (grid-limits B2, B3; field 6.4, 9).

A limit is one short schedule that ends at the floor: if nobody renews it, the pile comes down by itself. The same id
is used for every renewal (K01.FR.06). The lasting profile at the floor stays installed for good; a rung that holds
without a transaction is limit and floor in one, under one id.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from csms.charging.discretise import Setpoint
from csms.charging.ladder import Rung
from csms.model.charging_profile import (
    ChargingProfile,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)

TX_PROFILE_BASE = 1000
FLOOR_PROFILE_BASE = 2000
BACKDATED = timedelta(seconds=60)
"""Schedules start a minute ago, so that a pile whose clock is a little behind applies them at once."""
LONG_BACKDATED = timedelta(days=1)
"""What has no other profile below it starts a day ago: before its schedule begins nothing limits a station, so a clock
that is behind, jumps back or tells the time of another zone must not come before it."""
ENDLESS = timedelta(days=3650)
"""How long a limit is counted whose end nobody can rely on."""


@dataclass(frozen=True, slots=True)
class ProfileRules:
    """What the station can take beside its rung.

    `periods_max` and `profile_id_max`: the largest. Not `renews`: the same limit must not be told twice, so it has no
    end. `dc_phases`: numberPhases also for DC. `valid_to`: honoured, ignored, refused, or None for not known.
    """

    periods_max: int = 2
    profile_id_max: int | None = None
    renews: bool = True
    dc_phases: bool = False
    valid_to: str | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """How long a limit lasts: `ends_s` seconds from now by itself, None: for good. `renewed`: told again before."""

    ends_s: float | None
    renewed: bool = True


def usual_unit(kind: str) -> RateUnit:
    """Amperes for AC, watts for DC: what most stations of the kind take."""
    return RateUnit.W if kind == "dc" else RateUnit.A


def lease(rung: Rung, rules: ProfileRules, lease_s: float, session_age_s: float) -> Lease:
    """When a limit told on this rung ends whatever the station makes of it.

    One period has no end but validTo, which only counts where it is known to be honoured. A relative schedule counts
    from the beginning of the transaction or from its arrival, as the station likes: the later one is counted.
    """
    if rung.purpose is None or not rules.renews:
        return Lease(None, renewed=False)
    if rules.periods_max == 1 and (rung.lasting or rules.valid_to != "honoured"):
        return Lease(None, renewed=not rung.lasting)
    if rules.periods_max == 1:
        return Lease(lease_s)
    return Lease(lease_s + session_age_s if rung.kind is ProfileKind.RELATIVE else lease_s)


def limit_profile(
    rung: Rung,
    evse_id: int,
    transaction_id: str,
    setpoint: Setpoint,
    floor: Setpoint,
    now: datetime,
    lease_s: float,
    session_age_s: float,
    rules: ProfileRules,
) -> ChargingProfile:
    """`setpoint` now and the floor from the end of the lease (I5)."""
    assert rung.purpose is not None
    start = None if rung.kind is ProfileKind.RELATIVE else whole_second(now) - backdated(rung)
    begun_s = int(session_age_s if start is None else backdated(rung).total_seconds())
    steps = [(0, setpoint)]
    if rules.renews:
        steps.append((begun_s + int(lease_s), floor))
    ends = rules.periods_max == 1 and rules.renews and not rung.lasting and rules.valid_to != "refused"
    return ChargingProfile(
        profile_id=profile_id(rung, evse_id, rules),
        stack_level=rung.stack_level,
        purpose=rung.purpose,
        kind=rung.kind,
        unit=rung.unit,
        periods=_periods(steps, rung.unit, rules),
        start=start,
        valid_to=whole_second(now) + timedelta(seconds=int(lease_s)) if ends else None,
        transaction_id=transaction_id if rung.purpose is ProfilePurpose.TX else None,
    )


def ending_by(profile: ChargingProfile, moment: datetime) -> ChargingProfile:
    """The same limit, at its last period (the floor) by `moment` at the latest."""
    if len(profile.periods) == 1:
        return profile
    last = profile.periods[-1]
    latest_s = 0 if profile.start is None else int((moment - profile.start).total_seconds())
    if latest_s <= profile.periods[-2].start_s:
        return replace(profile, periods=(replace(last, start_s=0),))
    return replace(profile, periods=(*profile.periods[:-1], replace(last, start_s=min(last.start_s, latest_s))))


def floor_profile(rung: Rung, evse_id: int, floor: Setpoint, now: datetime, rules: ProfileRules) -> ChargingProfile:
    """The lasting ceiling for whatever happens when nobody speaks to the station: one period without end (B2)."""
    assert rung.purpose is not None
    return ChargingProfile(
        profile_id=profile_id(rung, evse_id, rules),
        stack_level=rung.stack_level,
        purpose=rung.purpose,
        kind=rung.kind,
        unit=rung.unit,
        periods=_periods([(0, floor)], rung.unit, rules),
        start=None if rung.kind is ProfileKind.RELATIVE else whole_second(now) - backdated(rung),
    )


def connector(rung: Rung, evse_id: int) -> int:
    """Where the profile is installed."""
    return 0 if rung.station_wide else evse_id


def profile_id(rung: Rung, evse_id: int, rules: ProfileRules) -> int:
    """One id for each slot, so that a renewal replaces what it renews (K01.FR.06, K01.FR.39)."""
    place = connector(rung, evse_id)
    number = (FLOOR_PROFILE_BASE if rung.lasting else TX_PROFILE_BASE) + place
    if rules.profile_id_max is None or number <= rules.profile_id_max:
        return number
    return 1 + (2 * place + rung.lasting) % rules.profile_id_max


def backdated(rung: Rung) -> timedelta:
    """How long ago a schedule on this rung begins."""
    return LONG_BACKDATED if rung.lasting else BACKDATED


def whole_second(moment: datetime) -> datetime:
    """Stations read whole seconds; rounded down, so a schedule never starts later than meant."""
    return moment.replace(microsecond=0)


def one_decimal(limit: float) -> float:
    """Rounded down to 0.1, the finest that a schedule may carry."""
    return math.floor(limit * 10 + 1e-6) / 10


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a schedule that a station takes now. `again_s`: the rest must be sent before this moment, at which
    the last period begins (where there is only one: at which it should end); None when nothing is left out."""

    periods: tuple[tuple[int, float], ...]
    again_s: int | None = None


def rolling_window(steps: Sequence[tuple[int, float]], periods_max: int) -> Window:
    """At most `periods_max` periods of (start in s, limit): equal neighbours merged, limits rounded down to 0.1, and
    the end cut off (RB-69). Starts rise from 0.
    """
    merged: list[tuple[int, float]] = []
    for start_s, limit in steps:
        rounded = one_decimal(limit)
        if not merged or rounded != merged[-1][1]:
            merged.append((start_s, rounded))
    kept, rest = tuple(merged[:periods_max]), merged[periods_max:]
    if not rest:
        return Window(kept)
    return Window(kept, kept[-1][0] if len(kept) > 1 else rest[0][0])


def _periods(steps: Sequence[tuple[int, Setpoint]], unit: RateUnit, rules: ProfileRules) -> tuple[SchedulePeriod, ...]:
    """Limits never rise within a schedule: a raise needs the ledger's consent when it begins, not now."""
    lowest: list[tuple[int, float]] = []
    for start_s, setpoint in steps:
        limit = setpoint.limit(unit)
        lowest.append((start_s, min(limit, lowest[-1][1]) if lowest else limit))
    first = steps[0][1]
    phases = None if first.kind == "dc" and not rules.dc_phases else first.phases
    return tuple(
        SchedulePeriod(at_s, limit, phases) for at_s, limit in rolling_window(lowest, rules.periods_max).periods
    )
