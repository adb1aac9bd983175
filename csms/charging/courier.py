"""Takes one profile to a station and tells what became of it: accepted, refused, never sent, or not known."""

from __future__ import annotations

import asyncio
from enum import StrEnum

from csms.charging.journal import Sending
from csms.charging.ports import Stations
from csms.model.bounds import CALL_TIMEOUT_S
from csms.model.clock import Clock
from csms.model.command import SetChargingProfile
from csms.model.errors import CallRefused, CsmsError, NotInThisVersion, PeerError, StationOffline, UnknownStation

PATIENCE_S = 2 * CALL_TIMEOUT_S
"""The link has its own time-out; this one is for a link that forgets about it."""


class Outcome(StrEnum):
    """What is known of a profile. UNKNOWN: the station may or may not act on it."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NEVER_SENT = "never_sent"
    UNKNOWN = "unknown"


async def deliver(clock: Clock, stations: Stations, sending: Sending) -> tuple[Outcome, str]:
    """Send and wait for the answer; returns the outcome and the status to store. Raises nothing of the station's."""
    command = SetChargingProfile(sending.ref.evse_id, sending.profile)
    try:
        async with asyncio.timeout(clock.wall_s(PATIENCE_S)):
            result = await stations.command(sending.ref.station_id, command)
    except (StationOffline, UnknownStation, NotInThisVersion) as fault:
        return Outcome.NEVER_SENT, fault.code
    except CallRefused as fault:
        return Outcome.REFUSED, fault.error_code
    except (CsmsError, TimeoutError):
        return Outcome.UNKNOWN, "timeout"
    except PeerError:
        return Outcome.UNKNOWN, "error"
    return (Outcome.ACCEPTED if result.accepted else Outcome.REFUSED), result.status
