"""Firmware updates, and files that local controllers publish (2.0.1 block L; 1.6 section 4.5 and its extension's L01).

An update is an operation: every word of the station is a step of it, and the last one ends it. Firmware of this server
goes to the station through a one-time address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from msgspec.structs import replace

from csms.model.command import CommandResult
from csms.model.errors import CsmsError
from csms.model.files import without_secrets
from csms.model.firmware import FirmwareStatus, PublishFirmware, PublishFirmwareStatus, UpdateFirmware
from csms.model.inbound import Acknowledged
from csms.security.facts import FirmwareSignatureInvalid, check_signer
from csms.station import alarms, operations
from csms.station.context import Handlers, Performers, Send, StationContext
from csms.station.files import FileDesk, NoFileServer
from csms.store import changes
from csms.store.station_tables import FirmwareFile, Operation


class FirmwareUnsigned(CsmsError):
    """This station is given no firmware without its maker's signature."""

    code = "firmware_unsigned"


UPDATE, PUBLISH = "update_firmware", "publish_firmware"
"""Kinds of operations: the names of their commands."""

UPDATE_ENDS = frozenset(
    {
        "Installed",
        "DownloadFailed",
        "InstallationFailed",
        "InstallVerificationFailed",
        "InvalidSignature",
        "InvalidCertificate",
        "RevokedCertificate",
    }
)
"""FirmwareStatusEnumType by its end states; the last two only in stations of older editions."""

PUBLISH_ENDS = frozenset({"Published", "DownloadFailed", "InvalidChecksum", "PublishFailed"})

CANCELED = "AcceptedCanceled"

RETRIES_UNSAID = 3
"""Where the order does not say `retries`, the station decides how often it tries again (UpdateFirmwareRequest)."""


async def firmware_status(
    context: StationContext, station_id: str, message: FirmwareStatus, received_at: datetime
) -> Acknowledged:
    """A step of the update (L01.FR.01, L01.FR.10); always acknowledged, and kept when no update is known."""
    ended = message.status in UPDATE_ENDS
    about = await operations.reported(
        context, station_id, UPDATE, message.request_id, received_at, message.status, ended=ended
    )
    if about is None:
        await _keep(context, station_id, received_at, "firmware_status", message.status, message.request_id)
    return Acknowledged()


async def publish_status(
    context: StationContext, station_id: str, message: PublishFirmwareStatus, received_at: datetime
) -> Acknowledged:
    """A step of publishing, at its end with the addresses that stations may be sent to (L03.FR.01, L03.FR.04)."""
    told = {"locations": [without_secrets(place) for place in message.locations]} if message.locations else {}
    ended = message.status in PUBLISH_ENDS
    about = await operations.reported(
        context, station_id, PUBLISH, message.request_id, received_at, message.status, ended=ended, **told
    )
    if about is None:
        await _keep(context, station_id, received_at, "publish_firmware_status", message.status, message.request_id)
    return Acknowledged()


async def update(context: StationContext, station_id: str, command: UpdateFirmware, send: Send) -> CommandResult:
    """Order an update. Raises UnknownFirmware, FirmwareSignatureInvalid, FirmwareUnsigned before anything is asked of
    the station.
    """
    source = await _source(context, command.firmware)
    try:
        signed = await _signed(context, source, command)
        _check_signed(context, station_id, signed)
    except (FirmwareSignatureInvalid, FirmwareUnsigned) as fault:
        context.alarms.raise_(alarms.FIRMWARE_REFUSED, station_id, str(fault))
        raise
    begins_at = signed.retrieve_at or context.clock.now()
    operation = await operations.begin(context, station_id, UPDATE, _asked(signed, source, begins_at))
    location = await _location(source, operation, command.location, begins_at, _transfers(command.retries))
    order = replace(signed, firmware="", location=location, retrieve_at=begins_at, request_id=operation.id)
    result = await operations.carry_out(context, operation, order, send)
    if result.status == CANCELED:
        await operations.supersede_older(context, operation)
    return result


