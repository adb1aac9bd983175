"""What a session comes of: a remote start that was asked for (F01, F02), a reservation (H03).

Stations tell it at the start or later (a car that is plugged in first has no token yet), by number or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from csms.model.reservation import ReservationState
from csms.station import operations, remote_control, reservation, sessions
from csms.station.context import StationContext
from csms.station.state import Awaited, OpenSession
from csms.store import changes
from csms.store.change import Change
from csms.store.tables import Session


@dataclass(frozen=True, slots=True)
class Told:
    """What a message says of where its session comes from."""

    group_id: str = ""
    remote_start_id: int | None = None
    reservation_id: int | None = None


@dataclass(slots=True)
class Claim:
    """What a session takes for itself: entered with `changes`, then at its end by `settle`.

    `started` is the operation of a remote start, `used` a reservation.
    """

    session_id: int
    started: int | None = None
    used: int | None = None
    changes: list[Change] = field(default_factory=list)

    async def settle(self, context: StationContext, station_id: str) -> None:
        """The changes are durable."""
        if self.started is not None:
            await remote_control.followed(context, self.started, station_id, remote_control.START, self.session_id)
        if self.used is not None:
            await reservation.forget(context, station_id, self.used, ReservationState.USED)


async def begin(
    context: StationContext, row: Session, told: Told, received_at: datetime, *, live: bool = True
) -> OpenSession:
    """Open a session; the remote start and the reservation that it fulfils are at their end with it."""
    draft = sessions.open_session(row)
    claim = await _claim(context, draft, told)
    row.remote_start_id, row.reservation_id = draft.remote_start_id, draft.reservation_id
    session = await sessions.begin(context, row, received_at, live=live, also=claim.changes)
    await claim.settle(context, row.station_id)
    return session


async def join(context: StationContext, session: OpenSession, told: Told) -> Claim:
    """The same for a session that runs already; commit the changes, then settle."""
    before = session.remote_start_id, session.reservation_id
    claim = await _claim(context, session, told)
    if (session.remote_start_id, session.reservation_id) != before:
        told_now = {"remote_start_id": session.remote_start_id, "reservation_id": session.reservation_id}
        claim.changes.append(changes.update_session(session.session_id, **told_now))
    return claim


async def _claim(context: StationContext, session: OpenSession, told: Told) -> Claim:
    claim, now = Claim(session.session_id), context.clock.now()
    if session.remote_start_id is None:
        started = await _remote_start(context, session, told.remote_start_id)
        session.remote_start_id = told.remote_start_id if started is None else started.number
        claim.started = None if started is None else started.operation_id
    if session.reservation_id is None:
        station_id, evse_id = session.evse
        claim.used = session.reservation_id = reservation.used_by(
            context, station_id, evse_id, session.id_token, told.group_id, told.reservation_id
        )
    if claim.used is not None:
        station_id = session.evse.station_id
        claim.changes.append(reservation.ended(station_id, claim.used, ReservationState.USED, now, session.session_id))
    return claim


async def _remote_start(context: StationContext, session: OpenSession, remote_start_id: int | None) -> Awaited | None:
    """Also one that was given up already: the station's word is better than our patience."""
    waiting = remote_control.start_of(context, session, remote_start_id)
    if waiting is not None or not remote_start_id:
        return waiting
    given_up = await operations.find(context, session.evse.station_id, remote_control.START, remote_start_id)
    late = remote_control.awaited(given_up) if given_up is not None else None
    return late if late is not None and late.number == remote_start_id else None
