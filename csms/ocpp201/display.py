"""Messages on displays in 2.0.1 (block O)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from csms.model.display import (
    ClearDisplayMessage,
    DisplayMessagesReport,
    GetDisplayMessages,
    SetDisplayMessage,
    ShownMessage,
)
from csms.wire.block import Block, Calls, present
from csms.wire.reading import items, number, optional_number, section, text
from csms.wire.times import format_time, parse_time
from csms.wire.translator import Payload

MAIN_DISPLAY = "Main"


def _set(command: SetDisplayMessage) -> Calls:
    message = {
        "id": command.message_id,
        "priority": command.priority,
        "message": {"format": command.format, "content": command.content, **present({"language": command.language})},
        **present(
            {
                "state": command.state,
                "startDateTime": format_time(command.starts_at) if command.starts_at else None,
                "endDateTime": format_time(command.ends_at) if command.ends_at else None,
                "transactionId": command.transaction_id,
                "display": _display(command),
            }
        ),
    }
    return [("SetDisplayMessage", {"message": message})]


def _display(command: SetDisplayMessage) -> Payload | None:
    """A component of the device model."""
    if command.display is None and command.evse_id is None:
        return None
    evse = None if command.evse_id is None else {"id": command.evse_id}
    return {"name": command.display or MAIN_DISPLAY, **present({"evse": evse})}


def _get(command: GetDisplayMessages) -> Calls:
    criteria = {"id": list(command.message_ids) or None, "priority": command.priority, "state": command.state}
    return [("GetDisplayMessages", {"requestId": command.request_id, **present(criteria)})]


def _clear(command: ClearDisplayMessage) -> Calls:
    return [("ClearDisplayMessage", {"id": command.message_id})]


def _reported(payload: Payload, received_at: datetime, zone: tzinfo) -> DisplayMessagesReport:
    """A message without a number is none that could be cleared or replaced: it is left out."""
    entries = [entry for entry in items(payload, "messageInfo") if optional_number(entry, "id") is not None]
    return DisplayMessagesReport(
        request_id=number(payload, "requestId"),
        messages=tuple(_shown(entry, zone) for entry in entries),
        more=payload.get("tbc") is True,
    )


def _shown(entry: Mapping[str, Any], zone: tzinfo) -> ShownMessage:
    message, display = section(entry, "message"), section(entry, "display")
    return ShownMessage(
        message_id=number(entry, "id"),
        content=text(message, "content"),
        priority=text(entry, "priority"),
        state=text(entry, "state"),
        starts_at=parse_time(entry.get("startDateTime"), zone),
        ends_at=parse_time(entry.get("endDateTime"), zone),
        transaction_id=text(entry, "transactionId"),
        format=text(message, "format"),
        language=text(message, "language"),
        display=text(display, "name"),
        evse_id=optional_number(section(display, "evse"), "id"),
    )


BLOCK = Block(
    calls={"NotifyDisplayMessages": _reported},
    commands={SetDisplayMessage: _set, GetDisplayMessages: _get, ClearDisplayMessage: _clear},
)
