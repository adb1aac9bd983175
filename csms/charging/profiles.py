"""The charging profiles that we send (grid-limits B2, B3; ocpp-in-the-field 6.4).

A TxProfile is one short absolute schedule that ends at the floor: if nobody renews it, the pile comes down by itself.
The same id is used for every renewal (K01.FR.06). The TxDefaultProfile at the floor stays installed for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from csms.charging.discretise import Setpoint
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


@dataclass(frozen=True, slots=True)
class ProfileRules:
    """What the station can take. `states_end`: also write validTo = lease end (some piles mishandle it)."""

    stack_level: int = 0
    periods_max: int = 2
    states_end: bool = False


def usual_unit(setpoint: Setpoint) -> RateUnit:
    """Amperes for AC, watts for DC: what most stations of the kind take."""
    return RateUnit.W if setpoint.kind == "dc" else RateUnit.A


def other_unit(unit: RateUnit) -> RateUnit:
    """The one to try when a station refuses this one."""
    return RateUnit.A if unit is RateUnit.W else RateUnit.W


def tx_profile(
    evse_id: int,
    transaction_id: str,
    setpoint: Setpoint,
    floor: Setpoint,
    unit: RateUnit,
    now: datetime,
    lease_s: float,
    rules: ProfileRules,
    later: Sequence[tuple[float, Setpoint]] = (),
) -> ChargingProfile:
    """`setpoint` now, what `later` (seconds from now, setpoint) lowers it to, and the floor from the lease end (I5).

    Limits never rise within the schedule: a raise needs the ledger's consent when it begins, not now.
    """
    start = whole_second(now) - BACKDATED
    end_s = int(lease_s + BACKDATED.total_seconds())
    steps = [(0, setpoint), *((int(after_s + BACKDATED.total_seconds()), lower) for after_s, lower in later)]
    steps = [step for step in steps if step[0] < end_s][: max(rules.periods_max - 1, 1)]
    if rules.periods_max > 1:
        steps.append((end_s, floor))
    return ChargingProfile(
        profile_id=TX_PROFILE_BASE + evse_id,
        stack_level=rules.stack_level,
        purpose=ProfilePurpose.TX,
        kind=ProfileKind.ABSOLUTE,
        unit=unit,
        periods=_falling(steps, unit),
        start=start,
        valid_to=start + timedelta(seconds=end_s) if rules.states_end or rules.periods_max == 1 else None,
        transaction_id=transaction_id,
    )


def floor_profile(evse_id: int, floor: Setpoint, unit: RateUnit, now: datetime) -> ChargingProfile:
    """The lasting ceiling for whatever happens without a TxProfile: stack level 0, absolute, without end (B2)."""
    return ChargingProfile(
        profile_id=FLOOR_PROFILE_BASE + evse_id,
        stack_level=0,
        purpose=ProfilePurpose.TX_DEFAULT,
        kind=ProfileKind.ABSOLUTE,
        unit=unit,
        periods=(SchedulePeriod(0, floor.limit(unit), _told_phases(floor)),),
        start=whole_second(now) - BACKDATED,
    )


def whole_second(moment: datetime) -> datetime:
    """Stations read whole seconds; rounded down, so a schedule never starts later than meant."""
    return moment.replace(microsecond=0)


def _falling(steps: Sequence[tuple[int, Setpoint]], unit: RateUnit) -> tuple[SchedulePeriod, ...]:
    """Periods that never rise; equal neighbours are merged."""
    periods: list[SchedulePeriod] = []
    for start_s, setpoint in steps:
        limit = setpoint.limit(unit)
        if not periods or limit < periods[-1].limit:
            periods.append(SchedulePeriod(start_s, limit, _told_phases(setpoint)))
    return tuple(periods)


def _told_phases(setpoint: Setpoint) -> int | None:
    return None if setpoint.kind == "dc" else setpoint.phases
