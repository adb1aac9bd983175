"""Sessions of OCPP 1.6: StartTransaction and StopTransaction (sections 4.8 and 4.10).

Every message is acknowledged, whatever it names: an error answer to a stop makes stations repeat it for ever (SR-01).
A repeated start gives the same transaction id, an ended session is never opened again, a stop ends nobody else's.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from csms.model.bounds import CLOCK_SKEW_FLAG_S
from csms.model.inbound import SessionStarted, SessionStartedReply, SessionStopped, SessionStoppedReply
from csms.model.meter import ENERGY_REGISTER
from csms.station import metering, orphans, sessions
from csms.station.authorization import judge
from csms.station.context import Handlers, StationContext
from csms.station.origin import Told, begin
from csms.station.starts import Start
from csms.station.state import OpenSession
from csms.store import changes
from csms.store.change import SampleBatch

RECENT_SESSIONS = 20
"""How far back a repeated start is looked for; a station keeps at most a few unsent transactions per connector."""

_SKEW = timedelta(seconds=CLOCK_SKEW_FLAG_S)


async def started(
    context: StationContext, station_id: str, message: SessionStarted, received_at: datetime
) -> SessionStartedReply:
    """1.6 StartTransaction: issue an id, unique for ever and not guessable; the same start gets it again (pain 10)."""
    authorization = await judge(context, message.id_token, station_id, evse_id=message.evse_id, starting=True)
    at = context.event_time(message.time, received_at)
    start = Start(station_id, message.evse_id, message.id_token, at, message.register_wh)
    repeated = await _same_start(context, start, received_at) if message.time is not None else None
    if repeated is not None:
        return SessionStartedReply(repeated, authorization)
    row = sessions.new_row(context, station_id, message.evse_id, "", message.id_token, at, received_at)
    number = context.outside.numbers.number(row.id)
    row.transaction_id = str(number)
    row.start_register_wh = row.last_register_wh = metering.believable(message.register_wh)
    context.stations[station_id].manners.told_time(message.time, received_at)
    row.flags = context.clock_flags(message.time, received_at) + metering.start_flags(message.register_wh)
    await begin(context, row, Told(authorization.group_id, None, message.reservation_id), received_at)
    context.starts.add(start, number, received_at)
    return SessionStartedReply(number, authorization)


async def _same_start(context: StationContext, start: Start, received_at: datetime) -> int | None:
    """The transaction id that this very start was given before."""
    known = context.starts.find(start)
    if known is not None or (context.fresh(start.at, received_at) and context.starts.covers(start.at)):
        return known
    for row in await context.store.reader.sessions(limit=RECENT_SESSIONS, station_id=start.station_id):
        if Start(row.station_id, row.evse_id, row.id_token, row.started_at, row.start_register_wh) == start:
            return sessions.number_of(row)
    return None


async def stopped(
    context: StationContext, station_id: str, message: SessionStopped, received_at: datetime
) -> SessionStoppedReply:
    """1.6 StopTransaction: the first one counts, later and unknown ones are kept (pains 11 to 14, 16)."""
    authorization = await judge(context, message.id_token, station_id) if message.id_token else None
    at = context.event_time(message.time, received_at)
    session = context.stations[station_id].session(message.transaction_id)
    session = session or _started_offline(context, station_id, message, at)
    if session is None:
        await orphans.keep(context, station_id, message, received_at)
        return SessionStoppedReply(authorization)
    if session.transaction_id != message.transaction_id:
        session.flag("matched_by_token")
    session.flag(*context.clock_flags(message.time, received_at))
    metering.advance(session, metering.readings(message.samples))
    end_wh = metering.end_register(session, message.register_wh)
    evse_id, session_id = session.evse.evse_id, session.session_id
    batch = SampleBatch(station_id, evse_id, received_at, message.samples, session_id)
    signed = metering.signed_rows(station_id, evse_id, message.signed, received_at, session_id)
    await sessions.close(context, session, at, message.reason, end_wh, [changes.add_samples(batch), *signed])
    return SessionStoppedReply(authorization)


def _started_offline(
    context: StationContext, station_id: str, message: SessionStopped, at: datetime
) -> OpenSession | None:
    """A station that started offline stops with id 0 or -1: match only the one session that it can be (pain 13)."""
    if message.transaction_id not in orphans.NAMELESS:
        return None
    evses = context.stations[station_id].evses.values()
    running = [evse.session for evse in evses if evse.session is not None]
    fitting = [session for session in running if _can_be(session, message, at)]
    return fitting[0] if len(fitting) == 1 else None


def _can_be(session: OpenSession, message: SessionStopped, at: datetime) -> bool:
    """By token, time and register; the register at the beginning, when the station tells it, must be the very one."""
    start_wh = session.start_register_wh or 0.0
    begins = [s.value for s in message.samples if s.measurand == ENERGY_REGISTER and s.context == metering.BEGIN]
    same_token = message.id_token.casefold() in ("", session.id_token.casefold())
    in_time = session.started_at <= at + _SKEW
    grown = message.register_wh >= start_wh - metering.REGISTER_NOISE_WH
    exact = all(abs(value - start_wh) <= metering.REGISTER_NOISE_WH for value in begins)
    return same_token and in_time and grown and exact


HANDLERS: Handlers = {SessionStarted: started, SessionStopped: stopped}
