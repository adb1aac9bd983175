"""Operations: what a station was asked for and goes on after its answer (an update, an upload, a report).

An operation is durable before its call is sent, under the request id that the station's later messages carry. So an
answer that was lost, a restart of ours or a reboot of the station never leaves a message without its operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from csms.model.command import Command, CommandResult
from csms.model.errors import CsmsError, PeerError
from csms.station.context import Send, StationContext
from csms.store import changes
from csms.store.change import Change
from csms.store.station_tables import Operation

STEPS_KEPT = 50
"""Statuses kept with an operation; a station that reports progress each second must not fill the database."""

REFUSED = (
    "Rejected",
    "Failed",
    "NotSupported",
    "UnknownKey",
    "InvalidCertificate",
    "RevokedCertificate",
    "NotFound",
    "EmptyResultSet",
    "Invalid",
)
"""Answers after which nothing goes on."""


async def begin(context: StationContext, station_id: str, kind: str, asked: Mapping[str, Any]) -> Operation:
    """A new operation, durable. Raises StoreUnavailable."""
    now = context.clock.now()
    row = Operation(
        id=next(context.operation_ids),
        station_id=station_id,
        kind=kind,
        begun_at=now,
        changed_at=now,
        detail={**asked, "steps": []},
    )
    await context.store.writer.commit([changes.add_row(row)])
    return row


async def carry_out(context: StationContext, operation: Operation, command: Command, send: Send) -> CommandResult:
    """Send the call of an operation and enter the answer; raises as `Link.send` does, with the operation ended."""
    try:
        result = await send(command)
    except (CsmsError, PeerError):
        await context.store.writer.commit([step(operation, context.clock.now(), "unanswered", ended=True)])
        raise
    ended = result.status in REFUSED
    await context.store.writer.commit([step(operation, context.clock.now(), result.status, ended=ended)])
    return with_operation(result, operation.id)


def with_operation(result: CommandResult, operation_id: int) -> CommandResult:
    """The same answer with the number under which it goes on."""
    return replace(result, operation_id=operation_id)


def step(operation: Operation, at: datetime, status: str, *, ended: bool = False, **more: Any) -> Change:
    """The operation has another status; `more` is kept with it. An operation that has ended stays ended."""
    steps = [*operation.detail.get("steps", ()), {"at": at.isoformat(), "status": status}][-STEPS_KEPT:]
    operation.detail = {**operation.detail, **more, "steps": steps}
    operation.status, operation.changed_at = status, at
    operation.ended_at = operation.ended_at or (at if ended else None)
    return changes.set_columns(
        Operation,
        {"id": operation.id},
        status=status,
        changed_at=at,
        ended_at=operation.ended_at,
        detail=operation.detail,
    )


async def find(context: StationContext, station_id: str, kind: str, operation_id: int | None) -> Operation | None:
    """The operation that a message is about: by its request id, or the newest of its kind when the message names none.

    None for an id of another station or kind: nobody may report on somebody else's operation.
    """
    found = await context.store.reader.find(Operation, id=operation_id, station_id=station_id, kind=kind, newest=1)
    return found[0] if found else None
