"""Sessions: how they begin and end (OCPP 1.6 sections 4.8 and 4.10, 2.0.1 block E).

Every message is acknowledged, whatever it names: an error answer to a stop makes stations repeat it for ever (SR-01).
A repeated start gives the same transaction id, an ended session is never opened again, a stop ends nobody else's.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from csms.model.event import SessionClosed, SessionOpened
from csms.model.ids import EvseRef
from csms.model.inbound import (
    AuthorizeReply,
    SessionStarted,
    SessionStartedReply,
    SessionStopped,
    SessionStoppedReply,
    TransactionEvent,
    TransactionEventReply,
)
from csms.model.session import StopReason
from csms.station import metering
from csms.station.authorization import judge
from csms.station.context import Handlers, StationContext
from csms.station.starts import Start, Transaction
from csms.station.state import EvseState, Needs, OpenSession
from csms.station.work import Work
from csms.store import changes
from csms.store.change import Change, SampleBatch
from csms.store.tables import Session

_NO_WORD = TransactionEventReply()
RECENT_SESSIONS = 20
"""How far back a repeated start is looked for; a station keeps at most a few unsent transactions per connector."""


async def started(
    context: StationContext, station_id: str, message: SessionStarted, received_at: datetime
) -> SessionStartedReply:
    """1.6 StartTransaction: issue an id, unique for ever; the same start again gets the same id (pain 10)."""
    authorization = await judge(context, message.id_token, station_id, evse_id=message.evse_id, starting=True)
    at = context.event_time(message.time, received_at)
    start = Start(station_id, message.evse_id, message.id_token, at, message.register_wh)
    repeated = await _same_start(context, start, received_at) if message.time is not None else None
    if repeated is not None:
        return SessionStartedReply(repeated, authorization)
    session_id = next(context.session_ids)
    row = _new_row(context, station_id, message.evse_id, str(session_id), message.id_token, at, received_at)
    row.id, row.start_register_wh, row.last_register_wh = session_id, message.register_wh, message.register_wh
    await _open(context, row, received_at)
    context.starts.add(start, session_id, received_at)
    return SessionStartedReply(session_id, authorization)


async def _same_start(context: StationContext, start: Start, received_at: datetime) -> int | None:
    """The session that this very start opened before."""
    known = context.starts.find(start)
    if known is not None or (context.fresh(start.at, received_at) and context.starts.covers(start.at)):
        return known
    for row in await context.store.reader.sessions(limit=RECENT_SESSIONS, station_id=start.station_id):
        if Start(row.station_id, row.evse_id, row.id_token, row.started_at, row.start_register_wh) == start:
            return row.id
    return None


async def stopped(
    context: StationContext, station_id: str, message: SessionStopped, received_at: datetime
) -> SessionStoppedReply:
    """1.6 StopTransaction: the first one counts, later and unknown ones are kept as notices (pains 11 to 13, 16)."""
    authorization = await judge(context, message.id_token, station_id) if message.id_token else None
    evse = _running(context, station_id, message.transaction_id) or _offline_start(context, station_id, message)
    if evse is None or evse.session is None:
        await _keep_orphan_stop(context, station_id, message, received_at)
        return SessionStoppedReply(authorization)
    session = evse.session
    if session.transaction_id != message.transaction_id:
        session.flags.append("matched_by_token")
    metering.advance(session, metering.readings(message.samples))
    end_wh = _end_register(session, message.register_wh)
    batch = SampleBatch(station_id, evse.ref.evse_id, received_at, message.samples, session.session_id)
    at = context.event_time(message.time, received_at)
    before = [changes.add_samples(batch), metering.progress(session)]
    await _close(context, evse, at, message.reason, end_wh, before)
    return SessionStoppedReply(authorization)


def _running(context: StationContext, station_id: str, transaction_id: str) -> EvseState | None:
    for evse in context.stations[station_id].evses.values():
        if evse.session is not None and evse.session.transaction_id == transaction_id:
            return evse
    return None


def _offline_start(context: StationContext, station_id: str, message: SessionStopped) -> EvseState | None:
    """A station that started offline stops with id 0 or -1: match only when exactly one session can be meant."""
    if message.transaction_id not in ("0", "-1"):
        return None
    running = [evse for evse in context.stations[station_id].evses.values() if evse.session is not None]
    fitting = [e for e in running if e.session and message.id_token in ("", e.session.id_token)]
    return fitting[0] if len(fitting) == 1 else None


def _end_register(session: OpenSession, register_wh: float) -> float | None:
    """The stop register when it fits the samples (RB-47, RB-48), else None; deviations are flagged."""
    start_wh = session.start_register_wh if session.start_register_wh is not None else register_wh
    if "register_reset" in session.flags:
        return None
    if register_wh < start_wh:
        session.flags.append("stop_below_start")
        return None
    if register_wh - start_wh < session.energy_wh - metering.REGISTER_NOISE_WH:
        session.flags.append("stop_register_odd")
        return None
    return register_wh


async def _keep_orphan_stop(
    context: StationContext, station_id: str, message: SessionStopped, received_at: datetime
) -> None:
    known = await context.store.reader.session_by_transaction(station_id, message.transaction_id)
    repeated = known is not None and known.end_register_wh in (None, message.register_wh)
    code = "repeated_stop" if repeated else "differing_stop" if known else "orphan_stop"
    detail: dict[str, object] = {
        "transaction_id": message.transaction_id,
        "register_wh": message.register_wh,
        "id_token": message.id_token,
        "reason": message.reason,
        "time": message.time.isoformat() if message.time else None,
    }
    session_id, evse_id = (known.id, known.evse_id) if known else (None, 0)
    batch = SampleBatch(station_id, evse_id, received_at, message.samples, session_id, message.transaction_id)
    written = [changes.add_notice(station_id, received_at, code, detail), changes.add_samples(batch)]
    if known is not None and known.status == "open":
        written.append(_ended_at_impossible_connector(context, known, message, received_at))
    await context.store.writer.commit(written)


def _ended_at_impossible_connector(
    context: StationContext, row: Session, message: SessionStopped, received_at: datetime
) -> Change:
    """A session at a connector number that no station has never became live; its stop ends it in the store."""
    energy_wh = max(0.0, message.register_wh - (row.start_register_wh or message.register_wh))
    return changes.update_session(
        row.id,
        status="ended",
        ended_at=max(context.event_time(message.time, received_at), row.started_at),
        stop_reason=message.reason,
        end_register_wh=message.register_wh,
        energy_wh=energy_wh,
    )


async def event(
    context: StationContext, station_id: str, message: TransactionEvent, received_at: datetime
) -> TransactionEventReply:
    """2.0.1 TransactionEvent in any order, with gaps, repeated or offline (E01 to E13, pain 18)."""
    authorization = await _judged(context, station_id, message)
    evse = _running(context, station_id, message.transaction_id)
    if evse is None:
        evse = await _begin(context, station_id, message, received_at)
    if evse is None or evse.session is None:
        return TransactionEventReply(authorization)
    if message.kind == "Ended":
        await _end(context, evse, evse.session, message, received_at)
    else:
        work = _update(context, evse, evse.session, message, received_at)
        await context.store.writer.commit(work.changes)
        if work.after is not None:
            work.after()
    return TransactionEventReply(authorization)


async def _judged(context: StationContext, station_id: str, message: TransactionEvent) -> AuthorizeReply | None:
    """The state of the token that came along, which may be that of a start button without any (C02.FR.02)."""
    if not message.id_token and not message.token_type:
        return None
    evse = _running(context, station_id, message.transaction_id)
    return await judge(
        context,
        message.id_token,
        station_id,
        evse_id=message.evse_id or (evse.ref.evse_id if evse else None),
        token_type=message.token_type,
        starting=message.kind == "Started" or message.trigger == "Authorized",
    )


def plan_event(
    context: StationContext, station_id: str, message: TransactionEvent, received_at: datetime
) -> Work | None:
    """What an update of a running transaction asks for; None for every other event."""
    evse = _running(context, station_id, message.transaction_id)
    if evse is None or evse.session is None or message.kind != "Updated" or message.id_token:
        return None
    return _update(context, evse, evse.session, message, received_at)


def _update(
    context: StationContext, evse: EvseState, session: OpenSession, message: TransactionEvent, received_at: datetime
) -> Work:
    samples = message.samples
    found = metering.readings(samples)
    _take_note(session, message)
    batch = SampleBatch(evse.ref.station_id, evse.ref.evse_id, received_at, samples, session.session_id)
    updates = metering.apply_to_session(session, found, received_at)
    after = partial(metering.publish, context, evse, session.session_id, samples, found, received_at)
    return Work([changes.add_samples(batch), *updates], _NO_WORD, None if message.offline else after)


def _take_note(session: OpenSession, message: TransactionEvent) -> None:
    session.last_seq_no = max(session.last_seq_no, message.seq_no)
    session.id_token = session.id_token or message.id_token
    if message.charging_state is not None and not message.offline:
        session.charging_state = message.charging_state


async def _end(
    context: StationContext, evse: EvseState, session: OpenSession, message: TransactionEvent, received_at: datetime
) -> None:
    found = metering.readings(message.samples)
    _take_note(session, message)
    metering.advance(session, found)
    batch = SampleBatch(evse.ref.station_id, evse.ref.evse_id, received_at, message.samples, session.session_id)
    before = [changes.add_samples(batch), metering.progress(session)]
    at = context.event_time(message.time, received_at)
    await _close(context, evse, at, message.stop_reason or StopReason.LOCAL, session.last_register_wh, before)
    if not message.offline:
        metering.publish(context, evse, session.session_id, message.samples, found, received_at)


async def _begin(
    context: StationContext, station_id: str, message: TransactionEvent, received_at: datetime
) -> EvseState | None:
    """Open the session on its first event; None when it has ended already or its EVSE cannot be told (pain 19)."""
    known = await _known(context, station_id, message, received_at)
    evse_id = known.evse_id if known else _evse_of(context, station_id, message)
    if known is not None or evse_id is None:
        code = "event_after_end" if known else "event_without_evse"
        await _keep_event(context, station_id, message, known, code, received_at)
        return None
    at = context.event_time(message.time, received_at)
    row = _new_row(context, station_id, evse_id, message.transaction_id, message.id_token, at, received_at)
    row.id, row.connector_id = next(context.session_ids), message.connector_id or 1
    if message.kind != "Started":
        row.flags = [*row.flags, "start_missing"]
    if message.offline:
        row.flags = [*row.flags, "offline"]
    evse = await _open(context, row, received_at)
    context.transactions.add(Transaction(station_id, message.transaction_id), row.id, received_at)
    return evse


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
    if message.evse_id is not None:
        return message.evse_id if context.evse(station_id, message.evse_id) else None
    evses = list(context.stations[station_id].evses)
    return evses[0] if len(evses) == 1 else None


async def _keep_event(
    context: StationContext,
    station_id: str,
    message: TransactionEvent,
    known: Session | None,
    code: str,
    received_at: datetime,
) -> None:
    session_id, evse_id = (known.id, known.evse_id) if known else (None, message.evse_id or 0)
    batch = SampleBatch(station_id, evse_id, received_at, message.samples, session_id, message.transaction_id)
    detail: dict[str, object] = {
        "transaction_id": message.transaction_id,
        "kind": message.kind,
        "seq_no": message.seq_no,
    }
    notice = changes.add_notice(station_id, received_at, code, detail)
    await context.store.writer.commit([notice, changes.add_samples(batch)])


def _new_row(
    context: StationContext,
    station_id: str,
    evse_id: int,
    transaction_id: str,
    id_token: str,
    started_at: datetime,
    received_at: datetime,
) -> Session:
    evse = context.evse(station_id, evse_id)
    needs = evse.needs if evse else Needs()
    return Session(
        id=0,
        station_id=station_id,
        evse_id=evse_id,
        transaction_id=transaction_id,
        id_token=id_token,
        started_at=started_at,
        received_at=received_at,
        wanted_wh=needs.energy_wh,
        departure_at=needs.departure,
    )


async def _open(context: StationContext, row: Session, received_at: datetime) -> EvseState | None:
    """Make the session durable and live; one that still ran on this EVSE was left without a stop and is closed."""
    evse = context.evse(row.station_id, row.evse_id)
    if evse is not None and evse.session is not None:
        evse.session.flags.append("stop_missing")
        needs = evse.needs
        await _close(context, evse, row.started_at, StopReason.OTHER, evse.session.last_register_wh, [])
        evse.needs = needs
    await context.store.writer.commit([changes.open_session(row)])
    if evse is None:
        return None
    evse.session = open_session(row)
    context.bus.publish(SessionOpened(row.id, evse.ref, received_at))
    return evse


def open_session(row: Session) -> OpenSession:
    """The live form of a stored open session."""
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
        last_seq_no=row.last_seq_no,
        charging_state=row.charging_state,
        flags=list(row.flags),
    )


async def _close(
    context: StationContext,
    evse: EvseState,
    at: datetime,
    reason: StopReason,
    end_register_wh: float | None,
    before: list[Change],
) -> None:
    session = evse.session
    assert session is not None
    if end_register_wh is not None and session.start_register_wh is not None:
        session.energy_wh = max(session.energy_wh, end_register_wh - session.start_register_wh)
    ended = changes.update_session(
        session.session_id,
        status="ended",
        ended_at=max(at, session.started_at),
        stop_reason=reason,
        end_register_wh=end_register_wh if end_register_wh is not None else session.last_register_wh,
        energy_wh=session.energy_wh,
        id_token=session.id_token,
        last_seq_no=session.last_seq_no,
        flags=list(session.flags),
    )
    await context.store.writer.commit([*before, ended])
    evse.session, evse.needs, evse.power_w = None, Needs(), 0.0
    context.bus.publish(SessionClosed(session.session_id, evse.ref, at))


HANDLERS: Handlers = {SessionStarted: started, SessionStopped: stopped, TransactionEvent: event}
