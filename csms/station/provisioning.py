"""Boot and heartbeat (OCPP 1.6 sections 4.2, 4.6; 2.0.1 blocks B and G02)."""

from __future__ import annotations

import logging
from datetime import datetime

from csms.model.authentication import SecurityProfile
from csms.model.errors import StoreUnavailable
from csms.model.event import StationBooted
from csms.model.inbound import Boot, BootReply, Heartbeat, HeartbeatReply
from csms.model.station import RegistrationStatus, StationIdentity
from csms.station import alarms, configuration, lifecycle, local_list, registration, renewal
from csms.station.context import Handlers, StationContext
from csms.station.corrections import corrections
from csms.station.state import StationState
from csms.station.wishes import OCPP16, firmware_of
from csms.station.work import Work
from csms.store import changes

BOOT_AGAIN_S = 30
"""When a station that had to wait for the database, or waits for its configuration, boots again."""

REJECTED_AGAIN_S = 600
"""When a station that is not wanted may ask again."""

_AGAIN_S = {RegistrationStatus.PENDING: BOOT_AGAIN_S, RegistrationStatus.REJECTED: REJECTED_AGAIN_S}

log = logging.getLogger(__name__)


async def boot(context: StationContext, station_id: str, message: Boot, received_at: datetime) -> BootReply:
    """Keep what the station says of itself and answer as it is wished for it (B01.FR.01, B01.FR.02, B02, B03).

    While the database is away it is Pending: it stays connected, keeps its data and boots again soon (B02.FR.06 and
    B02.FR.08).
    """
    station = context.stations[station_id]
    identity, answer = message.identity, renewal.answer_to_boot(station)
    if _of_another_certificate(station, identity):
        return _sent_away(context, station, identity)
    booted = changes.station_booted(
        station_id,
        at=received_at,
        protocol=station.link.protocol if station.link else "",
        vendor=identity.vendor,
        model=identity.model,
        serial=identity.serial,
        firmware=identity.firmware,
        iccid=identity.iccid,
        imsi=identity.imsi,
        meter_type=identity.meter_type,
        meter_serial=identity.meter_serial,
        boot_reason=message.reason,
        registration=answer,
    )
    told = _another_station(station, identity)
    notices = [changes.add_notice(station_id, received_at, "another_station", told)] if told else []
    try:
        await context.store.writer.commit([booted, configuration.restarted(station_id), *notices])
    except StoreUnavailable as fault:
        log.warning("boot_not_stored", extra={"station": station_id, "fault": str(fault)})
        return BootReply(RegistrationStatus.PENDING, context.clock.now(), BOOT_AGAIN_S)
    changed = station.identity != identity
    station.booted_at, station.identity = received_at, identity
    station.booted, station.registration = answer is RegistrationStatus.ACCEPTED, answer
    station.solicited.clear()
    known = firmware_of(station)
    station.corrections = corrections(known, context.settings.zone)
    await _take_for_its_make(context, station)
    if known is not None and known.cfg.keys_lost_on_reboot and answer is RegistrationStatus.ACCEPTED:
        context.spawn(configuration.set_again(context, station_id))
    if changed and answer is not RegistrationStatus.REJECTED and context.settings.read_device_model:
        context.spawn(configuration.learn(context, station_id))
    renewal.booted(context, station)
    if answer is not RegistrationStatus.ACCEPTED:
        return BootReply(answer, context.clock.now(), _AGAIN_S[answer])
    context.bus.publish(StationBooted(station_id, received_at))
    local_list.station_booted(context, station_id)
    return BootReply(RegistrationStatus.ACCEPTED, context.clock.now(), context.settings.heartbeat_s)


async def _take_for_its_make(context: StationContext, station: StationState) -> None:
    """What cannot be stored now counts all the same, and is found out again at the next boot."""
    plates = registration.nameplates_of_make(context, station)
    try:
        if plates:
            await context.store.writer.commit(plates)
    except StoreUnavailable as fault:
        log.warning("nameplates_not_stored", extra={"station": station.station_id, "fault": str(fault)})


def _of_another_certificate(station: StationState, told: StationIdentity) -> bool:
    """Whether it came in by a certificate and tells another serial number (B01.FR.11). 1.6 does not ask for that."""
    if station.link is None or station.link.protocol == OCPP16 or not told.serial:
        return False
    return station.proof.profile is SecurityProfile.CERTIFICATE and told.serial != station.proof.serial


def _sent_away(context: StationContext, station: StationState, told: StationIdentity) -> BootReply:
    """B01.FR.12. What it told of itself is not kept."""
    info = f"boot with serial number {told.serial!r}, the certificate is that of {station.proof.serial!r}"
    context.alarms.raise_(alarms.INVALID_CERTIFICATE, station.station_id, info)
    if station.link is not None:
        context.spawn(
            station.link.close(lifecycle.POLICY_VIOLATION, "the serial number is not that of the certificate")
        )
    return BootReply(RegistrationStatus.REJECTED, context.clock.now(), REJECTED_AGAIN_S)


def _another_station(station: StationState, now: StationIdentity) -> dict[str, object]:
    """The serial numbers when this is not the station that had the id before: replaced, or two share an id."""
    before = station.identity.serial if station.identity else ""
    return {"before": before, "now": now.serial} if before and now.serial and before != now.serial else {}


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
