"""Boot and heartbeat (OCPP 1.6 sections 4.2, 4.6; 2.0.1 blocks B and G02)."""

from __future__ import annotations

from datetime import datetime

from csms.model.event import StationBooted
from csms.model.inbound import Boot, BootReply, Heartbeat, HeartbeatReply
from csms.model.station import RegistrationStatus
from csms.station.context import StationContext
from csms.station.work import Work
from csms.store import changes


async def boot(context: StationContext, station_id: str, message: Boot, received_at: datetime) -> BootReply:
    """Accept the station, keep what it says of itself (B01.FR.01, B01.FR.02)."""
    station = context.stations[station_id]
    identity = message.identity
    await context.store.writer.commit(
        [
            changes.station_booted(
                station_id,
                at=received_at,
                protocol=station.link.protocol if station.link else "",
                vendor=identity.vendor,
                model=identity.model,
                serial=identity.serial,
                firmware=identity.firmware,
            )
        ]
    )
    station.booted, station.booted_at, station.identity = True, received_at, identity
    context.bus.publish(StationBooted(station_id, received_at))
    return BootReply(RegistrationStatus.ACCEPTED, context.clock.now(), context.settings.heartbeat_s)


async def heartbeat(
    context: StationContext, station_id: str, message: Heartbeat, received_at: datetime
) -> HeartbeatReply:
    """Tell the time; nothing to store (the last sign of life is kept in memory and written with the next change)."""
    return HeartbeatReply(context.clock.now())


def plan_heartbeat(context: StationContext, station_id: str, message: Heartbeat, received_at: datetime) -> Work:
    """The same, answered at once."""
    return Work((), HeartbeatReply(context.clock.now()))
