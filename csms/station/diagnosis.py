"""Gathers what the doctor looks at: the live station, its rows, and how its limits stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from csms.model.device import folded
from csms.model.meter import ENERGY_REGISTER
from csms.model.station import ConnectorStatus, CurrentKind
from csms.station.context import StationContext
from csms.station.doctor import (
    METER_SILENT_S,
    NOTICES_S,
    CertificateFact,
    ConnectorFact,
    Facts,
    Finding,
    LimitFact,
    SessionFact,
    examine,
)
from csms.station.firmware import UPDATE
from csms.station.state import OpenSession, StationState
from csms.station.wishes import Wish, firmware_of, wishes
from csms.store.station_reading import Matters
from csms.store.station_tables import StateChange, VariableRow
from csms.store.tables import Connector, Notice

ROWS = 200
"""So many of the newest notices and state changes are looked at; what went on before is no news."""

SESSIONS = 20

RESETS = ("register_reset", "stop_below_start")
"""Flags of sessions that say nothing where the register is known to begin anew with each of them."""


async def diagnose(context: StationContext, station_id: str, limits: LimitFact | None) -> list[Finding]:
    """What is wrong with a known station now."""
    station, reader, now = context.stations[station_id], context.store.reader, context.clock.now()
    notices = await _notices(context, station_id)
    updates = await reader.operations(Matters(1, station_id, UPDATE))
    flags = Counter(flag for row in await reader.sessions(SESSIONS, station_id) for flag in row.flags or ())
    known = firmware_of(station)
    if known is not None and known.meter.register_resets:
        for flag in RESETS:
            flags.pop(flag, None)
    held = await reader.certificates(station_id=station_id)
    versions = _other_version(station, notices)
    return examine(
        Facts(
            now=now,
            heartbeat_s=context.settings.heartbeat_s,
            online=station.online,
            booted_at=station.booted_at,
            seen_at=station.last_seen_at,
            connected_at=station.connected_at,
            manners=station.manners,
            connectors=await _connectors(context, station),
            sessions=tuple([await _session(context, session) for session in _running(station)]),
            certificates=tuple(CertificateFact(r.use, r.subject, r.expires_at) for r in held if r.expires_at),
            limits=limits,
            happened=Counter(row.code for row in notices),
            flags=flags,
            versions=(str(versions["agreed"]), str(versions["spoken"])) if versions else None,
            firmware=updates[0].status if updates else "",
            differs=await _differs(context, station),
            connect_wait_s=known.setup.connect_wait_s if known is not None else 0.0,
            start_needed=known is not None and known.start.remote_start_needed,
        )
    )


def wished(context: StationContext, station: StationState) -> list[Wish]:
    """How a station should be configured."""
    house = context.settings
    dc = any(evse.rating.kind is CurrentKind.DC for evse in station.evses.values())
    known = firmware_of(station)
    return wishes(
        known, station.protocol, dc=dc, heartbeat_s=house.heartbeat_s, meter_interval_s=house.meter_interval_s
    )


async def _differs(context: StationContext, station: StationState) -> tuple[str, ...]:
    """Names of settings that are known to be other than they should be; what was never read is not judged."""
    rows = await context.store.reader.find(VariableRow, station_id=station.station_id)
    told = {row.key: row.value for row in rows if row.value is not None}
    return tuple(
        wish.name
        for wish in wished(context, station)
        if folded(wish.name) in told and not wish.met(told[folded(wish.name)])
    )


async def _notices(context: StationContext, station_id: str) -> list[Notice]:
    """Those of the last days, newest first."""
    since = context.clock.now() - timedelta(seconds=NOTICES_S)
    rows = await context.store.reader.find(Notice, newest=ROWS, station_id=station_id)
    return [row for row in rows if row.received_at >= since]


def _other_version(station: StationState, notices: Sequence[Notice]) -> dict[str, Any] | None:
    """The newest word on it, unless the station has booted since: then it was mended."""
    told = next((row for row in notices if row.code == "other_version"), None)
    mended = told is not None and station.booted_at is not None and station.booted_at > told.received_at
    return told.detail if told is not None and not mended else None


async def _connectors(context: StationContext, station: StationState) -> tuple[ConnectorFact, ...]:
    reader = context.store.reader
    rows = await reader.find(Connector, station_id=station.station_id)
    history = await reader.find(StateChange, newest=ROWS, station_id=station.station_id)
    return tuple(_connector(station, row, history) for row in rows)


def _connector(station: StationState, row: Connector, history: Sequence[StateChange]) -> ConnectorFact:
    """`received_at` moves with each repeat of a state, so its beginning is in the history, if that goes back so far."""
    place = (row.evse_id, row.connector_id)
    changed = next((c for c in history if (c.evse_id, c.connector_id) == place and c.session_id is None), None)
    since = changed.received_at if changed is not None and changed.state == row.status else row.received_at
    evse = station.evses.get(row.evse_id)
    in_session = evse is not None and evse.session is not None
    status = ConnectorStatus(row.status)
    return ConnectorFact(row.evse_id, row.connector_id, status, since, row.error_code, row.info, in_session)


def _running(station: StationState) -> list[OpenSession]:
    return [evse.session for evse in station.evses.values() if evse.session is not None]


async def _session(context: StationContext, session: OpenSession) -> SessionFact:
    since = context.clock.now() - timedelta(seconds=METER_SILENT_S)
    samples = await context.store.reader.samples(session.session_id, since=since)
    energy = any(sample.measurand == ENERGY_REGISTER for sample in samples)
    return SessionFact(
        session.session_id, session.evse.evse_id, session.started_at, session.last_sample_at, energy or not samples
    )
