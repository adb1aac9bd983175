"""Remote start and stop, followed to the session that comes of them (OCPP 1.6 sections 5.11, 5.12; 2.0.1 F01 to F04).

"Accepted" only says that the station means to try. Each start and stop is an operation that goes on until its session
begins or ends, and ends as `nothing_followed` when that does not come. The remote start id is the operation's id.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from msgspec.structs import replace

from csms.model.authorization import CENTRAL, MADE_UP
from csms.model.bounds import CLOCK_SKEW_FLAG_S
from csms.model.command import CommandResult, RemoteStart, RemoteStop
from csms.model.errors import CsmsError, NotForThisStation, PeerError
from csms.station import operations
from csms.station.authorization import put_token
from csms.station.context import Performers, Send, StationContext
from csms.station.state import Awaited, OpenSession
from csms.station.wishes import firmware_of
from csms.store import changes
from csms.store.station_tables import Operation
from csms.store.tables import IdToken, Session
from csms.wire.reading import text
from firmware_profiles import FirmwareProfile

START, STOP = "remote_start", "remote_stop"
NOTHING_FOLLOWED = "nothing_followed"

TOKEN_CHARS = 18

MADE_UP_FOR = timedelta(days=1)

_SKEW = timedelta(seconds=CLOCK_SKEW_FLAG_S)


def awaited(operation: Operation) -> Awaited:
    """What an operation waits for."""
    asked = operation.detail
    return Awaited(
        operation_id=operation.id,
        station_id=operation.station_id,
        kind=operation.kind,
        since=operation.begun_at,
        id_token=str(asked.get("id_token", "")),
        evse_id=asked.get("evse_id") or None,
        number=asked.get("remote_start_id") or operation.id,
        transaction_id=str(asked.get("transaction_id", "")),
    )


async def start(context: StationContext, station_id: str, command: RemoteStart, send: Send) -> CommandResult:
    """Ask for a session. When one runs already, the station may say which (F01.FR.13), and that is the one."""
    chars_max = _as_it_takes_it(firmware_of(context.stations[station_id]), command)
    if not command.id_token:
        command = replace(command, id_token=await _made_up(context, station_id, chars_max), token_type=CENTRAL)
    asked = {"id_token": command.id_token, "evse_id": command.evse_id, "remote_start_id": command.remote_start_id}
    operation = await operations.begin(context, station_id, START, asked)
    result = await _ask(context, operation, replace(command, remote_start_id=awaited(operation).number), send)
    transaction_id, waiting = text(dict(result.payload), "transactionId"), context.awaited.get(operation.id)
    if waiting is not None and transaction_id:
        waiting.transaction_id = transaction_id
        await operations.noted(context, operation, transaction_id=transaction_id)
        session = context.stations[station_id].session(transaction_id)
        if session is not None:
            await _tie(context, waiting, session)
    return result


def _as_it_takes_it(known: FirmwareProfile | None, command: RemoteStart) -> int:
    """Raises NotForThisStation for a start that its make refuses; returns the longest token that it takes."""
    if known is None:
        return TOKEN_CHARS
    if command.profile is not None and known.start.profile_in_remote_start != "ok":
        how = known.start.profile_in_remote_start
        raise NotForThisStation(f"{known.product} answers a start with a charging profile {how}; start it without one")
    if not known.states("tx.tag_chars_max"):
        return TOKEN_CHARS
    if len(command.id_token) > known.tx.tag_chars_max:
        raise NotForThisStation(f"{known.product} takes tokens of {known.tx.tag_chars_max} characters at most")
    return min(TOKEN_CHARS, known.tx.tag_chars_max)


async def _made_up(context: StationContext, station_id: str, chars_max: int) -> str:
    """A token that nobody holds, good at this station for a day. Some stations take 18 characters at most (SR-04)."""
    token = (MADE_UP + secrets.token_hex(6))[:chars_max]
    until = context.clock.now() + MADE_UP_FOR
    row = IdToken(id_token=token, token_type=CENTRAL, expires_at=until, allowed=[station_id])
    await put_token(context, row)
    return token


async def stop(context: StationContext, station_id: str, command: RemoteStop, send: Send) -> CommandResult:
    """Ask for the end of a session."""
    asked = {"transaction_id": command.transaction_id}
    operation = await operations.begin(context, station_id, STOP, asked)
    return await _ask(context, operation, command, send)


async def _ask(
    context: StationContext, operation: Operation, command: RemoteStart | RemoteStop, send: Send
) -> CommandResult:
    """What follows may come before the answer, or without one."""
    context.awaited[operation.id] = awaited(operation)
    try:
        result = await operations.carry_out(context, operation, command, send)
    except (CsmsError, PeerError) as fault:
        if operations.outcome(fault) != operations.UNANSWERED:
            context.awaited.pop(operation.id, None)
        raise
    if result.status in operations.REFUSED:
        context.awaited.pop(operation.id, None)
    return result


def start_of(context: StationContext, session: OpenSession, remote_start_id: int | None) -> Awaited | None:
    """The remote start that a new session comes of: by its id, by the station's answer, or else by token and EVSE."""
    mine = [o for o in context.awaited.values() if o.station_id == session.evse.station_id and o.kind == START]
    for waiting in mine:
        if waiting.number == remote_start_id or waiting.transaction_id == session.transaction_id:
            return waiting
    if remote_start_id is not None:
        return None
    fitting = [waiting for waiting in mine if _fits(waiting, session)]
    return fitting[0] if fitting else None


