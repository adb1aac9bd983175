"""Reservations from the request to their end (OCPP 1.6 sections 5.13 and 5.1, 2.0.1 block H).

They end by a session that uses them, by time (without waiting for the station's word), by us, or by the station. Only
2.0.1 stations tell an end; a session tells which reservation it uses, or its token and EVSE do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from csms.model.command import CommandResult
from csms.model.errors import CsmsError, PeerError
from csms.model.inbound import Acknowledged
from csms.model.reservation import HOLDING, CancelReservation, ReservationState, ReservationUpdate, ReserveNow
from csms.station import operations
from csms.station.context import Handlers, Performers, Send, StationContext
from csms.store import changes
from csms.store.change import Change
from csms.store.station_tables import Reservation

KIND = "reserve_now"


class UnknownReservation(CsmsError):
    """The station holds no reservation with this id, so there is none to replace."""

    code = "unknown_reservation"


async def reserve(context: StationContext, station_id: str, command: ReserveNow, send: Send) -> CommandResult:
    """Ask for a reservation; it is durable before its call goes out. An id that is given replaces that one."""
    if command.reservation_id:
        return await _replace(context, station_id, command, send)
    operation = await operations.begin(context, station_id, KIND, {"evse_id": command.evse_id})
    row = _row(operation.id, station_id, command, context.clock.now())
    await context.store.writer.commit([changes.add_row(row)])
    context.held[row.id] = row
    try:
        result = await operations.carry_out(context, operation, replace(command, reservation_id=row.id), send)
    except (CsmsError, PeerError) as fault:
        answer = operations.outcome(fault)
        lost = answer == operations.UNANSWERED
        await _answered(context, row, ReservationState.UNANSWERED if lost else ReservationState.REFUSED, answer)
        raise
    state = ReservationState.ACCEPTED if result.accepted else ReservationState.REFUSED
    await _answered(context, row, state, result.status)
    return operations.with_operation(result, operation.id)


async def _replace(context: StationContext, station_id: str, command: ReserveNow, send: Send) -> CommandResult:
    """Until the station accepts, the old one counts (H01.FR.02)."""
    row = context.held.get(command.reservation_id)
    if row is None or row.station_id != station_id:
        raise UnknownReservation(f"station {station_id} holds no reservation {command.reservation_id}")
    result = await send(command)
    now = context.clock.now()
    if result.accepted:
        new = _row(row.id, station_id, command, row.made_at)
        new.state, new.answer, new.changed_at = ReservationState.ACCEPTED, result.status, now
        await context.store.writer.commit([changes.put_row(new)])
        context.held[row.id] = new
    return operations.with_operation(result, row.id)


def _row(reservation_id: int, station_id: str, command: ReserveNow, made_at: datetime) -> Reservation:
    return Reservation(
        id=reservation_id,
        station_id=station_id,
        evse_id=command.evse_id,
        connector_type=command.connector_type or "",
        id_token=command.id_token,
        token_type=command.token_type,
        group_id=command.group_id or "",
        expires_at=command.expires_at,
        made_at=made_at,
        changed_at=made_at,
        state=ReservationState.ASKED,
    )


async def _answered(context: StationContext, row: Reservation, state: ReservationState, answer: str) -> None:
    """Enter the answer, unless the reservation was used or removed before it came."""
    if row.state != ReservationState.ASKED:
        return
    row.state, row.answer, row.changed_at = state, answer, context.clock.now()
    entered = changes.set_columns(
        Reservation, {"id": row.id}, state=row.state, answer=row.answer, changed_at=row.changed_at
    )
    await context.store.writer.commit([entered])
    if row.state not in HOLDING:
        context.held.pop(row.id, None)


async def cancel(context: StationContext, station_id: str, command: CancelReservation, send: Send) -> CommandResult:
    """Give one up. A station that refuses may hold it still, so it stays until its time (H02.FR.01)."""
    result = await send(command)
    if result.accepted:
        await _end(context, station_id, command.reservation_id, ReservationState.CANCELLED)
    return operations.with_operation(result, command.reservation_id)


async def updated(
    context: StationContext, station_id: str, message: ReservationUpdate, received_at: datetime
) -> Acknowledged:
    """The station gave one up: its time is over, or its EVSE cannot charge any more (H01.FR.16, H04.FR.01)."""
    state = ReservationState.EXPIRED if message.status == "Expired" else ReservationState.REMOVED
    known = await context.store.reader.find(Reservation, id=message.reservation_id, station_id=station_id)
    if not known:
        detail = {"reservation_id": message.reservation_id, "status": message.status}
        await context.store.writer.commit([changes.add_notice(station_id, received_at, "unknown_reservation", detail)])
    elif known[0].state in HOLDING:
        await _end(context, station_id, message.reservation_id, state)
    return Acknowledged()


async def _end(context: StationContext, station_id: str, reservation_id: int, state: ReservationState) -> None:
    await context.store.writer.commit([ended(station_id, reservation_id, state, context.clock.now())])
    await forget(context, station_id, reservation_id, state)


def ended(
    station_id: str, reservation_id: int, state: ReservationState, at: datetime, session_id: int | None = None
) -> Change:
    """What to store of an end; ids of other stations change nothing."""
    key = {"id": reservation_id, "station_id": station_id}
    used = {} if session_id is None else {"session_id": session_id}
    return changes.set_columns(Reservation, key, state=state, changed_at=at, **used)


async def forget(context: StationContext, station_id: str, reservation_id: int, state: ReservationState) -> None:
    """Its end is durable: it is held no more; whoever still waits for an answer to it sees why."""
    row = context.held.pop(reservation_id, None)
    if row is not None:
        row.state = state
    now = context.clock.now()
    await operations.reported(context, station_id, KIND, reservation_id, now, state, ended=True)


def used_by(
    context: StationContext, station_id: str, evse_id: int, id_token: str, group_id: str, named: int | None
) -> int | None:
    """The reservation that a session uses: the one it names (H01.FR.15), else one for its token or group (H03)."""
    if named is not None:
        return named
    token = id_token.casefold()
    for row in context.held.values():
        same = row.id_token.casefold() == token or (group_id != "" and row.group_id.casefold() == group_id.casefold())
        accepted = row.station_id == station_id and row.state == ReservationState.ACCEPTED
        if accepted and same and row.evse_id in (0, evse_id):
            return row.id
    return None


async def expire(context: StationContext, now: datetime) -> Sequence[int]:
    """End those whose time is over: 1.6 stations never say so, and the others may be away."""
    over = [row for row in context.held.values() if row.expires_at <= now]
    for row in over:
        await _end(context, row.station_id, row.id, ReservationState.EXPIRED)
    return [row.id for row in over]


async def restore(context: StationContext) -> None:
    """Reservations that may still be held."""
    for state in HOLDING:
        rows = await context.store.reader.find(Reservation, state=state)
        context.held.update((row.id, row) for row in rows)


HANDLERS: Handlers = {ReservationUpdate: updated}
PERFORMERS: Performers = {ReserveNow: reserve, CancelReservation: cancel}
