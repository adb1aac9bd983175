"""How one station wants its charging profiles: what its firmware profile knows, else the house rules."""

from __future__ import annotations

from dataclasses import replace

from csms.charging.profiles import ProfileRules
from csms.model.charging_profile import RateUnit
from csms.station.state import StationState
from firmware_profiles import Limits, find

NOTHING_KNOWN = Limits()


def limits_of(station: StationState | None) -> Limits:
    """The limits part of the firmware profile that fits what the station said at boot."""
    if station is None or station.identity is None:
        return NOTHING_KNOWN
    identity = station.identity
    return find(identity.vendor, identity.model, identity.firmware).limits


def rules_for(station: StationState | None, house: ProfileRules) -> ProfileRules:
    """Stack level and number of periods for this station."""
    known = limits_of(station)
    return replace(
        house,
        stack_level=house.stack_level if known.stack_level is None else known.stack_level,
        periods_max=house.periods_max if known.periods_max is None else min(known.periods_max, house.periods_max),
    )


def known_unit(station: StationState | None) -> RateUnit | None:
    """The only unit it understands, None when both are worth a try."""
    unit = limits_of(station).unit
    return RateUnit(unit) if unit else None
