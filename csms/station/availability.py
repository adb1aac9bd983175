"""Connector states and availability (OCPP 1.6 sections 4.9 and 5.2, 2.0.1 block G).

What an operator wants is kept in the store beside what stations say, and asked for again when a station lost it.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import partial

from csms.model.command import ChangeAvailability, CommandResult
from csms.model.errors import CsmsError, PeerError
from csms.model.event import ConnectorChanged
from csms.model.ids import ConnectorRef
from csms.model.inbound import Acknowledged, StatusReport
from csms.model.station import ConnectorStatus
from csms.station import operations
from csms.station.asking import sender
from csms.station.context import EVSE_ID_MAX, Handlers, Performers, Send, StationContext
from csms.station.state import EvseState, StationState
from csms.station.work import Work
from csms.store import changes
from csms.store.change import Change
from csms.store.station_tables import WantedAvailability

AGAIN_S = 600.0
"""How long a station has to do what is wanted before it is asked again."""

KEPT_ANSWERS = ("Accepted", "Scheduled", operations.UNANSWERED)
"""Answers after which a wish stays; after others the operator knows that it will not be."""

SETTLE_S = 30.0
"""How long after a connection a station tells its states before they are compared with what is wanted."""

_ACKNOWLEDGED = Acknowledged()
_CHARGING_STATES = {
    ConnectorStatus.CHARGING: "Charging",
    ConnectorStatus.SUSPENDED_EV: "SuspendedEV",
    ConnectorStatus.SUSPENDED_EVSE: "SuspendedEVSE",
}
"""1.6 tells by the connector what 2.0.1 tells by the transaction."""

log = logging.getLogger(__name__)


async def status(
    context: StationContext, station_id: str, message: StatusReport, received_at: datetime
) -> Acknowledged:
    """Keep the state; numbers that no station can have are kept as a notice instead (G01.FR.01)."""
    work = plan(context, station_id, message, received_at)
    await context.store.writer.commit(work.changes)
    if work.after is not None:
        work.after()
    return _ACKNOWLEDGED


def plan(context: StationContext, station_id: str, message: StatusReport, received_at: datetime) -> Work:
    """What a report of a state asks for."""
    if not 0 <= message.evse_id <= EVSE_ID_MAX or not 0 <= message.connector_id <= EVSE_ID_MAX:
        detail = {"evse_id": message.evse_id, "connector_id": message.connector_id, "status": message.status}
        return Work([changes.add_notice(station_id, received_at, "impossible_connector", detail)], _ACKNOWLEDGED)
    reported = changes.put_connector(
        station_id,
        message.evse_id,
        message.connector_id,
        status=message.status,
        error_code=message.error_code,
        info=(message.info or message.vendor_error_code)[:500],
        station_time=message.time,
        received_at=received_at,
    )
    written = [reported, *_changed(context, station_id, message, received_at)]
    return Work(written, _ACKNOWLEDGED, partial(_apply, context, station_id, message, received_at))


def _changed(context: StationContext, station_id: str, message: StatusReport, received_at: datetime) -> list[Change]:
    """The history keeps transitions only: most reports repeat what is known."""
    evse = context.evse(station_id, message.evse_id)
    before = evse.connectors.get(message.connector_id) if evse else context.stations[station_id].status
    if before is message.status:
        return []
    session = evse.session if evse is not None else None
    at = context.event_time(message.time, received_at)
    changed = changes.add_state_change(
        station_id,
        message.evse_id,
        message.connector_id,
        session_id=session.session_id if session and message.status in _CHARGING_STATES else None,
        state=message.status,
        error_code=message.error_code,
        at=at,
        received_at=received_at,
    )
    return [changed]


def _apply(context: StationContext, station_id: str, message: StatusReport, received_at: datetime) -> None:
    manners = context.stations[station_id].manners
    manners.told_time(message.time, received_at)
    manners.states += 1
    evse = context.evse(station_id, message.evse_id)
    if evse is None:
        context.stations[station_id].status = message.status
        return
    before = evse.connectors.get(message.connector_id)
    evse.connectors[message.connector_id] = message.status
    if evse.session is not None and message.status in _CHARGING_STATES:
        evse.session.charging_state = _CHARGING_STATES[message.status]
    if message.status is ConnectorStatus.AVAILABLE and evse.session is None:
        evse.forget_wants()
    if before is not message.status:
        ref = ConnectorRef(evse.ref.station_id, evse.ref.evse_id, message.connector_id)
        context.bus.publish(ConnectorChanged(ref, message.status, received_at))


async def change(context: StationContext, station_id: str, command: ChangeAvailability, send: Send) -> CommandResult:
    """Note what is wanted, then ask for it. Once a station is operative again, nothing more is wanted of it (G03, G04).

    A refusal ends the wish: the operator is told and decides.
    """
    now = context.clock.now()
    row = WantedAvailability(
        station_id=station_id,
        evse_id=command.evse_id,
        connector_id=command.connector_id or 0,
        operative=command.operative,
        asked_at=now,
        sent_at=now,
    )
    await context.store.writer.commit([changes.put_row(row)])
    context.wanted[_key(row)] = row
    try:
        result = await _ask(context, row, command, send)
    finally:
        if row.answer not in KEPT_ANSWERS:
            await _drop(context, row)
    return result


async def _ask(
    context: StationContext, row: WantedAvailability, command: ChangeAvailability, send: Send
) -> CommandResult:
    try:
        result = await send(command)
    except (CsmsError, PeerError) as fault:
        await _answered(context, row, operations.outcome(fault))
        raise
    await _answered(context, row, result.status)
    if row.operative and result.accepted:
        await _drop(context, row)
    return result


async def _answered(context: StationContext, row: WantedAvailability, answer: str) -> None:
    row.answer, row.sent_at = answer, context.clock.now()
    await context.store.writer.commit([changes.put_row(row)])


async def _drop(context: StationContext, row: WantedAvailability) -> None:
    """Unless the operator wants something else by now."""
    if context.wanted.get(_key(row)) is not row:
        return
    key = {"station_id": row.station_id, "evse_id": row.evse_id, "connector_id": row.connector_id}
    await context.store.writer.commit([changes.delete_rows(WantedAvailability, **key)])
    del context.wanted[_key(row)]


def _key(row: WantedAvailability) -> tuple[str, int, int]:
    return row.station_id, row.evse_id, row.connector_id


async def reconcile(context: StationContext, now: datetime) -> None:
    """Ask again for what is wanted and is not so (a station that was restored or replaced has lost it)."""
    for row in list(context.wanted.values()):
        station = context.stations.get(row.station_id)
        if station is None or station.link is None or not _due(row, station, now) or _is_so(row, station):
            continue
        command = ChangeAvailability(row.operative, row.evse_id, row.connector_id or None)
        try:
            await _ask(context, row, command, sender(context, station, station.link))
        except (CsmsError, PeerError) as fault:
            log.info("availability_not_changed", extra={"station": row.station_id, "fault": str(fault)})


def _due(row: WantedAvailability, station: StationState, now: datetime) -> bool:
    """Not while its states may still be coming in, and not over and over."""
    since = station.connected_at or row.sent_at
    settled = now >= since + timedelta(seconds=SETTLE_S)
    return settled and (row.sent_at < since or now >= row.sent_at + timedelta(seconds=AGAIN_S))


def _is_so(row: WantedAvailability, station: StationState) -> bool:
    """Whether the station shows it; a session that runs may end first (Scheduled, G03.FR.05), a fault shows neither."""
    evses = [station.evses.get(row.evse_id)] if row.evse_id else list(station.evses.values())
    shown = [state for evse in evses if evse is not None for state in _states(evse, row.connector_id)]
    if not row.operative:
        hidden = (ConnectorStatus.UNAVAILABLE, ConnectorStatus.FAULTED)
        return all(status in hidden or busy for status, busy in shown)
    return all(status is not ConnectorStatus.UNAVAILABLE for status, _ in shown)


def _states(evse: EvseState, connector_id: int) -> list[tuple[ConnectorStatus, bool]]:
    busy = evse.session is not None
    numbers = [connector_id] if connector_id else list(evse.connectors)
    return [(evse.connectors[number], busy) for number in numbers if number in evse.connectors]


async def restore(context: StationContext) -> None:
    """What was wanted before."""
    rows = await context.store.reader.find(WantedAvailability)
    context.wanted.update((_key(row), row) for row in rows)


HANDLERS: Handlers = {StatusReport: status}
PERFORMERS: Performers = {ChangeAvailability: change}
