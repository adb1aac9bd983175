"""What messages about files have in common in every version: request id, progress word, retries."""

from __future__ import annotations

from csms.model.firmware import PublishFirmware, UpdateFirmware
from csms.model.logs import RequestLog
from csms.wire.block import present
from csms.wire.reading import optional_number, text
from csms.wire.translator import Payload

STATUS_LENGTH_MAX = 64
"""The longest progress word has 25 characters; unknown ones are let pass (OA-22) and kept with the operation."""


def read_status(payload: Payload) -> str:
    """The progress word."""
    return text(payload, "status")[:STATUS_LENGTH_MAX]


def read_request_id(payload: Payload) -> int | None:
    """None when the message has none; 0, which is never given out, for one that cannot be read."""
    return None if payload.get("requestId") is None else optional_number(payload, "requestId") or 0


def retrying(command: UpdateFirmware | PublishFirmware | RequestLog) -> Payload:
    """How often and how far apart the station shall try again, where it was said."""
    return present({"retries": command.retries, "retryInterval": command.retry_interval_s})
