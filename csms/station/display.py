"""Messages on the displays of stations (OCPP 2.0.1 block O): sent, replaced, cleared, reported; kept in the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from csms.model.command import CommandResult
from csms.model.display import (
    SHOWN,
    ClearDisplayMessage,
    DisplayMessagesReport,
    GetDisplayMessages,
    SetDisplayMessage,
    ShownMessage,
)
from csms.model.errors import CsmsError, PeerError
from csms.model.inbound import Acknowledged
from csms.station import operations
from csms.station.context import Handlers, Performers, Send, StationContext
from csms.store import changes
from csms.store.change import Change
from csms.store.station_tables import DisplayMessage, Operation

CLEARED, OVER, MISSING, REPLACED = "Cleared", "Over", "Missing", "Replaced"
ALWAYS_FRONT = "AlwaysFront"
SET, GET = "set_display_message", "get_display_messages"


async def show(context: StationContext, station_id: str, command: SetDisplayMessage, send: Send) -> CommandResult:
    """Send a message, durable before its call; the station says why not, if so (O01.FR.01 to O01.FR.03, O02.FR.01)."""
    operation = await operations.begin(context, station_id, SET, {"message_id": command.message_id})
    command = replace(command, message_id=command.message_id or operation.id)
    row = _sent(station_id, command, context.clock.now())
    found = await context.store.reader.find(DisplayMessage, station_id=station_id, message_id=row.message_id)
    replaced = found[0] if found and found[0].status == SHOWN else None
    if replaced is None:
        await context.store.writer.commit([changes.put_row(row)])
    try:
        result = await send(command)
    except (CsmsError, PeerError) as fault:
        row.status = operations.outcome(fault)
        if replaced is None or row.status == operations.UNANSWERED:
            await context.store.writer.commit([changes.put_row(row)])
        await operations.answered(context, operation, row.status, ended=True)
        raise
    await operations.answered(context, operation, result.status, ended=True)
    row.status = result.status
    written = await _pushed_out(context, row) if result.accepted else []
    if replaced is None or result.accepted:
        written.append(changes.put_row(row))
    await context.store.writer.commit(written)
    values = {"message_id": str(row.message_id)}
    return CommandResult(result.status, values=values, payload=result.payload)


async def _pushed_out(context: StationContext, row: DisplayMessage) -> list[Change]:
    """Of those that are always in front a display shows the newest alone (O01.FR.16, O02.FR.18)."""
    if row.priority != ALWAYS_FRONT:
        return []
    key: dict[str, Any] = {"station_id": row.station_id, "status": SHOWN, "priority": ALWAYS_FRONT}
    before = await context.store.reader.find(DisplayMessage, **key)
    same = [other for other in before if (other.display, other.evse_id) == (row.display, row.evse_id)]
    return [_set(other, REPLACED) for other in same if other.message_id != row.message_id]


def _sent(station_id: str, command: SetDisplayMessage, at: datetime) -> DisplayMessage:
    return DisplayMessage(
        station_id=station_id,
        message_id=command.message_id,
        status="asked",
        priority=command.priority,
        state=command.state or "",
        starts_at=command.starts_at,
        ends_at=command.ends_at,
        transaction_id=command.transaction_id or "",
        format=command.format,
        language=command.language or "",
        content=command.content,
        display=command.display or "",
        evse_id=command.evse_id,
        sent_at=at,
    )


async def ask(context: StationContext, station_id: str, command: GetDisplayMessages, send: Send) -> CommandResult:
    """Ask what is shown; the station answers whether there is anything, and tells it later (O03, O04)."""
    whole = not command.message_ids and command.priority is None and command.state is None
    operation = await operations.begin(context, station_id, GET, {"whole": whole, "messages": 0})
    command = replace(command, request_id=operation.id)
    result = await operations.carry_out(context, operation, command, send)
    if result.status == "Unknown" and whole:
        await context.store.writer.commit(await _missing(context, operation))
    return result


async def clear(context: StationContext, station_id: str, command: ClearDisplayMessage, send: Send) -> CommandResult:
    """Take one away; Unknown says that the station shows none with this id, which is as good (O05)."""
    result = await send(command)
    if result.status in ("Accepted", "Unknown"):
        key = {"station_id": station_id, "message_id": command.message_id}
        await context.store.writer.commit([changes.set_columns(DisplayMessage, key, status=CLEARED)])
    return result


async def reported(
    context: StationContext, station_id: str, message: DisplayMessagesReport, received_at: datetime
) -> Acknowledged:
    """A part of what is shown; after the last one, what was not told is not shown."""
    operation = await operations.find(context, station_id, GET, message.request_id)
    rows = [_reported(station_id, shown, received_at) for shown in message.messages]
    written: list[Change] = [changes.put_row(row) for row in await _with_sending(context, rows)]
    await context.store.writer.commit(written)
    if operation is None:
        return Acknowledged()
    if not message.more and operation.detail.get("whole"):
        await context.store.writer.commit(await _missing(context, operation))
    count = int(operation.detail.get("messages", 0)) + len(rows)
    status = "Receiving" if message.more else "Received"
    await operations.reported(
        context, station_id, GET, operation.id, received_at, status, ended=not message.more, messages=count
    )
    return Acknowledged()


async def _with_sending(context: StationContext, rows: list[DisplayMessage]) -> list[DisplayMessage]:
    """A report says nothing of when a message was sent."""
    for row in rows:
        known = await context.store.reader.find(DisplayMessage, station_id=row.station_id, message_id=row.message_id)
        row.sent_at = known[0].sent_at if known else None
    return rows


async def _missing(context: StationContext, operation: Operation) -> list[Change]:
    rows = await context.store.reader.find(DisplayMessage, station_id=operation.station_id, status=SHOWN)
    gone = [row for row in rows if row.reported_at is None or row.reported_at < operation.begun_at]
    return [_set(row, MISSING) for row in gone if row.sent_at is None or row.sent_at < operation.begun_at]


def _reported(station_id: str, shown: ShownMessage, at: datetime) -> DisplayMessage:
    return DisplayMessage(
        station_id=station_id,
        message_id=shown.message_id,
        status=SHOWN,
        priority=shown.priority,
        state=shown.state,
        starts_at=shown.starts_at,
        ends_at=shown.ends_at,
        transaction_id=shown.transaction_id,
        format=shown.format,
        language=shown.language,
        content=shown.content,
        display=shown.display,
        evse_id=shown.evse_id,
        reported_at=at,
    )


async def expire(context: StationContext, now: datetime) -> None:
    """Stations take messages away at their end or that of their session, without a word (O01.FR.07, O02.FR.02)."""
    rows = await context.store.reader.find(DisplayMessage, status=SHOWN)
    over = [row for row in rows if _is_over(context, row, now)]
    await context.store.writer.commit([_set(row, OVER) for row in over])


def _is_over(context: StationContext, row: DisplayMessage, now: datetime) -> bool:
    if row.ends_at is not None and row.ends_at <= now:
        return True
    station = context.stations.get(row.station_id)
    return bool(row.transaction_id) and station is not None and station.session(row.transaction_id) is None


def _set(row: DisplayMessage, status: str) -> Change:
    key: Mapping[str, Any] = {"station_id": row.station_id, "message_id": row.message_id}
    return changes.set_columns(DisplayMessage, key, status=status)


HANDLERS: Handlers = {DisplayMessagesReport: reported}
PERFORMERS: Performers = {SetDisplayMessage: show, GetDisplayMessages: ask, ClearDisplayMessage: clear}
