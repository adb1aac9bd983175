"""Operations: what a station was asked for and goes on after its answer (an update, an upload, a report).

An operation is durable before its call is sent, under the request id that the station's later messages carry. So an
answer that was lost, a restart of ours or a reboot of the station never leaves a message without its operation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from csms.model.command import Command, CommandResult
from csms.model.errors import CallTimeout, ConnectionLost, CsmsError, PeerError
from csms.station.context import Send, StationContext
from csms.store import changes
from csms.store.change import Change
from csms.store.station_tables import Operation

STEPS_KEPT = 50
"""Statuses kept with an operation; a station that reports progress each second must not fill the database."""

ASKED, UNANSWERED, SUPERSEDED = "asked", "unanswered", "superseded"

OPEN_LOOKED_AT = 20
"""Of the newest operations of a kind: a station does one thing of a kind at a time, the others ended or were lost."""

REFUSED = (
    "Rejected",
    "Failed",
    "NotSupported",
    "UnknownKey",
    "InvalidCertificate",
    "RevokedCertificate",
    "NotFound",
    "Faulted",
    "Occupied",
    "Unavailable",
    "Unknown",
    "NoProfiles",
    "UnknownTransaction",
    "NotSupportedPriority",
    "NotSupportedState",
    "NotSupportedMessageFormat",
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
    """Send the call of an operation and enter the answer; raises as `Link.send` does.

    The operation has ended then, unless it is unknown whether the station acts: it may still report. Stations may tell
    what came of a call before they answer it: then the answer changes nothing.
    """
    try:
        result = await send(command)
    except (CsmsError, PeerError) as fault:
        status = outcome(fault)
        await answered(context, operation, status, ended=status != UNANSWERED)
        raise
    await answered(context, operation, result.status, ended=result.status in REFUSED)
    return with_operation(result, operation.id)


def outcome(fault: CsmsError | PeerError) -> str:
    """Why there is no answer: whether the station acts is unknown, or it was not asked or would not be."""
    lost = isinstance(fault, CallTimeout | ConnectionLost | PeerError)
    return UNANSWERED if lost else fault.code


async def answered(context: StationContext, operation: Operation, status: str, *, ended: bool, **more: Any) -> None:
    """Enter the answer to the call. A station may report before it answers: then its report stays the last word."""
    async with turn(context, operation.id):
        known = await _read(context, operation)
        overtaken = known.status != ASKED and not ended
        change = step(known, context.clock.now(), status, ended=ended, keep_status=overtaken, **more)
        await context.store.writer.commit([change])


async def noted(context: StationContext, operation: Operation, **more: Any) -> None:
    """Keep something more with an operation; it is no step."""
    async with turn(context, operation.id):
        known = await _read(context, operation)
        detail = {**known.detail, **more}
        await context.store.writer.commit([changes.set_columns(Operation, {"id": operation.id}, detail=detail)])


def with_operation(result: CommandResult, operation_id: int) -> CommandResult:
    """The same answer with the number under which it goes on."""
    return replace(result, operation_id=operation_id)


def step(
    operation: Operation, at: datetime, status: str, *, ended: bool = False, keep_status: bool = False, **more: Any
) -> Change:
    """The operation has another status; `more` is kept with it. An operation that has ended stays ended.

    To be called in the operation's `turn` where others may step it too.
    """
    steps = [*operation.detail.get("steps", ()), {"at": at.isoformat(), "status": status}][-STEPS_KEPT:]
    operation.detail = {**operation.detail, **more, "steps": steps}
    operation.status = operation.status if keep_status else status
    operation.changed_at = at
    operation.ended_at = operation.ended_at or (at if ended else None)
    return changes.set_columns(
        Operation,
        {"id": operation.id},
        status=operation.status,
        changed_at=at,
        ended_at=operation.ended_at,
        detail=operation.detail,
    )


def turn(context: StationContext, operation_id: int) -> asyncio.Lock:
    """Who reads an operation to step it holds this meanwhile; a lock lives as long as anybody wants it."""
    lock = context.operation_turns.get(operation_id)
    if lock is None:
        lock = context.operation_turns[operation_id] = asyncio.Lock()
    return lock


async def find(context: StationContext, station_id: str, kind: str, operation_id: int | None) -> Operation | None:
    """The operation that a message is about: by its request id, or the newest of its kind when the message names none.

    None for an id of another station or kind: nobody may report on somebody else's operation.
    """
    found = await context.store.reader.find(Operation, id=operation_id, station_id=station_id, kind=kind, newest=1)
    return found[0] if found else None


async def reported(
    context: StationContext,
    station_id: str,
    kind: str,
    operation_id: int | None,
    at: datetime,
    status: str,
    *,
    ended: bool = False,
    **more: Any,
) -> Operation | None:
    """Enter what a station reports; None, and nothing is stored, when it is about no operation that is known.

    A message without a request id is about the newest one that goes on; when that ends, older ones that still seem to
    go on were superseded by it.
    """
    if operation_id is not None:
        about = [found] if (found := await find(context, station_id, kind, operation_id)) else []
    else:
        about = list(await going_on(context, station_id, kind))
    for operation in about[:1]:
        await _step_in_turn(context, operation, at, status, ended=ended, **more)
    if operation_id is None and ended:
        await supersede(context, about[1:], at)
    return about[0] if about else None


async def going_on(context: StationContext, station_id: str, kind: str) -> Sequence[Operation]:
    """Operations that have not ended as far as we know, newest first."""
    newest = await context.store.reader.find(Operation, station_id=station_id, kind=kind, newest=OPEN_LOOKED_AT)
    return [row for row in newest if row.ended_at is None]


async def supersede_older(context: StationContext, operation: Operation) -> None:
    """The station gave up for this one what it was at (L01.FR.24, N01.FR.12)."""
    others = await going_on(context, operation.station_id, operation.kind)
    await supersede(context, [other for other in others if other.id < operation.id], context.clock.now())


async def supersede(context: StationContext, older: Sequence[Operation], at: datetime) -> None:
    """End operations in whose place a newer one came."""
    for operation in older:
        await _step_in_turn(context, operation, at, SUPERSEDED, ended=True)


async def _step_in_turn(context: StationContext, operation: Operation, at: datetime, status: str, **more: Any) -> None:
    async with turn(context, operation.id):
        known = await _read(context, operation)
        await context.store.writer.commit([step(known, at, status, **more)])


async def _read(context: StationContext, operation: Operation) -> Operation:
    """As it is now; others may have stepped it since."""
    found = await context.store.reader.find(Operation, id=operation.id)
    return found[0] if found else operation
