"""DER control (2.1 block R): which controls a station holds, which are in force, what they make it do."""

from __future__ import annotations

from datetime import datetime

import msgspec

from csms.model.command import CommandResult
from csms.model.der import ClearDerControl, DerAlarm, DerReport, DerStartStop, GetDerControl, SetDerControl
from csms.model.inbound import Acknowledged
from csms.station import operations
from csms.station.context import Handlers, Performers, Send, StationContext
from csms.store import changes
from csms.store.change import Change
from csms.store.energy_tables import DerControl, V2xEvent

REPORT = "get_der_control"
"""The kind of operation that a report belongs to."""


async def alarm(context: StationContext, station_id: str, message: DerAlarm, received_at: datetime) -> Acknowledged:
    """Keep that a control takes over, or no longer does (R05.FR.01, R05.FR.02)."""
    event = V2xEvent(
        station_id=station_id,
        received_at=received_at,
        time=message.time,
        kind="alarm_ended" if message.ended else "alarm",
        subject=message.control_type,
        detail={"fault": message.fault, "info": message.info},
    )
    await context.store.writer.commit([changes.add_row(event)])
    return Acknowledged()


async def start_stop(
    context: StationContext, station_id: str, message: DerStartStop, received_at: datetime
) -> Acknowledged:
    """A control is in force now, those it takes the place of no longer; or it ended (R04.FR.20 to R04.FR.22)."""
    event = V2xEvent(
        station_id=station_id,
        received_at=received_at,
        time=message.time,
        kind="started" if message.started else "ended",
        subject=message.control_id,
        detail={"superseded": list(message.superseded)},
    )
    written = [changes.add_row(event), _set(station_id, message.control_id, received_at, active=message.started)]
    written += _superseded(station_id, message.superseded, received_at)
    await context.store.writer.commit(written)
    return Acknowledged()


def _set(station_id: str, control_id: str, at: datetime, **values: object) -> Change:
    keys = {"station_id": station_id, "control_id": control_id}
    return changes.set_columns(DerControl, keys, changed_at=at, **values)


def _superseded(station_id: str, control_ids: tuple[str, ...], at: datetime) -> list[Change]:
    return [_set(station_id, control_id, at, superseded=True, active=False) for control_id in control_ids]


async def report(context: StationContext, station_id: str, message: DerReport, received_at: datetime) -> Acknowledged:
    """Take what the station says it holds over what we thought; the last part ends the question (R04.FR.32)."""
    known = {row.control_id: row for row in await context.store.reader.find(DerControl, station_id=station_id)}
    written: list[Change] = []
    for held in message.controls:
        before = known.get(held.control_id)
        row = DerControl(
            station_id=station_id,
            control_id=held.control_id,
            control_type=held.control_type,
            is_default=held.is_default,
            superseded=held.superseded,
            active=before.active if before else None,
            reported=True,
            changed_at=received_at,
            setting=held.setting,
        )
        written.append(changes.put_row(row))
    operation = await operations.find(context, station_id, REPORT, message.request_id)
    if operation is not None:
        status = "reporting" if message.more else "reported"
        written.append(operations.step(operation, received_at, status, ended=not message.more))
    await context.store.writer.commit(written)
    return Acknowledged()


async def set_control(context: StationContext, station_id: str, command: SetDerControl, send: Send) -> CommandResult:
    """Keep what the station accepted; it says what the new control takes the place of (R04.FR.03, R04.FR.06)."""
    result = await send(command)
    if result.accepted:
        now, named = context.clock.now(), result.payload.get("supersededIds")
        ids = tuple(name for name in named if isinstance(name, str)) if isinstance(named, list) else ()
        row = DerControl(
            station_id=station_id,
            control_id=command.control_id,
            control_type=command.control_type,
            is_default=command.is_default,
            changed_at=now,
            setting=msgspec.to_builtins(command.setting),
        )
        await context.store.writer.commit([changes.put_row(row), *_superseded(station_id, ids, now)])
    return result


async def get_controls(context: StationContext, station_id: str, command: GetDerControl, send: Send) -> CommandResult:
    """Ask under a request id of ours; the reports carry it (R04.FR.31)."""
    asked = {"control_type": command.control_type, "control_id": command.control_id, "is_default": command.is_default}
    operation = await operations.begin(context, station_id, REPORT, asked)
    numbered = msgspec.structs.replace(command, request_id=operation.id)
    return await operations.carry_out(context, operation, numbered, send)


async def clear_controls(
    context: StationContext, station_id: str, command: ClearDerControl, send: Send
) -> CommandResult:
    """Forget what the station cleared (R04.FR.45, R04.FR.46)."""
    result = await send(command)
    if result.accepted:
        keys = {"station_id": station_id, "is_default": command.is_default}
        narrower = {"control_type": command.control_type, "control_id": command.control_id}
        keys |= {name: value for name, value in narrower.items() if value is not None}
        await context.store.writer.commit([changes.delete_rows(DerControl, **keys)])
    return result


HANDLERS: Handlers = {DerAlarm: alarm, DerStartStop: start_stop, DerReport: report}

PERFORMERS: Performers = {SetDerControl: set_control, GetDerControl: get_controls, ClearDerControl: clear_controls}
