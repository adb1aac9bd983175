"""Firmware of 1.6 stations: UpdateFirmware, and SignedUpdateFirmware of the security extension (L01).

The plain messages carry no request id; the signed ones do.
"""

from __future__ import annotations

from datetime import datetime, tzinfo

from csms.model.errors import NotInThisVersion
from csms.model.firmware import FirmwareStatus, UpdateFirmware
from csms.wire.block import Block, Calls, present
from csms.wire.files import read_request_id, read_status, retrying
from csms.wire.times import format_time
from csms.wire.translator import Payload


def _status(payload: Payload, received_at: datetime, zone: tzinfo) -> FirmwareStatus:
    return FirmwareStatus(read_status(payload), read_request_id(payload))


def _update(command: UpdateFirmware) -> Calls:
    begins_at = format_time(command.begins_at)
    if not command.signature:
        if command.install_at is not None:
            raise NotInThisVersion("OCPP 1.6 stations install unsigned firmware as soon as they have it")
        return [("UpdateFirmware", {"location": command.location, "retrieveDate": begins_at, **retrying(command)})]
    firmware = {
        "location": command.location,
        "retrieveDateTime": begins_at,
        **present({"installDateTime": format_time(command.install_at) if command.install_at else None}),
        "signingCertificate": command.signing_certificate,
        "signature": command.signature,
    }
    return [("SignedUpdateFirmware", {"requestId": command.request_id, "firmware": firmware, **retrying(command)})]


BLOCK = Block(
    calls={"FirmwareStatusNotification": _status, "SignedFirmwareStatusNotification": _status},
    commands={UpdateFirmware: _update},
)
