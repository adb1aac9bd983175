"""Logs of 2.0.1 stations (N01)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo

from csms.model.command import CommandResult
from csms.model.logs import LogKind, LogStatus, RequestLog
from csms.wire.block import Block, Calls, plain_result, present
from csms.wire.files import read_request_id, read_status, retrying
from csms.wire.reading import text
from csms.wire.times import format_time
from csms.wire.translator import Payload

_KINDS: Mapping[LogKind, str] = {LogKind.DIAGNOSTICS: "DiagnosticsLog", LogKind.SECURITY: "SecurityLog"}


def _status(payload: Payload, received_at: datetime, zone: tzinfo) -> LogStatus:
    return LogStatus(read_status(payload), read_request_id(payload))


def _request(command: RequestLog) -> Calls:
    bounds = {
        "oldestTimestamp": format_time(command.oldest) if command.oldest else None,
        "latestTimestamp": format_time(command.latest) if command.latest else None,
    }
    log = {"remoteLocation": command.location, **present(bounds)}
    payload = {"logType": _KINDS[command.kind], "requestId": command.request_id, "log": log}
    return [("GetLog", {**payload, **retrying(command)})]


def _promised(command: RequestLog, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    plain = plain_result(answers)
    return replace(plain, data=text(plain.payload, "filename"))


BLOCK = Block(
    calls={"LogStatusNotification": _status}, commands={RequestLog: _request}, results={RequestLog: _promised}
)
