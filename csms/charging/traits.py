"""What a firmware profile knows of limits, in the words of this room.

Where each of its fields has its effect stands in `firmware_profiles.limits` and docs/reference/firmware-profiles.md; a
field that a firmware profile does not state keeps its neutral value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from csms.charging.discretise import Outlet
from csms.charging.ladder import Declared
from csms.charging.profiles import ProfileRules
from csms.model.station import EvseRating
from csms.station.state import StationState
from csms.station.wishes import firmware_of
from firmware_profiles import FirmwareProfile, Limits

NOTHING_KNOWN = Limits()
KINDS_KEPT = 4096
"""Outlets of a kind are the same, and every round asks for them."""


def limits_of(station: StationState | None) -> Limits:
    """The limits part of the firmware profile."""
    known = firmware_of(station)
    return NOTHING_KNOWN if known is None else known.limits


@lru_cache(KINDS_KEPT)
def rules_for(limits: Limits, declared: Declared, house: ProfileRules) -> ProfileRules:
    """The shape of profiles: the fewest periods of what is known, what is declared and what the house sends.

    `repeat_same` harmful: a limit told twice is ignored by such a station, so it is told once and without an end.
    """
    told = limits.periods_max if limits.periods_max is not None else declared.periods_max
    return replace(
        house,
        periods_max=house.periods_max if not told or told < 1 else min(told, house.periods_max),
        profile_id_max=limits.profile_id_max,
        renews=repeats(limits),
        dc_phases=limits.needs_number_phases,
        valid_to=limits.valid_to,
    )


@lru_cache(KINDS_KEPT)
def outlet(rating: EvseRating, phases: int, floor_w: int, limits: Limits) -> Outlet:
    """An outlet with the steps and minima that its station really has."""
    return Outlet(
        rating,
        phases,
        floor_w,
        step_a=limits.step_a,
        steps_a=limits.steps_a,
        minimum_a=limits.floor_a,
        minimum_w=limits.floor_w,
    )


def pauses(limits: Limits) -> bool:
    """Whether a limit of 0 pauses the car; else 0 is never sent, and the floor is never 0 either: no plan is worth a
    session that ends or hangs."""
    return limits.zero_means == "pause"


def reaction_s(limits: Limits) -> float:
    """How long a limit may take to act beyond what is usual."""
    return limits.reaction_s or 0.0


def clock_behind_s(known: FirmwareProfile | None) -> float:
    """How far the clocks of this make are known to be behind."""
    return max(-known.time.ahead_s, 0.0) if known is not None else 0.0


def repeats(limits: Limits) -> bool:
    """Whether the same limit may be told twice within a connection."""
    return limits.repeat_same != "harmful"


def forgets_offline(known: FirmwareProfile | None) -> bool:
    """Whether the station may draw all it can while it is away (SR-10).

    OCPP has profiles survive, and a floor was seen to act; so only a firmware profile that says otherwise counts.
    """
    stated = known is not None and known.states("limits.after_reconnect")
    return stated and known is not None and known.limits.after_reconnect == "lost"


@dataclass(frozen=True, slots=True)
class Proofs:
    """Which proofs are worth asking for; power always counts against a station."""

    offered: bool
    power: bool
    composite: bool


TRUTHFUL = ("true", "noisy", "unlimited")
"""Composite schedules worth asking for."""


@lru_cache(KINDS_KEPT)
def proofs(limits: Limits) -> Proofs:
    """`confirm_by` of the firmware profile, and what its composite schedules are worth."""
    offered, power, composite = (name in limits.confirm_by for name in ("offered", "power", "composite"))
    return Proofs(offered, power, composite and limits.composite in TRUTHFUL)
