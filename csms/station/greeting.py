"""What a station that has connected is asked for, because it does not tell it by itself (SR-07, RB-14)."""

from __future__ import annotations

import asyncio
import logging

from msgspec.structs import replace

from csms.model.command import Trigger
from csms.model.errors import CsmsError, NotInThisVersion, PeerError
from csms.model.station import RegistrationStatus
from csms.station import lifecycle
from csms.station.asking import ask
from csms.station.context import StationContext
from csms.station.ports import Link
from csms.station.state import StationState
from csms.station.wishes import firmware_of

MOMENT_S = 2.0
"""What comes by itself is there by then."""

STATUS = Trigger("StatusNotification")

log = logging.getLogger(__name__)


async def greet(context: StationContext, station_id: str, link: Link) -> None:
    """Ask for what does not come."""
    station = context.stations[station_id]
    await _boot(context, station, link)
    await _states(context, station, link)


async def _boot(context: StationContext, station: StationState, link: Link) -> None:
    """Some stations never boot by themselves: go on as accepted and ask once. Those that are known for it are asked
    each time, and soon: they may have another firmware than the last time.
    """
    known = firmware_of(station)
    never = known is not None and known.boot.absent_on_connect
    grace_s = context.settings.boot_grace_s
    await asyncio.sleep(context.clock.wall_s(min(grace_s, MOMENT_S) if never else grace_s))
    told = station.booted_here if never else station.booted
    if told or station.link is not link or station.boot_wish is not RegistrationStatus.ACCEPTED:
        return
    station.booted, station.registration = True, RegistrationStatus.ACCEPTED
    await lifecycle.ask_for_boot(context, station, link)


async def _states(context: StationContext, station: StationState, link: Link) -> None:
    """Who booted on an earlier connection may have nothing to say on this one (pain 6): what all its connectors do is
    asked for. Some tell only of connector 1 when they come back.
    """
    known = firmware_of(station)
    if station.link is not link:
        return
    if _is_mute(station):
        await _ask_for_all(context, station, link)
    elif known is not None and known.status.only_one_connector_after_reconnect:
        for evse_id in sorted(number for number in station.evses if number > 1):
            await _ask_for(context, station, link, Trigger("StatusNotification", evse_id))


def _is_mute(station: StationState) -> bool:
    """Whether a station that booted before has told no state since it connected."""
    if station.booted_at is None or station.connected_at is None or not station.evses:
        return False
    return station.booted_at < station.connected_at and not station.manners.states


async def _ask_for_all(context: StationContext, station: StationState, link: Link) -> None:
    """One connector after the other where the station cannot be asked for all of them (F06.FR.13)."""
    try:
        await _ask_for(context, station, link, STATUS)
    except NotInThisVersion:
        for evse in list(station.evses.values()):
            for connector_id in list(evse.connectors) or (1,):
                asked = replace(STATUS, evse_id=evse.ref.evse_id, connector_id=connector_id)
                await _ask_for(context, station, link, asked)


async def _ask_for(context: StationContext, station: StationState, link: Link, asked: Trigger) -> None:
    """Raises NotInThisVersion; any other refusal is no matter."""
    try:
        await ask(context, station, link, asked)
    except NotInThisVersion:
        raise
    except (CsmsError, PeerError) as fault:
        log.info("state_not_triggered", extra={"station": station.station_id, "fault": str(fault)})
