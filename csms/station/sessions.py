"""The life of a session whatever OCPP version tells of it: it begins, takes its place on an EVSE, and ends.

A session may run aside: begun while the station was offline, or at an EVSE that is not known yet. Then it holds no EVSE
and changes nothing that is live, until an event of the present comes for it (pain 18) or it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from csms.model.event import SessionClosed, SessionOpened
from csms.model.ids import EvseRef
from csms.model.session import StopReason
from csms.station import metering, remote_control
from csms.station.context import StationContext
from csms.station.sequence import restored
from csms.station.state import EvseState, Needs, OpenSession
from csms.store import changes
from csms.store.change import Change
from csms.store.tables import Session

OPEN, ASIDE, ENDED = "open", "aside", "ended"

ASIDE_MAX = 100
"""Sessions of one station that run aside; a station that has more never ends them."""


def new_row(
    context: StationContext,
    station_id: str,
    evse_id: int,
    transaction_id: str,
    id_token: str,
    started_at: datetime,
    received_at: datetime,
) -> Session:
    """A session that begins, with an id of its own and what was wanted of the EVSE before."""
    evse = context.evse(station_id, evse_id)
    needs = evse.needs if evse else Needs()
    return Session(
        id=next(context.session_ids),
        station_id=station_id,
        evse_id=evse_id,
        transaction_id=transaction_id,
        id_token=id_token,
        started_at=started_at,
        received_at=received_at,
        wanted_wh=needs.energy_wh,
        departure_at=needs.departure,
        ev_needs=evse.car.written() if evse else None,
    )


def number_of(row: Session) -> int:
    """The transaction id that a 1.6 station was given."""
    return int(row.transaction_id) if row.transaction_id.isdecimal() else row.id


def open_session(row: Session, *, certain: bool = True) -> OpenSession:
    """The live form of a stored session; `certain` False: events may have come that it does not tell of."""
    return OpenSession(
        session_id=row.id,
        transaction_id=row.transaction_id,
        evse=EvseRef(row.station_id, row.evse_id),
        connector_id=row.connector_id,
        started_at=row.started_at,
        id_token=row.id_token,
        start_register_wh=row.start_register_wh,
        last_register_wh=row.last_register_wh,
        energy_wh=row.energy_wh,
        power_w=row.last_power_w,
        soc=row.last_soc,
        last_sample_at=row.last_sample_at,
        charging_state=row.charging_state,
        flags=list(row.flags),
        events=restored(row.seq_first, row.last_seq_no, row.seq_missing or (), certain=certain),
        remote_start_id=row.remote_start_id,
        reservation_id=row.reservation_id,
        charging_s=row.charging_s,
        cable_max_a=row.cable_max_a,
        phases_used=row.phases_used,
    )


async def begin(
    context: StationContext, row: Session, received_at: datetime, *, live: bool = True, also: Sequence[Change] = ()
) -> OpenSession:
    """Make a session durable, and live if it belongs to the present and its EVSE is known.

    One that still ran on this EVSE was left without a stop and is closed; one that began later stays.
    """
    evse = context.evse(row.station_id, row.evse_id)
    running = evse.session if evse is not None else None
    if not live or evse is None or (running is not None and running.started_at > row.started_at):
        return await _begin_aside(context, row, also)
    if running is not None:
        await _displace(context, evse, running, row.started_at)
    await context.store.writer.commit([changes.open_session(row), *also])
    evse.session = open_session(row)
    context.bus.publish(SessionOpened(row.id, evse.ref, received_at))
    return evse.session


async def _begin_aside(context: StationContext, row: Session, also: Sequence[Change]) -> OpenSession:
    aside = context.stations[row.station_id].aside
    if len(aside) >= ASIDE_MAX:
        oldest = next(iter(aside.values()))
        oldest.flag("stop_missing")
        await close(context, oldest, row.started_at, StopReason.OTHER, oldest.last_register_wh)
    row.status = ASIDE
    await context.store.writer.commit([changes.open_session(row), *also])
    aside[row.transaction_id] = open_session(row)
    return aside[row.transaction_id]


def on_evse(context: StationContext, session: OpenSession) -> EvseState | None:
    """The EVSE that the session holds; None while it runs aside."""
    evse = context.evse(*session.evse)
    return evse if evse is not None and evse.session is session else None


async def place(
    context: StationContext, session: OpenSession, evse: EvseState, connector_id: int | None, received_at: datetime
) -> None:
    """A session that ran aside takes its place on an EVSE."""
    if evse.session is not None:
        await _displace(context, evse, evse.session, received_at)
    session.evse, session.connector_id = evse.ref, connector_id or session.connector_id
    placed = changes.update_session(
        session.session_id, status=OPEN, evse_id=evse.ref.evse_id, connector_id=session.connector_id
    )
    await context.store.writer.commit([placed])
    context.stations[evse.ref.station_id].aside.pop(session.transaction_id, None)
    evse.session = session
    context.bus.publish(SessionOpened(session.session_id, evse.ref, received_at))


async def _displace(context: StationContext, evse: EvseState, running: OpenSession, at: datetime) -> None:
    """Its stop was lost; what was said of the plug-in is about the session that comes now."""
    running.flag("stop_missing")
    wanted = evse.needs, evse.driver, evse.car
    await close(context, running, at, StopReason.OTHER, running.last_register_wh)
    evse.needs, evse.driver, evse.car = wanted


async def close(
    context: StationContext,
    session: OpenSession,
    at: datetime,
    reason: StopReason,
    end_register_wh: float | None,
    before: Sequence[Change] = (),
) -> None:
    """End a session: in the store, then live. What is told to the driver as its cost is kept."""
    if end_register_wh is not None and session.start_register_wh is not None:
        session.energy_wh = max(session.energy_wh, end_register_wh - session.start_register_wh)
    ended = changes.update_session(
        session.session_id,
        status=ENDED,
        ended_at=max(at, session.started_at),
        stop_reason=reason,
        end_register_wh=end_register_wh if end_register_wh is not None else session.last_register_wh,
        energy_wh=session.energy_wh,
        id_token=session.id_token,
        cost=context.pricing.cost(session, context.clock.now()),
    )
    station = context.stations[session.evse.station_id]
    await context.store.writer.commit([*before, metering.progress(session), ended])
    station.aside.pop(session.transaction_id, None)
    _leave(context, session, at)
    for stop in remote_control.stops_of(context, session):
        await remote_control.followed(context, stop.operation_id, stop.station_id, stop.kind, session.session_id)


def _leave(context: StationContext, session: OpenSession, at: datetime) -> None:
    """Free the EVSE and tell that the session is over; where another one runs by now, nobody there is disturbed."""
    evse = context.evse(*session.evse)
    if evse is None or (evse.session is not None and evse.session is not session):
        return
    if evse.session is session:
        evse.session, evse.power_w = None, 0.0
        evse.forget_wants()
    context.bus.publish(SessionClosed(session.session_id, evse.ref, at))


def state_row(session: OpenSession, state: str, at: datetime, received_at: datetime, cause: str) -> Change:
    """The session went into another charging state."""
    return changes.add_state_change(
        session.evse.station_id,
        session.evse.evse_id,
        session.connector_id,
        session_id=session.session_id,
        state=state,
        cause=cause,
        at=at,
        received_at=received_at,
    )
