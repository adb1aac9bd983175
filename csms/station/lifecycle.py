"""Whether a station is let in: seen, approved, commissioned or rejected (B01 to B03; OCPP 1.6 section 4.2).

The stage says how far a station has come; it settles what the next boot is answered, unless an operator wishes
otherwise. What the last boot was answered decides what the station may say until it boots again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from csms.model.command import Command, RawCall, RemoteStart, RemoteStop, Trigger
from csms.model.device import DeviceReport, GetBaseReport, GetReport
from csms.model.errors import (
    CsmsError,
    PeerError,
    RpcErrorCode,
    StationNotAccepted,
    UnknownStation,
)
from csms.model.inbound import Boot, Heartbeat, Inbound, MeterReport, StatusReport, TransactionEvent
from csms.model.station import RegistrationStatus, Stage
from csms.station import proving
from csms.station.asking import ask
from csms.station.context import StationContext
from csms.station.ports import Link
from csms.station.state import StationState
from csms.store import changes
from csms.store.tables import Station

POLICY_VIOLATION = 1008

WISHES: Mapping[Stage, RegistrationStatus] = {
    Stage.APPROVED: RegistrationStatus.PENDING,
    Stage.COMMISSIONED: RegistrationStatus.ACCEPTED,
    Stage.REJECTED: RegistrationStatus.REJECTED,
}
"""What the next boot is answered, by the stage: an approved station is held until it is set up (B02.FR.01)."""

BOOT = Trigger("BootNotification")

_REPORT, _OTHER, _ANYTHING = "report", "other", "anything"

_TRIGGERED: Mapping[type[Inbound], str] = {
    Heartbeat: "Heartbeat",
    StatusReport: "StatusNotification",
    MeterReport: "MeterValues",
    TransactionEvent: "TransactionEvent",
    DeviceReport: _REPORT,
}
"""By what word a station is asked for its messages; all others are one kind."""

_NOT_WHILE_PENDING = (RemoteStart, RemoteStop)
"""Sessions are for stations that are accepted (B02.FR.05)."""

log = logging.getLogger(__name__)


def check_message(station: StationState, message: Inbound) -> None:
    """Raises PeerError (SecurityError) for what a station that is not accepted may not say.

    B01.FR.10, B02.FR.09, B03.FR.07; OCPP-J 1.6 errata 3.10. What it was asked for while it is Pending it may say.
    """
    if station.registration is RegistrationStatus.ACCEPTED or isinstance(message, Boot):
        return
    word = _TRIGGERED.get(type(message), _OTHER)
    asked_for = station.solicited & {word, _ANYTHING}
    if station.registration is RegistrationStatus.REJECTED or not asked_for:
        raise PeerError(RpcErrorCode.SECURITY_ERROR, f"the station is not accepted yet: {station.registration}")


def check_command(station: StationState, command: Command) -> None:
    """Raises StationNotAccepted for what may not be asked of a station yet; takes note of what it may now say."""
    if station.registration is RegistrationStatus.ACCEPTED:
        return
    refused = station.registration is RegistrationStatus.REJECTED and command != BOOT  # B03.FR.03
    if refused or isinstance(command, _NOT_WHILE_PENDING):
        raise StationNotAccepted(f"station {station.station_id} is {station.registration}, it cannot be asked for this")
    if isinstance(command, Trigger):
        station.solicited.add(command.message if command.message in _TRIGGERED.values() else _OTHER)
    elif isinstance(command, GetBaseReport | GetReport):
        station.solicited.add(_REPORT)
    elif isinstance(command, RawCall):
        station.solicited.add(_ANYTHING)


async def settle(
    context: StationContext, station_id: str, stage: Stage, wish: RegistrationStatus | None = None
) -> StationState:
    """Put a station at a stage, durable; raises UnknownStation.

    The wish counts from the next boot on, which a station that waits is asked for at once; a rejection counts now.
    """
    station = context.stations.get(station_id)
    if station is None:
        raise UnknownStation(f"no station {station_id!r} has been seen")
    wish = wish or WISHES.get(stage, context.settings.unknown_boot)
    never_booted = station.booted_at is None
    answered = wish if stage is Stage.REJECTED or never_booted else station.registration
    registered = station.registered or stage in (Stage.APPROVED, Stage.COMMISSIONED)
    bound = proving.bind(context, station) if registered and station.stage is Stage.SEEN else []
    columns = {"stage": stage, "boot_wish": wish, "registration": answered, "registered": registered}
    await context.store.writer.commit([changes.set_columns(Station, {"id": station_id}, **columns), *bound])
    station.stage, station.boot_wish, station.registration, station.registered = stage, wish, answered, registered
    context.count_stranger(station)
    if stage is Stage.REJECTED and station.link is not None:
        context.spawn(station.link.close(POLICY_VIOLATION, "this station is not wanted here"))
    else:
        pursue(context, station)
    return station


def pursue(context: StationContext, station: StationState) -> None:
    """Have a connected station that waits boot again, now that it would be accepted."""
    waits = station.registration is not RegistrationStatus.ACCEPTED
    if waits and station.boot_wish is RegistrationStatus.ACCEPTED and station.link is not None:
        context.spawn(ask_for_boot(context, station, station.link))


async def ask_for_boot(context: StationContext, station: StationState, link: Link) -> None:
    """Ask once; a station that cannot be asked boots when it pleases (B02.FR.08)."""
    try:
        await ask(context, station, link, BOOT)
    except (CsmsError, PeerError) as fault:
        log.info("boot_not_triggered", extra={"station": station.station_id, "fault": str(fault)})
