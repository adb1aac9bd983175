"""Monitors and events of 2.0.1 (part 2, N02 to N08)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from csms.model.command import CommandResult
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
    SetMonitoringLevel,
    SetVariableMonitoring,
    StationEvent,
)
from csms.ocpp201 import variables
from csms.wire.block import Block, Calls, present
from csms.wire.reading import finite, items, optional_number, text
from csms.wire.statuses import overall
from csms.wire.times import parse_time
from csms.wire.translator import Payload


def _report(payload: Payload, received_at: datetime, zone: tzinfo) -> MonitoringReport:
    return MonitoringReport(
        optional_number(payload, "requestId"),
        optional_number(payload, "seqNo") or 0,
        payload.get("tbc") is True,
        tuple(_monitors(items(payload, "monitor"))),
    )


def _monitors(entries: Iterable[Mapping[str, Any]]) -> Iterable[Monitor]:
    """A monitor without a number or a value cannot be spoken of and is left out."""
    for entry in entries:
        name = variables.read(entry)
        for told in items(entry, "variableMonitoring"):
            monitor_id, value = optional_number(told, "id"), finite(told, "value")
            if monitor_id is not None and value is not None:
                severity = optional_number(told, "severity")
                transaction = told.get("transaction") is True
                yield Monitor(
                    name, monitor_id, text(told, "type"), value, 9 if severity is None else severity, transaction
                )


def _events(payload: Payload, received_at: datetime, zone: tzinfo) -> EventReport:
    return EventReport(tuple(_event(entry, zone) for entry in items(payload, "eventData")))


def _event(entry: Mapping[str, Any], zone: tzinfo) -> StationEvent:
    return StationEvent(
        optional_number(entry, "eventId") or 0,
        parse_time(entry.get("timestamp"), zone),
        text(entry, "trigger"),
        variables.read(entry),
        text(entry, "actualValue"),
        optional_number(entry, "cause"),
        entry.get("cleared") is True,
        optional_number(entry, "variableMonitoringId"),
        text(entry, "transactionId"),
        text(entry, "techCode"),
        text(entry, "techInfo"),
        text(entry, "eventNotificationType"),
        optional_number(entry, "severity"),
    )


def _set_base(command: SetMonitoringBase) -> Calls:
    return [("SetMonitoringBase", {"monitoringBase": command.base})]


def _set_level(command: SetMonitoringLevel) -> Calls:
    return [("SetMonitoringLevel", {"severity": command.severity})]


def _set(command: SetVariableMonitoring) -> Calls:
    return [("SetVariableMonitoring", {"setMonitoringData": [_wanted(monitor) for monitor in command.monitors]})]


def _wanted(monitor: MonitorWanted) -> Payload:
    return {
        **variables.parse(monitor.name),
        "value": monitor.value,
        "type": monitor.kind,
        "severity": monitor.severity,
        **present({"id": monitor.monitor_id, "transaction": monitor.transaction or None}),
    }


def _was_set(command: SetVariableMonitoring, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    """One result for each monitor, found by what it is about (N04.FR.02); what is left out was not set."""
    answer = answers[0] if answers else {}
    told = items(answer, "setMonitoringResult")
    records = tuple(_answer(monitor, told) for monitor in command.monitors)
    values = {f"{record.wanted.name} {record.wanted.kind}": record.status for record in records}
    return CommandResult(overall(values.values()), values=dict(values), payload=answer, records=records)


def _answer(monitor: MonitorWanted, told: list[Mapping[str, Any]]) -> MonitorAnswer:
    wanted = variables.read(variables.parse(monitor.name))
    for entry in told:
        kind, severity = text(entry, "type"), optional_number(entry, "severity")
        if (variables.read(entry), kind, severity) == (wanted, monitor.kind, monitor.severity):
            told.remove(entry)
            return MonitorAnswer(monitor, text(entry, "status"), optional_number(entry, "id"))
    return MonitorAnswer(monitor, "Rejected")


def _clear(command: ClearVariableMonitoring) -> Calls:
    return [("ClearVariableMonitoring", {"id": list(command.monitor_ids)})]


def _cleared(command: ClearVariableMonitoring, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    answer = answers[0] if answers else {}
    statuses = dict.fromkeys(command.monitor_ids, "Rejected")
    for entry in items(answer, "clearMonitoringResult"):
        monitor_id = optional_number(entry, "id")
        if monitor_id in statuses:
            statuses[monitor_id] = text(entry, "status")
    records = tuple(MonitorCleared(monitor_id, status) for monitor_id, status in statuses.items())
    values = {str(monitor_id): status for monitor_id, status in statuses.items()}
    return CommandResult(overall(values.values()), values=dict(values), payload=answer, records=records)


def _get_report(command: GetMonitoringReport) -> Calls:
    chosen = [variables.parse_selection(name) for name in command.names]
    payload = {"componentVariable": chosen or None, "monitoringCriteria": list(command.criteria) or None}
    return [("GetMonitoringReport", {"requestId": command.request_id, **present(payload)})]


BLOCK = Block(
    calls={"NotifyMonitoringReport": _report, "NotifyEvent": _events},
    commands={
        SetMonitoringBase: _set_base,
        SetMonitoringLevel: _set_level,
        SetVariableMonitoring: _set,
        ClearVariableMonitoring: _clear,
        GetMonitoringReport: _get_report,
    },
    results={SetVariableMonitoring: _was_set, ClearVariableMonitoring: _cleared},
)
