"""Raw calls: whatever an administrator writes goes to the station as it is, but for what has rules of its own."""

from __future__ import annotations

from collections.abc import Mapping

from csms.model.command import CommandResult, RawCall
from csms.model.errors import CsmsError
from csms.station.context import Performers, Send, StationContext
from csms.station.firmware import may_be_unsigned

RULED: Mapping[str, str] = {
    "InstallCertificate": "install_certificate",
    "UpdateFirmware": "update_firmware",
    "SignedUpdateFirmware": "update_firmware",
}
"""Actions whose commands check what the station is given: roots and firmware."""


class RawCallRefused(CsmsError):
    """This action is not sent raw, because its command checks what the station is given."""

    code = "raw_call_refused"


async def perform(context: StationContext, station_id: str, command: RawCall, send: Send) -> CommandResult:
    """Send it. Raises RawCallRefused."""
    firmware = RULED.get(command.action) == "update_firmware"
    if command.action in RULED and not (firmware and may_be_unsigned(context, station_id)):
        raise RawCallRefused(f"{command.action} is not sent raw; use the command {RULED[command.action]}")
    return await send(command)


PERFORMERS: Performers = {RawCall: perform}
