"""Logs of 1.6 stations: GetDiagnostics for diagnostics, GetLog of the security extension for the security log (N01)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from csms.model.command import CommandResult
from csms.model.logs import LogKind, LogStatus, RequestLog
from csms.wire.block import Block, Calls, present
from csms.wire.files import read_request_id, read_status, retrying
from csms.wire.reading import text
from csms.wire.times import format_time
from csms.wire.translator import Payload


def _status(payload: Payload, received_at: datetime, zone: tzinfo) -> LogStatus:
    return LogStatus(read_status(payload), read_request_id(payload))


def _request(command: RequestLog) -> Calls:
    oldest = format_time(command.oldest) if command.oldest else None
    latest = format_time(command.latest) if command.latest else None
    if command.kind is LogKind.DIAGNOSTICS:
        bounds = present({"startTime": oldest, "stopTime": latest})
        return [("GetDiagnostics", {"location": command.location, **bounds, **retrying(command)})]
    bounds = present({"oldestTimestamp": oldest, "latestTimestamp": latest})
    log = {"remoteLocation": command.location, **bounds}
    payload = {"logType": "SecurityLog", "requestId": command.request_id, "log": log}
    return [("GetLog", {**payload, **retrying(command)})]


def _promised(command: RequestLog, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    """GetDiagnostics has no status: without a file name there is nothing to upload (section 5.9)."""
    answer = answers[0] if answers else {}
    name = text(answer, "fileName") or text(answer, "filename")
    status = text(answer, "status") or ("Accepted" if name else "Rejected")
    return CommandResult(status, data=name, payload=answer)


BLOCK = Block(
    calls={"DiagnosticsStatusNotification": _status, "LogStatusNotification": _status},
    commands={RequestLog: _request},
    results={RequestLog: _promised},
)
