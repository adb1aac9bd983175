"""Stops of 1.6 for sessions that do not run (pains 11, 12, 14, 16): repeated, differing, or of a start that was lost.

A stop whose samples reach back to the beginning tells a whole session, so one is rebuilt from it. All stops are kept.
"""

from __future__ import annotations

from datetime import datetime

from csms.model.event import SessionClosed
from csms.model.inbound import SessionStopped
from csms.model.meter import ENERGY_REGISTER, Sample, Samples
from csms.station import metering, sessions
from csms.station.context import StationContext
from csms.store import changes
from csms.store.change import Change, SampleBatch
from csms.store.tables import Session

NAMELESS = ("0", "-1")
"""What stations write that began while they were offline and have no transaction id."""


async def keep(context: StationContext, station_id: str, message: SessionStopped, received_at: datetime) -> None:
    """Keep the stop as a notice, with its samples, and what can be made of it."""
    known = await context.store.reader.session_by_transaction(station_id, message.transaction_id)
    if known is not None and message.transaction_id in NAMELESS and not _same(known, message):
        known = None
    if known is not None:
        await _keep_again(context, known, message, received_at)
        return
    row = _rebuilt(context, station_id, message, received_at)
    written: list[Change] = [_notice(station_id, "orphan_stop", message, received_at)]
    if row is not None:
        written.append(changes.open_session(row))
    written += _values(station_id, row, message, received_at)
    await context.store.writer.commit(written)
    if row is not None:
        _publish(context, row)


async def _keep_again(context: StationContext, known: Session, message: SessionStopped, received_at: datetime) -> None:
    """The first stop counts; one that says something else is flagged at the session."""
    code = "repeated_stop" if _same(known, message) else "differing_stop"
    written = [_notice(known.station_id, code, message, received_at)]
    written += _values(known.station_id, known, message, received_at)
    if code == "differing_stop" and code not in known.flags:
        written.append(changes.update_session(known.id, flags=[*known.flags, code]))
    await context.store.writer.commit(written)


def _same(known: Session, message: SessionStopped) -> bool:
    return known.end_register_wh in (None, message.register_wh)


def _rebuilt(
    context: StationContext, station_id: str, message: SessionStopped, received_at: datetime
) -> Session | None:
    """The session that a stop tells by itself (pain 14); None when its samples do not reach back."""
    at = context.event_time(message.time, received_at)
    first = _beginning(message.samples, at)
    if first is None:
        return None
    evses = list(context.stations[station_id].evses)
    evse_id = evses[0] if len(evses) == 1 else 0
    row = sessions.new_row(
        context, station_id, evse_id, message.transaction_id, message.id_token, first.time, received_at
    )
    row.wanted_wh = row.departure_at = row.ev_needs = None
    session = sessions.open_session(row)
    session.start_register_wh = first.value
    metering.advance(session, metering.readings(message.samples))
    end_wh = metering.end_register(session, message.register_wh)
    start_wh = session.start_register_wh or 0.0
    row.start_register_wh, row.last_register_wh = session.start_register_wh, session.last_register_wh
    row.energy_wh = session.energy_wh if end_wh is None else max(session.energy_wh, end_wh - start_wh)
    row.end_register_wh = message.register_wh if end_wh is None else end_wh
    row.status, row.ended_at, row.stop_reason = sessions.ENDED, max(at, first.time), message.reason
    row.flags = ["orphan_stop", "rebuilt", *session.flags]
    return row


def _beginning(samples: Samples, stop_at: datetime) -> Sample | None:
    """The register at the start: named so, or the oldest one before the stop."""
    registers = [s for s in samples if s.measurand == ENERGY_REGISTER and not s.phase and s.trusted_time]
    named = [s for s in registers if s.context == metering.BEGIN]
    older = sorted((s for s in registers if s.time < stop_at), key=lambda sample: sample.time)
    return next(iter(named or older), None)


def _notice(station_id: str, code: str, message: SessionStopped, received_at: datetime) -> Change:
    detail: dict[str, object] = {
        "transaction_id": message.transaction_id,
        "register_wh": message.register_wh,
        "id_token": message.id_token,
        "reason": message.reason,
        "time": message.time.isoformat() if message.time else None,
    }
    return changes.add_notice(station_id, received_at, code, detail)


def _values(station_id: str, row: Session | None, message: SessionStopped, received_at: datetime) -> list[Change]:
    evse_id, session_id, named = (row.evse_id, row.id, "") if row else (0, None, message.transaction_id)
    batch = SampleBatch(station_id, evse_id, received_at, message.samples, session_id, named)
    signed = metering.signed_rows(station_id, evse_id, message.signed, received_at, session_id, named)
    return [changes.add_samples(batch), *signed]


def _publish(context: StationContext, row: Session) -> None:
    """Its order can be written; an EVSE where something runs has nothing to do with it."""
    evse = context.evse(row.station_id, row.evse_id)
    if evse is not None and evse.session is None and row.ended_at is not None:
        context.bus.publish(SessionClosed(row.id, evse.ref, row.ended_at))
