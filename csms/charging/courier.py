"""Takes questions and limits to a station and tells what became of them; raises nothing of the station's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from enum import StrEnum

from csms.charging.journal import Sending
from csms.charging.ladder import Declared
from csms.charging.ports import Stations
from csms.model.bounds import CALL_TIMEOUT_S
from csms.model.charging_profile import CompositeSchedule, RateUnit
from csms.model.clock import Clock
from csms.model.command import ClearChargingProfile, Command, CommandResult, GetCompositeSchedule, GetVariables
from csms.model.errors import (
    CallRefused,
    CallTimeout,
    CsmsError,
    NotInThisVersion,
    PeerError,
    StationOffline,
    UnknownStation,
)

log = logging.getLogger(__name__)

PATIENCE_S = 2 * CALL_TIMEOUT_S
"""The link has its own time-out; this one is for a link that forgets about it."""

COMPOSITE_S = 300
"""For how long a station is asked what it will do; only the beginning is of interest."""

UNKNOWN_ACTION = "NotImplemented"
"""The error code of a station that has no handler for a call (OCPP-J 1.6 section 4.2.3, 2.0.1 part 4)."""

KEYS = {
    "units": ("ChargingScheduleAllowedChargingRateUnit", "SmartChargingCtrlr.RateUnit"),
    "stack_level_max": ("ChargeProfileMaxStackLevel", "SmartChargingCtrlr.ProfileStackLevel"),
    "periods_max": ("ChargingScheduleMaxPeriods", "SmartChargingCtrlr.PeriodsPerSchedule"),
    "profiles_max": ("MaxChargingProfilesInstalled", ""),
    "smart_charging": ("SupportedFeatureProfiles", "SmartChargingCtrlr.Enabled"),
}
"""What a station declares of smart charging: the key of 1.6, the variable of 2.0.1 (whose Entries counts profiles)."""


class Outcome(StrEnum):
    """What is known of a limit. UNKNOWN: the station may or may not act on it; SILENT: also, and it had time."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    ABSENT = "absent"
    NEVER_SENT = "never_sent"
    SILENT = "silent"
    UNKNOWN = "unknown"


async def deliver(clock: Clock, stations: Stations, sending: Sending) -> tuple[Outcome, str]:
    """Send and wait for the answer; returns the outcome and the status to store."""
    try:
        async with asyncio.timeout(clock.wall_s(PATIENCE_S)):
            result = await stations.command(sending.ref.station_id, sending.command)
    except (StationOffline, UnknownStation) as fault:
        return Outcome.NEVER_SENT, fault.code
    except NotInThisVersion as fault:
        return Outcome.REFUSED, fault.code
    except CallRefused as fault:
        return (Outcome.ABSENT if fault.error_code == UNKNOWN_ACTION else Outcome.REFUSED), fault.error_code
    except (CallTimeout, TimeoutError):
        return Outcome.SILENT, "timeout"
    except CsmsError as fault:
        return Outcome.UNKNOWN, fault.code
    except PeerError:
        return Outcome.UNKNOWN, "error"
    return (Outcome.ACCEPTED if result.accepted else Outcome.REFUSED), result.status


async def composite(
    clock: Clock, stations: Stations, station_id: str, evse_id: int, unit: RateUnit, duration_s: int = COMPOSITE_S
) -> CompositeSchedule | None:
    """What the station says it will do; None when it does not say."""
    result = await _asked(clock, stations, station_id, GetCompositeSchedule(evse_id, duration_s, unit))
    return result.composite if result is not None else None


async def clear(clock: Clock, stations: Stations, station_id: str, profile_id: int) -> None:
    """Take away a profile that another one shall take the place of; whether it works is seen by what follows."""
    await _asked(clock, stations, station_id, ClearChargingProfile(profile_id=profile_id))


async def declaration(clock: Clock, stations: Stations, station_id: str) -> Declared:
    """What the station says of its smart charging; empty when it says nothing that makes sense."""
    for version in (0, 1):
        names = {field: both[version] for field, both in KEYS.items() if both[version]}
        try:
            result = await _ask(clock, stations, station_id, GetVariables(tuple(names.values())))
        except NotInThisVersion:
            continue
        except (CsmsError, PeerError, TimeoutError) as fault:
            log.info("declaration_not_read", extra={"station": station_id, "fault": str(fault)})
            break
        return read_declaration({field: result.values.get(name) for field, name in names.items()})
    return Declared()


def read_declaration(told: Mapping[str, str | None]) -> Declared:
    """The values as hints. Units: Current, Power (1.6) or A, W (2.0.1), in any case and order; nonsense counts as
    nothing."""
    units = (told.get("units") or "").lower().replace(" ", "").split(",")
    named = {"current": RateUnit.A, "a": RateUnit.A, "power": RateUnit.W, "w": RateUnit.W}
    smart = told.get("smart_charging")
    return Declared(
        units=tuple(dict.fromkeys(named[unit] for unit in units if unit in named)),
        stack_level_max=_whole(told.get("stack_level_max")),
        periods_max=_whole(told.get("periods_max")),
        profiles_max=_whole(told.get("profiles_max")),
        smart_charging=None if not smart else "smartcharging" in smart.lower() or smart.lower() == "true",
    )


def _whole(text: str | None) -> int | None:
    digits = (text or "").strip()
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 9 else None


async def _asked(clock: Clock, stations: Stations, station_id: str, command: Command) -> CommandResult | None:
    try:
        return await _ask(clock, stations, station_id, command)
    except (CsmsError, PeerError, TimeoutError) as fault:
        log.info("station_not_asked", extra={"station": station_id, "fault": str(fault)})
        return None


async def _ask(clock: Clock, stations: Stations, station_id: str, command: Command) -> CommandResult:
    async with asyncio.timeout(clock.wall_s(PATIENCE_S)):
        return await stations.command(station_id, command)
