"""Sessions of OCPP 2.0.1: TransactionEvent in any order, with gaps, repeated or offline (block E, pains 18 and 19).

Events that come late, or happened while the station was offline, count for the energy and the record only; they never
change what is live. A gap in the sequence numbers is flagged until it is filled, also after the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from csms.model.inbound import AuthorizeReply, TransactionEvent, TransactionEventReply
from csms.model.session import StopReason
from csms.station import metering, sessions
from csms.station.authorization import judge
from csms.station.context import Handlers, StationContext
from csms.station.metering import Reading
from csms.station.origin import Told, begin, join
from csms.station.sequence import Arrival
from csms.station.starts import Transaction
from csms.station.state import EvseState, OpenSession
from csms.station.work import Work
from csms.store import changes
from csms.store.change import Change, SampleBatch
from csms.store.tables import Session

_NO_WORD = TransactionEventReply()
GAP, START_MISSING = "seq_gap", "start_missing"


async def event(
    context: StationContext, station_id: str, message: TransactionEvent, received_at: datetime
) -> TransactionEventReply:
    """Enter one event (E01 to E13); a token in it is judged, whatever else the event is about (E01.FR.11)."""
    authorization = await _judged(context, station_id, message)
    session = context.stations[station_id].session(message.transaction_id)
    if session is None:
        ended = await _known(context, station_id, message, received_at)
        if ended is not None:
            await _after_end(context, ended, message, received_at)
            return TransactionEventReply(authorization, ended.cost)
        session = await _begin(context, station_id, message, authorization, received_at)
    if message.kind == "Ended":
        return await _end(context, session, message, authorization, received_at)
    await _take_place(context, session, message, received_at)
    await _join(context, session, message, authorization)
    work = _update(context, sessions.on_evse(context, session), session, message, received_at, authorization)
    await context.store.writer.commit(work.changes)
    if work.after is not None:
        work.after()
    assert isinstance(work.reply, TransactionEventReply)
    return work.reply


async def _judged(context: StationContext, station_id: str, message: TransactionEvent) -> AuthorizeReply | None:
    """The state of the token that came along, which may be that of a start button without any (C02.FR.02)."""
    if not message.id_token and not message.token_type:
        return None
    session = context.stations[station_id].session(message.transaction_id)
    return await judge(
        context,
        message.id_token,
        station_id,
        evse_id=message.evse_id or (session.evse.evse_id if session else None),
        token_type=message.token_type,
        starting=message.kind == "Started" or message.trigger == "Authorized",
    )


def plan_event(
    context: StationContext, station_id: str, message: TransactionEvent, received_at: datetime
) -> Work | None:
    """What an update of a running transaction asks for; None for every other event."""
    if message.kind != "Updated" or message.id_token:
        return None
    evse = context.stations[station_id].holder(message.transaction_id)
    session = evse.session if evse is not None else None
    if session is None or message.remote_start_id not in (None, session.remote_start_id):
        return None
    if message.reservation_id not in (None, session.reservation_id):
        return None
    return _update(context, evse, session, message, received_at)


def _reply(
    context: StationContext, session: OpenSession, authorization: AuthorizeReply | None
) -> TransactionEventReply:
    """With the cost so far (I02.FR.01), and the tariff's text when it is a new one (I06.FR.02)."""
    now, pricing = context.clock.now(), context.pricing
    cost, message = pricing.cost(session, now), pricing.message(session, now)
    if message == session.message:
        message = None
    else:
        session.message = message
    if authorization is None and cost is None and message is None:
        return _NO_WORD
    return TransactionEventReply(authorization, cost, message)


async def _begin(
    context: StationContext,
    station_id: str,
    message: TransactionEvent,
    authorization: AuthorizeReply | None,
    received_at: datetime,
) -> OpenSession:
    """Open the session on its first event, aside when its EVSE cannot be told or it is of the past (pain 19)."""
    evse_id = _evse_of(context, station_id, message) or 0
    at = context.event_time(message.time, received_at)
    row = sessions.new_row(context, station_id, evse_id, message.transaction_id, message.id_token, at, received_at)
    row.connector_id = message.connector_id or 1
    if not message.offline:
        context.stations[station_id].manners.told_time(message.time, received_at)
    row.flags = context.clock_flags(message.time, received_at)
    if message.kind != "Started":
        row.flags = [*row.flags, START_MISSING]
    if message.offline:
        row.flags = [*row.flags, "offline"]
    session = await begin(context, row, _told(message, authorization), received_at, live=not message.offline)
    context.transactions.add(Transaction(station_id, message.transaction_id), row.id, received_at)
    return session


