"""Monitors on variables and what they report (OCPP 2.0.1 use cases N02 to N08)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import orjson
from msgspec import structs

from csms.model.command import CommandResult
from csms.model.inbound import Acknowledged, StatusReport
from csms.model.monitoring import (
    ClearVariableMonitoring,
    EventReport,
    GetMonitoringReport,
    Monitor,
    MonitorAnswer,
    MonitorCleared,
    MonitoringReport,
    MonitorWanted,
    SetMonitoringBase,
    SetVariableMonitoring,
    StationEvent,
)
from csms.model.station import ConnectorStatus
from csms.station import availability, operations, reports
from csms.station.context import Handlers, Performers, Send, StationContext
from csms.station.splitting import joined, limits, split
from csms.station.work import Work
from csms.store import changes
from csms.store.change import Change
from csms.store.station_tables import EventRow, MonitorRow

KIND = "get_monitoring_report"
MONITOR_BYTES = 280
"""The most that one monitor needs in a message beside its name."""

ID_BYTES = 12
_GONE = ("Accepted", "NotFound")


async def set_base(context: StationContext, station_id: str, command: SetMonitoringBase, send: Send) -> CommandResult:
    """Other bases than All drop monitors, and which are left only the next report says (N03.FR.04, N03.FR.05)."""
    result = await send(command)
    if result.accepted and command.base != "All":
        await context.store.writer.commit([changes.delete_rows(MonitorRow, station_id=station_id)])
    return result


async def set_monitors(
    context: StationContext, station_id: str, command: SetVariableMonitoring, send: Send
) -> CommandResult:
    """Set in as many messages as the station needs; what it took is kept under the number it gave (N04.FR.09, .11)."""
    most = await limits(context, station_id, SetVariableMonitoring)
    results = []
    for chunk in split(list(command.monitors), most, _size):
        results.append(await send(SetVariableMonitoring(tuple(chunk))))
        at = context.clock.now()
        taken = [r for r in results[-1].records if isinstance(r, MonitorAnswer) and r.status == "Accepted"]
        await context.store.writer.commit([_taken(station_id, answer, at) for answer in taken if _number(answer) >= 0])
    return joined(results)


async def clear_monitors(
    context: StationContext, station_id: str, command: ClearVariableMonitoring, send: Send
) -> CommandResult:
    """Remove in as many messages as the station needs (N06.FR.04); what it does not know is gone too (N06.FR.02)."""
    most = await limits(context, station_id, ClearVariableMonitoring)
    results = []
    for chunk in split(list(command.monitor_ids), most, lambda monitor_id: ID_BYTES):
        results.append(await send(ClearVariableMonitoring(tuple(chunk))))
        gone = [r for r in results[-1].records if isinstance(r, MonitorCleared) and r.status in _GONE]
        removed = [changes.delete_rows(MonitorRow, station_id=station_id, monitor_id=r.monitor_id) for r in gone]
        await context.store.writer.commit(removed)
    return joined(results)


async def get_report(
    context: StationContext, station_id: str, command: GetMonitoringReport, send: Send
) -> CommandResult:
    """Ask which monitors there are, in as many reports as the station needs (N02.FR.07)."""
    most = await limits(context, station_id, GetMonitoringReport)
    results = []
    for chunk in split(list(command.names), most, lambda name: MONITOR_BYTES + len(name.encode())) or [[]]:
        asked = {"names": chunk, "criteria": list(command.criteria)}
        operation = await operations.begin(context, station_id, KIND, asked)
        part = structs.replace(command, names=tuple(chunk), request_id=operation.id)
        results.append(await operations.carry_out(context, operation, part, send))
    return joined(results)


async def report(
    context: StationContext, station_id: str, message: MonitoringReport, received_at: datetime
) -> Acknowledged:
    """Keep the monitors that a part tells of; a complete report of all of them leaves no others (N02.FR.11)."""
    told = [_told(station_id, monitor, received_at) for monitor in message.monitors]
    async with reports.about(context, station_id, (KIND,), message.request_id) as operation:
        if operation is not None:
            count = operation.detail.get("monitors", 0) + len(told)
            told.append(reports.part(operation, received_at, message.seq_no, message.more, monitors=count))
            everything = not operation.detail.get("names") and not operation.detail.get("criteria")
            if operation.status == "Complete" and everything:
                told += await _vanished(context, station_id, operation.begun_at, message.monitors)
        await context.store.writer.commit(told)
    return Acknowledged()


async def _vanished(
    context: StationContext, station_id: str, since: datetime, just_told: Sequence[Monitor]
) -> list[Change]:
    """Monitors that were known and are not reported any more."""
    rows = await context.store.reader.find(MonitorRow, station_id=station_id)
    named = {monitor.monitor_id for monitor in just_told}
    gone = [row.monitor_id for row in rows if row.reported_at < since and row.monitor_id not in named]
    return [changes.delete_rows(MonitorRow, station_id=station_id, monitor_id=number) for number in gone]


async def events(context: StationContext, station_id: str, message: EventReport, received_at: datetime) -> Acknowledged:
    """Keep what happened; an alert is open until it is cleared, and connector states are states (N07, N08)."""
    rows = await context.store.reader.find(MonitorRow, station_id=station_id)
    severities = {row.monitor_id: row.severity for row in rows}
    works = [work for event in message.events if (work := _state(context, station_id, event, received_at)) is not None]
    written = [change for event in message.events for change in _kept(station_id, event, severities, received_at)]
    await context.store.writer.commit([*written, *(change for work in works for change in work.changes)])
    for work in works:
        if work.after is not None:
            work.after()
    return Acknowledged()


def _state(context: StationContext, station_id: str, event: StationEvent, received_at: datetime) -> Work | None:
    """Stations of 2.0.1 may tell the state of a connector as an event instead of a status notification (B01, G01)."""
    name = event.name
    about_state = (name.component.casefold(), name.variable.casefold()) == ("connector", "availabilitystate")
    if not about_state or name.evse_id is None or event.value not in tuple(ConnectorStatus):
        return None
    status = ConnectorStatus(event.value)
    return availability.plan(
        context, station_id, StatusReport(name.evse_id, name.connector_id or 1, status, time=event.time), received_at
    )


def _kept(station_id: str, event: StationEvent, severities: dict[int, int], received_at: datetime) -> Sequence[Change]:
    alert = event.trigger == "Alerting"
    row = EventRow(
        station_id=station_id,
        event_id=event.event_id,
        occurred_at=event.time or received_at,
        received_at=received_at,
        trigger=event.trigger,
        name=str(event.name),
        value=event.value,
        severity=event.severity if event.monitor_id is None else severities.get(event.monitor_id, event.severity),
        monitor_id=event.monitor_id,
        cause_id=event.cause_id,
        cleared=event.cleared,
        open=alert and not event.cleared,
        transaction_id=event.transaction_id,
        tech_code=event.tech_code,
        tech_info=event.tech_info,
        origin=event.origin,
    )
    if not alert and not event.cleared:
        return [changes.add_row(row)]
    about = {"station_id": station_id, "name": row.name, "open": True}
    about |= {"monitor_id": event.monitor_id} if event.monitor_id is not None else {}
    return [changes.set_columns(EventRow, about, open=False), changes.add_row(row)]


def _told(station_id: str, monitor: Monitor, at: datetime) -> Change:
    return changes.put_row(
        MonitorRow(
            station_id=station_id,
            monitor_id=monitor.monitor_id,
            name=str(monitor.name),
            kind=monitor.kind,
            value=monitor.value,
            severity=monitor.severity,
            in_transaction=monitor.transaction,
            reported_at=at,
        )
    )


def _taken(station_id: str, answer: MonitorAnswer, at: datetime) -> Change:
    wanted = answer.wanted
    return changes.put_row(
        MonitorRow(
            station_id=station_id,
            monitor_id=_number(answer),
            name=wanted.name,
            kind=wanted.kind,
            value=wanted.value,
            severity=wanted.severity,
            in_transaction=wanted.transaction,
            reported_at=at,
        )
    )


def _number(answer: MonitorAnswer) -> int:
    """The number that the station gave, else the one that was asked for; -1: nobody knows it."""
    known = answer.monitor_id if answer.monitor_id is not None else answer.wanted.monitor_id
    return -1 if known is None else known


def _size(monitor: MonitorWanted) -> int:
    return MONITOR_BYTES + len(orjson.dumps(monitor.name))


HANDLERS: Handlers = {MonitoringReport: report, EventReport: events}

PERFORMERS: Performers = {
    SetMonitoringBase: set_base,
    SetVariableMonitoring: set_monitors,
    ClearVariableMonitoring: clear_monitors,
    GetMonitoringReport: get_report,
}
