"""Remote start and stop, followed to the session that comes of them (OCPP 1.6 sections 5.11, 5.12; 2.0.1 F01 to F04).

"Accepted" only says that the station means to try. Each start and stop is an operation that goes on until its session
begins or ends, and ends as `nothing_followed` when that does not come. The remote start id is the operation's id.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from csms.model.bounds import CLOCK_SKEW_FLAG_S
from csms.model.command import CommandResult, RemoteStart, RemoteStop
from csms.station import operations
from csms.station.context import Performers, Send, StationContext
from csms.station.state import OpenSession
from csms.store import changes
from csms.store.change import Change
from csms.store.station_tables import Operation
from csms.wire.reading import text

START, STOP = "remote_start", "remote_stop"
NOTHING_FOLLOWED = "nothing_followed"

_SKEW = timedelta(seconds=CLOCK_SKEW_FLAG_S)


async def start(context: StationContext, station_id: str, command: RemoteStart, send: Send) -> CommandResult:
    """Ask for a session. When one runs already, the station may say which (F02), and that is the one."""
    asked = {"id_token": command.id_token, "evse_id": command.evse_id, "remote_start_id": command.remote_start_id}
    operation = await operations.begin(context, station_id, START, asked)
    asked["remote_start_id"] = number = command.remote_start_id or operation.id
    operation.detail = {**operation.detail, **asked}
    result = await _ask(context, operation, replace(command, remote_start_id=number), send)
    transaction_id = text(dict(result.payload), "transactionId")
    if operation.id in context.awaited and transaction_id:
        operation.detail = {**operation.detail, "transaction_id": transaction_id}
        session = context.stations[station_id].session(transaction_id)
        if session is not None:
            await context.store.writer.commit(tie(context, operation, session))
    return result


async def stop(context: StationContext, station_id: str, command: RemoteStop, send: Send) -> CommandResult:
    """Ask for the end of a session."""
    asked = {"transaction_id": command.transaction_id}
    operation = await operations.begin(context, station_id, STOP, asked)
    return await _ask(context, operation, command, send)


async def _ask(
    context: StationContext, operation: Operation, command: RemoteStart | RemoteStop, send: Send
) -> CommandResult:
    """What follows may come before the answer, or without one."""
    context.awaited[operation.id] = operation
    result = await operations.carry_out(context, operation, command, send)
    if result.status in operations.REFUSED:
        context.awaited.pop(operation.id, None)
    return result


def number_of(operation: Operation) -> int:
    """The remote start id that the station was told."""
    return int(operation.detail.get("remote_start_id") or operation.id)


def start_of(
    context: StationContext,
    session: OpenSession,
    remote_start_id: int | None,
) -> Operation | None:
    """The remote start that a new session comes of: by its id, by the station's answer, or else by token and EVSE."""
    station_id, evse_id = session.evse
    mine = [o for o in context.awaited.values() if o.station_id == station_id and o.kind == START]
    for operation in mine:
        if number_of(operation) == remote_start_id or operation.detail.get("transaction_id") == session.transaction_id:
            return operation
    if remote_start_id is not None:
        return None
    fitting = [o for o in mine if _fits(o, session, evse_id)]
    return fitting[0] if fitting else None


def _fits(operation: Operation, session: OpenSession, evse_id: int) -> bool:
    """Tokens of 1.6 have no case; a session that began before it was asked for comes of something else."""
    asked = operation.detail
    same_token = str(asked.get("id_token", "")).casefold() == session.id_token.casefold()
    since = operation.begun_at - _SKEW
    return same_token and asked.get("evse_id") in (None, 0, evse_id) and session.started_at >= since


def tie(context: StationContext, operation: Operation, session: OpenSession) -> list[Change]:
    """The session has come: both know of each other from now on."""
    session.remote_start_id = number_of(operation)
    context.awaited.pop(operation.id, None)
    told = changes.update_session(session.session_id, remote_start_id=session.remote_start_id)
    return [followed(operation, session, context.clock.now(), "Started"), told]


def followed(operation: Operation, session: OpenSession, at: datetime, status: str) -> Change:
    """What was asked for has happened."""
    return operations.step(operation, at, status, ended=True, session_id=session.session_id)


def stops_of(context: StationContext, session: OpenSession) -> list[Operation]:
    """The remote stops that wait for the end of a session."""
    key = session.evse.station_id, session.transaction_id
    stops = (o for o in context.awaited.values() if o.kind == STOP)
    return [o for o in stops if (o.station_id, o.detail.get("transaction_id")) == key]


async def give_up(context: StationContext, now: datetime) -> Sequence[Operation]:
    """End the starts and stops that nothing has followed within the house's time."""
    since = now - timedelta(seconds=context.settings.remote_wait_s)
    late = [operation for operation in context.awaited.values() if operation.begun_at <= since]
    if late:
        ended = [operations.step(operation, now, NOTHING_FOLLOWED, ended=True) for operation in late]
        await context.store.writer.commit(ended)
    for operation in late:
        context.awaited.pop(operation.id, None)
    return late


async def restore(context: StationContext) -> None:
    """Starts and stops that were under way."""
    for kind in (START, STOP):
        for operation in await context.store.reader.find(Operation, kind=kind, newest=RESTORED_MAX):
            if operation.ended_at is None:
                context.awaited[operation.id] = operation


RESTORED_MAX = 1000
"""Newest operations looked through at start: what goes on is never older than some minutes."""

PERFORMERS: Performers = {RemoteStart: start, RemoteStop: stop}