def _told(message: TransactionEvent, authorization: AuthorizeReply | None) -> Told:
    group_id = authorization.group_id if authorization else ""
    return Told(group_id, message.remote_start_id, message.reservation_id)


async def _known(
    context: StationContext, station_id: str, message: TransactionEvent, received_at: datetime
) -> Session | None:
    """The session of this transaction, if there ever was one. A start that is new needs no search."""
    named = Transaction(station_id, message.transaction_id)
    at = message.time
    new = message.kind == "Started" and at is not None and context.fresh(at, received_at)
    if new and at is not None and context.transactions.covers(at) and context.transactions.find(named) is None:
        return None
    return await context.store.reader.session_by_transaction(station_id, message.transaction_id)


def _evse_of(context: StationContext, station_id: str, message: TransactionEvent) -> int | None:
    """The EVSE that an event names, or the only one there is."""
    if message.evse_id is not None:
        return message.evse_id if context.evse(station_id, message.evse_id) else None
    evses = list(context.stations[station_id].evses)
    return evses[0] if len(evses) == 1 else None


async def _take_place(
    context: StationContext, session: OpenSession, message: TransactionEvent, received_at: datetime
) -> None:
    """An event of the present brings a session that ran aside to its EVSE, once that is known."""
    if message.offline or sessions.on_evse(context, session) is not None:
        return
    station_id, evse_id = session.evse
    evse = context.evse(station_id, _evse_of(context, station_id, message) or evse_id)
    if evse is not None:
        await sessions.place(context, session, evse, message.connector_id, received_at)


async def _join(
    context: StationContext, session: OpenSession, message: TransactionEvent, authorization: AuthorizeReply | None
) -> None:
    """A token or a number that came after the start: the session is the driver's, and comes of what it names."""
    told, written = _told(message, authorization), list[Change]()
    if message.id_token and not session.id_token:
        session.id_token = message.id_token
        written.append(changes.update_session(session.session_id, id_token=message.id_token))
    if not written and told.remote_start_id is None and told.reservation_id is None:
        return
    claim = await join(context, session, told)
    await context.store.writer.commit([*written, *claim.changes])
    await claim.settle(context, session.evse.station_id)


def _update(
    context: StationContext,
    evse: EvseState | None,
    session: OpenSession,
    message: TransactionEvent,
    received_at: datetime,
    authorization: AuthorizeReply | None = None,
) -> Work:
    """Samples, state and sequence of a running session, for now and for the record."""
    found = metering.readings(message.samples)
    arrival, flags = session.events.take(message.seq_no), len(session.flags)
    live = evse is not None and _counts(session, message, arrival)
    written = _values(session, message, received_at)
    written += _take_note(context, session, message, received_at, arrival, live)
    metering.advance(session, found, live=live)
    odd = arrival is Arrival.LATE or len(session.flags) != flags
    written += metering.due_progress(session, received_at, now=odd)
    reply = _reply(context, session, authorization)
    if evse is None or not live:
        return Work(written, reply)
    after = partial(metering.publish, context, evse, session.session_id, message.samples, found, received_at)
    return Work(written, reply, after)


def _counts(session: OpenSession, message: TransactionEvent, arrival: Arrival) -> bool:
    """Whether an event is of the present: not offline, and in turn by its number or (stations whose numbers do not
    rise, RB-55) by its time.
    """
    if message.offline:
        return False
    if arrival is Arrival.NEXT or session.event_at is None:
        return True
    return message.time is not None and message.time > session.event_at


def _values(session: OpenSession, message: TransactionEvent, received_at: datetime) -> list[Change]:
    station_id, evse_id = session.evse
    written = [changes.add_samples(SampleBatch(station_id, evse_id, received_at, message.samples, session.session_id))]
    if message.signed:
        written += metering.signed_rows(station_id, evse_id, message.signed, received_at, session.session_id)
    return written


def _take_note(
    context: StationContext,
    session: OpenSession,
    message: TransactionEvent,
    received_at: datetime,
    arrival: Arrival,
    live: bool,
) -> list[Change]:
    """What the event says beside its samples; returns the rows of the record that it makes."""
    written: list[Change] = []
    if message.id_token and not session.id_token:
        session.id_token = message.id_token
    if session.events.missing:
        session.flag(GAP)
    elif session.flags and GAP in session.flags:
        session.flags.remove(GAP)
    if message.kind == "Started" and START_MISSING in session.flags:
        written += _start_came(context, session, message, received_at)
    written += _take_figures(session, message, live)
    state = message.charging_state
    if state is not None and (state != session.charging_state if live else arrival is not Arrival.REPEATED):
        at = context.event_time(message.time, received_at)
        written.append(sessions.state_row(session, state, at, received_at, message.trigger))
    if live:
        session.charging_state = session.charging_state if state is None else state
        session.event_at = message.time or session.event_at
    return written


