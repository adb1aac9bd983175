"""Boot and heartbeat (OCPP 1.6 sections 4.2, 4.6; 2.0.1 blocks B and G02)."""

from __future__ import annotations

import logging
from datetime import datetime

from csms.model.errors import StoreUnavailable
from csms.model.event import StationBooted
from csms.model.inbound import Boot, BootReply, Heartbeat, HeartbeatReply
from csms.model.station import RegistrationStatus
from csms.station.context import Handlers, StationContext
from csms.station.work import Work
from csms.store import changes

BOOT_AGAIN_S = 30
"""When a station that had to wait for the database boots again."""

log = logging.getLogger(__name__)


async def boot(context: StationContext, station_id: str, message: Boot, received_at: datetime) -> BootReply:
    """Accept the station, keep what it says of itself (B01.FR.01, B01.FR.02).

    While the database is away it is Pending: it stays connected, keeps its data and boots again soon (B02.FR.06 and
    B02.FR.08).
    """
    station = context.stations[station_id]
    identity = message.identity
    booted = changes.station_booted(
        station_id,
        at=received_at,
        protocol=station.link.protocol if station.link else "",
        vendor=identity.vendor,
        model=identity.model,
        serial=identity.serial,
        firmware=identity.firmware,
    )
    try:
        await context.store.writer.commit([booted])
    except StoreUnavailable as fault:
        log.warning("boot_not_stored", extra={"station": station_id, "fault": str(fault)})
        return BootReply(RegistrationStatus.PENDING, context.clock.now(), BOOT_AGAIN_S)
    station.booted, station.booted_at, station.identity = True, received_at, identity
    context.bus.publish(StationBooted(station_id, received_at))
    return BootReply(RegistrationStatus.ACCEPTED, context.clock.now(), context.settings.heartbeat_s)


async def heartbeat(
    context: StationContext, station_id: str, message: Heartbeat, received_at: datetime
) -> HeartbeatReply:
    """Tell the time; nothing to store (the last sign of life is kept in memory and written with the next change)."""
    context.stations[station_id].manners.beat(received_at)
    return HeartbeatReply(context.clock.now())


def plan_heartbeat(context: StationContext, station_id: str, message: Heartbeat, received_at: datetime) -> Work:
    """The same, answered at once."""
    context.stations[station_id].manners.beat(received_at)
    return Work((), HeartbeatReply(context.clock.now()))


HANDLERS: Handlers = {Boot: boot, Heartbeat: heartbeat}