def _fits(waiting: Awaited, session: OpenSession) -> bool:
    """Tokens of 1.6 have no case; a session that began before it was asked for comes of something else."""
    same_token = waiting.id_token.casefold() == session.id_token.casefold()
    return (
        same_token and waiting.evse_id in (None, session.evse.evse_id) and session.started_at >= waiting.since - _SKEW
    )


async def _tie(context: StationContext, waiting: Awaited, session: OpenSession) -> None:
    """The session runs already: both know of each other from now on."""
    session.remote_start_id = waiting.number
    told = changes.update_session(session.session_id, remote_start_id=waiting.number)
    await context.store.writer.commit([told])
    await followed(context, waiting.operation_id, session.evse.station_id, START, session.session_id)


async def followed(context: StationContext, operation_id: int, station_id: str, kind: str, session_id: int) -> None:
    """What was asked for has happened, and is durable."""
    status = "Started" if kind == START else "Stopped"
    now = context.clock.now()
    await operations.reported(context, station_id, kind, operation_id, now, status, ended=True, session_id=session_id)
    context.awaited.pop(operation_id, None)


def stops_of(context: StationContext, session: OpenSession) -> list[Awaited]:
    """The remote stops that wait for the end of a session."""
    key = STOP, session.evse.station_id, session.transaction_id
    return [o for o in context.awaited.values() if (o.kind, o.station_id, o.transaction_id) == key]


async def give_up(context: StationContext, now: datetime) -> None:
    """End the starts and stops that nothing has followed within the house's time."""
    since = now - timedelta(seconds=context.settings.remote_wait_s)
    for waiting in [waiting for waiting in context.awaited.values() if waiting.since <= since]:
        await operations.reported(
            context, waiting.station_id, waiting.kind, waiting.operation_id, now, NOTHING_FOLLOWED, ended=True
        )
        context.awaited.pop(waiting.operation_id, None)


async def restore(context: StationContext) -> None:
    """Starts and stops that were under way; a start may have come true just before we went down."""
    for kind in (START, STOP):
        rows = await context.store.reader.find(Operation, kind=kind, newest=RESTORED_MAX)
        for waiting in [awaited(row) for row in rows if row.ended_at is None]:
            context.awaited[waiting.operation_id] = waiting
            found = await context.store.reader.find(
                Session, station_id=waiting.station_id, remote_start_id=waiting.number, newest=1
            )
            if kind == START and found:
                await followed(context, waiting.operation_id, waiting.station_id, kind, found[0].id)


RESTORED_MAX = 1000
"""Newest operations looked through at start: what goes on is never older than some minutes."""

PERFORMERS: Performers = {RemoteStart: start, RemoteStop: stop}