def _take_figures(session: OpenSession, message: TransactionEvent, live: bool) -> Sequence[Change]:
    """Time charged; what the cable carries and the car uses (E02.FR.18, E02.FR.19), stored when it is another."""
    if message.charging_s is not None:
        session.charging_s = max(session.charging_s or 0, message.charging_s)
    cable_max_a = session.cable_max_a if message.cable_max_a is None else message.cable_max_a
    phases_used = message.phases_used if message.phases_used is not None and live else session.phases_used
    if phases_used is None and message.phases_used is not None:
        phases_used = message.phases_used
    if (cable_max_a, phases_used) == (session.cable_max_a, session.phases_used):
        return ()
    session.cable_max_a, session.phases_used = cable_max_a, phases_used
    return (changes.update_session(session.session_id, cable_max_a=cable_max_a, phases_used=phases_used),)


def _start_came(
    context: StationContext, session: OpenSession, message: TransactionEvent, received_at: datetime
) -> list[Change]:
    """The start of a session that was known by later events: its time and its register are the true ones."""
    session.flags.remove(START_MISSING)
    session.started_at = min(session.started_at, context.event_time(message.time, received_at))
    registers = [r.register_wh for r in metering.readings(message.samples) if r.register_wh is not None]
    if registers and "register_reset" not in session.flags:
        session.start_register_wh = registers[0]
        last_wh = session.last_register_wh if session.last_register_wh is not None else registers[0]
        session.energy_wh = max(session.energy_wh, last_wh - registers[0])
        session.last_register_wh = last_wh
    told = {"started_at": session.started_at, "id_token": session.id_token}
    return [changes.update_session(session.session_id, **told)]


async def _end(
    context: StationContext,
    session: OpenSession,
    message: TransactionEvent,
    authorization: AuthorizeReply | None,
    received_at: datetime,
) -> TransactionEventReply:
    """Whatever its number: a session that its station has ended does not go on (E06 to E10)."""
    await _join(context, session, message, authorization)
    evse = sessions.on_evse(context, session)
    found = metering.readings(message.samples)
    arrival = session.events.take(message.seq_no)
    live = not message.offline and evse is not None
    before = [
        *_values(session, message, received_at),
        *_take_note(context, session, message, received_at, arrival, live),
    ]
    metering.advance(session, found, live=live)
    at = context.event_time(message.time, received_at)
    session.flag(*context.clock_flags(message.time, received_at))
    reason = message.stop_reason or StopReason.LOCAL
    await sessions.close(context, session, at, reason, session.last_register_wh, before)
    if live and evse is not None:
        metering.publish(context, evse, session.session_id, message.samples, found, received_at)
    return TransactionEventReply(authorization, context.pricing.cost(session, context.clock.now()))


async def _after_end(context: StationContext, row: Session, message: TransactionEvent, received_at: datetime) -> None:
    """An event of a session that has ended: it fills a gap, or it is a deviation and kept as a notice too."""
    session = sessions.open_session(row)
    arrival = session.events.take(message.seq_no)
    written = [
        *_values(session, message, received_at),
        *_take_note(context, session, message, received_at, arrival, False),
    ]
    if arrival is not Arrival.LATE:
        detail = {"transaction_id": message.transaction_id, "kind": message.kind, "seq_no": message.seq_no}
        written.append(changes.add_notice(row.station_id, received_at, "event_after_end", detail))
    written += _late_registers(session, metering.readings(message.samples), row)
    await context.store.writer.commit([*written, metering.progress(session)])


def _late_registers(session: OpenSession, found: Sequence[Reading], row: Session) -> list[Change]:
    """Energy that was metered before the end and told after it."""
    last_wh = row.end_register_wh
    ends = [r.register_wh for r in found if r.register_wh is not None and (row.ended_at or r.time) >= r.time]
    if ends and last_wh is not None and "register_reset" not in session.flags:
        session.last_register_wh = last_wh = max(last_wh, *ends)
    if last_wh is not None and session.start_register_wh is not None:
        session.energy_wh = max(session.energy_wh, last_wh - session.start_register_wh)
    return [changes.update_session(row.id, end_register_wh=last_wh)]


HANDLERS: Handlers = {TransactionEvent: event}
