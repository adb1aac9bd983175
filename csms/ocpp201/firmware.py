"""Firmware of 2.0.1 stations and local controllers (block L)."""

from __future__ import annotations

from datetime import datetime, tzinfo

from csms.model.firmware import (
    FirmwareStatus,
    PublishFirmware,
    PublishFirmwareStatus,
    UnpublishFirmware,
    UpdateFirmware,
)
from csms.wire.block import Block, Calls, present
from csms.wire.files import read_request_id, read_status, retrying
from csms.wire.times import format_time
from csms.wire.translator import Payload


def _status(payload: Payload, received_at: datetime, zone: tzinfo) -> FirmwareStatus:
    return FirmwareStatus(read_status(payload), read_request_id(payload))


def _published(payload: Payload, received_at: datetime, zone: tzinfo) -> PublishFirmwareStatus:
    told = payload.get("location")
    locations = (
        tuple(item.replace("\0", "") for item in told if isinstance(item, str)) if isinstance(told, list) else ()
    )
    return PublishFirmwareStatus(read_status(payload), read_request_id(payload), locations)


def _update(command: UpdateFirmware) -> Calls:
    """With a signature it is the secure update (L01), without the plain one (L02)."""
    optional = {
        "installDateTime": format_time(command.install_at) if command.install_at else None,
        "signingCertificate": command.signing_certificate or None,
        "signature": command.signature or None,
    }
    firmware = {"location": command.location, "retrieveDateTime": format_time(command.begins_at), **present(optional)}
    return [("UpdateFirmware", {"requestId": command.request_id, "firmware": firmware, **retrying(command)})]


def _publish(command: PublishFirmware) -> Calls:
    payload = {"location": command.location, "checksum": command.checksum, "requestId": command.request_id}
    return [("PublishFirmware", {**payload, **retrying(command)})]


def _unpublish(command: UnpublishFirmware) -> Calls:
    return [("UnpublishFirmware", {"checksum": command.checksum})]


BLOCK = Block(
    calls={"FirmwareStatusNotification": _status, "PublishFirmwareStatusNotification": _published},
    commands={UpdateFirmware: _update, PublishFirmware: _publish, UnpublishFirmware: _unpublish},
)