async def publish(context: StationContext, station_id: str, command: PublishFirmware, send: Send) -> CommandResult:
    """Order a local controller to publish a file. Raises UnknownFirmware before anything is asked of it."""
    source = await _source(context, command.firmware)
    checksum = source.row.md5 if source else command.checksum
    now = context.clock.now()
    asked = {"file": command.firmware or without_secrets(command.location), "checksum": checksum}
    operation = await operations.begin(context, station_id, PUBLISH, asked)
    location = await _location(source, operation, command.location, now, _transfers(command.retries))
    order = replace(command, firmware="", location=location, checksum=checksum, request_id=operation.id)
    return await operations.carry_out(context, operation, order, send)


@dataclass(frozen=True, slots=True)
class _OwnFile:
    """Firmware that lies on this server."""

    desk: FileDesk
    row: FirmwareFile


async def _source(context: StationContext, name: str) -> _OwnFile | None:
    if not name:
        return None
    desk = context.outside.files
    if desk is None:
        raise NoFileServer("this server hands out no firmware; say a location")
    return _OwnFile(desk, await desk.firmware(name))


async def _signed(context: StationContext, source: _OwnFile | None, command: UpdateFirmware) -> UpdateFirmware:
    """An own file brings its signature along. It is checked once more, for the certificate may have ended or its maker
    may count no longer; so is one that is given (L01.FR.11, A00.FR.706). Of a file that lies elsewhere only the
    certificate can be checked: the signature is checked by the station.
    """
    if source is None:
        if command.signature:
            check_signer(command.signing_certificate, context.outside.makers, context.clock.now())
        return command
    row = source.row
    if not command.signature:
        command = replace(command, signing_certificate=row.signing_certificate, signature=row.signature)
    if command.signature:
        await source.desk.check_signature(row.name, command.signing_certificate, command.signature)
    return command


def may_be_unsigned(context: StationContext, station_id: str) -> bool:
    """Whether the house lets this station have firmware without its maker's signature."""
    return any(fnmatchcase(station_id, pattern) for pattern in context.settings.unsigned_for)


def _check_signed(context: StationContext, station_id: str, command: UpdateFirmware) -> None:
    """Raises FirmwareUnsigned."""
    if not command.signature and not may_be_unsigned(context, station_id):
        what = command.firmware or without_secrets(command.location)
        raise FirmwareUnsigned(
            f"{what} has no signature of its maker: give it one (csms station firmware upload --certificate "
            "--signature), or name the station in the setting firmware.unsigned_for"
        )


def _transfers(retries: int | None) -> int:
    """How often a station may fetch the file: what the network took of a transfer that broke off near its end looks
    like a whole one from here.
    """
    return 1 + (RETRIES_UNSAID if retries is None else retries)


async def _location(
    source: _OwnFile | None, operation: Operation, location: str, begins_at: datetime, transfers: int
) -> str:
    if source is None:
        return location
    return await source.desk.firmware_link(operation, source.row.name, begins_at, transfers)


def _asked(command: UpdateFirmware, source: _OwnFile | None, begins_at: datetime) -> Mapping[str, Any]:
    """What an operator wants to see again; no address that anybody could use."""
    return {
        "file": command.firmware or without_secrets(command.location),
        "sha256": source.row.sha256 if source else None,
        "signed": bool(command.signature),
        "retrieve_at": begins_at.isoformat(),
        "install_at": command.install_at.isoformat() if command.install_at else None,
    }


async def _keep(
    context: StationContext, station_id: str, at: datetime, code: str, status: str, request_id: int | None
) -> None:
    detail = {"status": status, "request_id": request_id}
    await context.store.writer.commit([changes.add_notice(station_id, at, code, detail)])


HANDLERS: Handlers = {FirmwareStatus: firmware_status, PublishFirmwareStatus: publish_status}

PERFORMERS: Performers = {UpdateFirmware: update, PublishFirmware: publish}
