"""Logs of stations: diagnostics and security log, received by this server itself or sent elsewhere (N01)."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from csms.model.command import CommandResult
from csms.model.files import without_secrets
from csms.model.inbound import Acknowledged
from csms.model.logs import LogStatus, RequestLog
from csms.station import operations
from csms.station.context import Handlers, Performers, Send, StationContext
from csms.station.files import FileDesk, NoFileServer
from csms.store import changes
from csms.store.station_tables import Operation

KIND = "request_log"
"""The kind of the operation: the name of its command."""

ENDS = frozenset(
    {
        "Uploaded",
        "UploadFailed",
        "UploadFailure",
        "BadMessage",
        "PermissionDenied",
        "NotSupportedOperation",
        "AcceptedCanceled",
    }
)
"""UploadLogStatusEnumType and DiagnosticsStatus by their end states."""


async def log_status(
    context: StationContext, station_id: str, message: LogStatus, received_at: datetime
) -> Acknowledged:
    """A step of the upload (N01.FR.07 to N01.FR.10); always acknowledged, and kept when no upload is known."""
    ended = message.status in ENDS
    about = await operations.reported(
        context, station_id, KIND, message.request_id, received_at, message.status, ended=ended
    )
    if about is None:
        detail = {"status": message.status, "request_id": message.request_id}
        await context.store.writer.commit([changes.add_notice(station_id, received_at, "log_status", detail)])
    return Acknowledged()


async def request(context: StationContext, station_id: str, command: RequestLog, send: Send) -> CommandResult:
    """Order an upload, to this server when no location is given. Raises NoFileServer when it takes none."""
    desk = None if command.location else _desk(context)
    asked = {
        "log": command.kind.value,
        "oldest": command.oldest.isoformat() if command.oldest else None,
        "latest": command.latest.isoformat() if command.latest else None,
        "to": without_secrets(command.location) or "this server",
    }
    operation = await operations.begin(context, station_id, KIND, asked)
    location = await desk.upload_link(operation) if desk else command.location
    order = replace(command, location=location, request_id=operation.id)
    result = await operations.carry_out(context, operation, order, send)
    await _note(context, operation, result)
    return result


def _desk(context: StationContext) -> FileDesk:
    if context.outside.files is None:
        raise NoFileServer("this server takes no files; say a location")
    return context.outside.files


async def _note(context: StationContext, operation: Operation, result: CommandResult) -> None:
    """The name that the station gives its file; and what it gave up for this (N01.FR.12)."""
    if result.data:
        await operations.noted(context, operation, file_name=result.data)
    if result.status == "AcceptedCanceled":
        await operations.supersede_older(context, operation)


HANDLERS: Handlers = {LogStatus: log_status}

PERFORMERS: Performers = {RequestLog: request}
