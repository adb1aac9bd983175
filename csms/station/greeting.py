"""What a station that has connected is asked for, because it does not tell it by itself (SR-07, RB-14, pain 6)."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from csms.model.station import RegistrationStatus
from csms.station import lifecycle
from csms.station.context import StationContext
from csms.station.ports import Link
from csms.station.state import StationState
from csms.station.wishes import firmware_of

MOMENT_S = 2.0
"""What comes by itself is there by then."""


async def greet(context: StationContext, station_id: str, link: Link) -> None:
    """Once what comes by itself has come: ask who never boots for its boot, and who has nothing to say for its states.

    Makes that are known not to boot by themselves are asked each time, and soon: they may have another firmware now.
    """
    station = context.stations[station_id]
    known, grace_s = firmware_of(station), context.settings.boot_grace_s
    never_boots = known is not None and known.boot.absent_on_connect
    await asyncio.sleep(context.clock.wall_s(min(grace_s, MOMENT_S) if never_boots else grace_s))
    if station.link is not link:
        return
    boots = station.booted_here if never_boots else station.booted
    if not boots and station.boot_wish is RegistrationStatus.ACCEPTED:
        station.booted, station.registration = True, RegistrationStatus.ACCEPTED
        await lifecycle.ask_once(context, station, link, lifecycle.BOOT)
    elif station.booted and lifecycle.is_mute(station):
        await lifecycle.ask_for_states(context, station, link)
    elif known is not None and known.status.only_one_connector_after_reconnect:
        await _ask_for_the_others(context, station, link)


async def _ask_for_the_others(context: StationContext, station: StationState, link: Link) -> None:
    """It told of connector 1 alone."""
    for evse_id in sorted(number for number in station.evses if number > 1):
        asked = replace(lifecycle.STATUS, evse_id=evse_id, connector_id=1)
        await lifecycle.ask_once(context, station, link, asked)
