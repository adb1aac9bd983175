"""The device model of 2.0.1: variables got and set, reports, network profiles (part 2, B05 to B10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from csms.model.command import CommandResult, GetVariables, SetVariables
from csms.model.device import (
    ACTUAL,
    Apn,
    Characteristics,
    DeviceReport,
    GetBaseReport,
    GetReport,
    SetNetworkProfile,
    Variable,
    VariableAnswer,
    VariableName,
    Vpn,
    folded,
)
from csms.model.errors import NotInThisVersion
from csms.ocpp201 import variables
from csms.wire.block import Block, Calls, present
from csms.wire.reading import finite, items, optional_number, section, text
from csms.wire.statuses import overall
from csms.wire.translator import Payload


def _report(payload: Payload, received_at: datetime, zone: tzinfo) -> DeviceReport:
    """A part without `tbc` is the last one (RB-71)."""
    return DeviceReport(
        optional_number(payload, "requestId"),
        optional_number(payload, "seqNo") or 0,
        payload.get("tbc") is True,
        tuple(_variables(items(payload, "reportData"))),
    )


def _variables(entries: Iterable[Mapping[str, Any]]) -> Iterable[Variable]:
    for entry in entries:
        characteristics = _characteristics(section(entry, "variableCharacteristics"))
        for attribute in items(entry, "variableAttribute"):
            name = variables.read(entry, attribute.get("type") or ACTUAL)
            value = text(attribute, "value") if isinstance(attribute.get("value"), str) else None
            if name.component and name.variable:
                yield Variable(name, value, text(attribute, "mutability"), characteristics)


def _characteristics(entry: Mapping[str, Any]) -> Characteristics | None:
    if not entry:
        return None
    return Characteristics(
        text(entry, "dataType"),
        text(entry, "unit"),
        finite(entry, "minLimit"),
        finite(entry, "maxLimit"),
        text(entry, "valuesList"),
        entry.get("supportsMonitoring") is True,
    )


def _set(command: SetVariables) -> Calls:
    data = [{**variables.parse(name), "attributeValue": value} for name, value in command.values.items()]
    return [("SetVariables", {"setVariableData": data})]


def _get(command: GetVariables) -> Calls:
    if not command.names:
        raise NotInThisVersion(
            "OCPP 2.0.1 stations are asked for named ones; get_base_report (csms station report --ask) asks for all"
        )
    return [("GetVariables", {"getVariableData": [variables.parse(name) for name in command.names]})]


def _was_set(command: SetVariables, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    """A variable that the answer leaves out was not set."""
    answer = answers[0] if answers else {}
    records = _answers(command.values, items(answer, "setVariableResult"))
    statuses = dict.fromkeys(command.values, "Rejected") | {record.asked: record.status for record in records}
    settled = tuple(_with_value(record, command.values.get(record.asked)) for record in records)
    return CommandResult(overall(statuses.values()), values=dict(statuses), payload=answer, records=settled)


def _got(command: GetVariables, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    """Every name asked for; None where the station refused it or it can only be written."""
    answer = answers[0] if answers else {}
    records = _answers(command.names, items(answer, "getVariableResult"))
    told = dict.fromkeys(command.names) | {record.asked: record.value for record in records}
    return CommandResult(overall(r.status for r in records), values=told, payload=answer, records=records)


def _answers(asked: Iterable[str], entries: Iterable[Mapping[str, Any]]) -> tuple[VariableAnswer, ...]:
    """Answers under the names that were asked for, in whatever case and order they come."""
    by_name = {folded(str(_canonical(name))): name for name in asked}
    found = []
    for entry in entries:
        name, status = variables.read(entry, entry.get("attributeType") or ACTUAL), text(entry, "attributeStatus")
        told = entry.get("attributeValue")
        value = text(entry, "attributeValue") if isinstance(told, str) and status == "Accepted" else None
        found.append(VariableAnswer(by_name.get(folded(str(name)), str(name)), name, status, value))
    return tuple(found)


def _canonical(name: str) -> VariableName:
    """The name without anything that only looks different, such as `#Actual`."""
    parsed = variables.parse(name)
    return variables.read(parsed, parsed.get("attributeType") or ACTUAL)


def _with_value(record: VariableAnswer, value: str | None) -> VariableAnswer:
    return VariableAnswer(record.asked, record.name, record.status, value, record.mutability)


def _get_base_report(command: GetBaseReport) -> Calls:
    return [("GetBaseReport", {"requestId": command.request_id, "reportBase": command.base})]


def _get_report(command: GetReport) -> Calls:
    chosen = [variables.parse_selection(name) for name in command.names]
    payload = {"componentVariable": chosen or None, "componentCriteria": list(command.criteria) or None}
    return [("GetReport", {"requestId": command.request_id, **present(payload)})]


def _set_network_profile(command: SetNetworkProfile) -> Calls:
    data = {
        "ocppVersion": command.version,
        "ocppTransport": "JSON",
        "ocppCsmsUrl": command.url,
        "messageTimeout": command.message_timeout_s,
        "securityProfile": command.security_profile,
        "ocppInterface": command.interface,
        "apn": _apn(command.apn) if command.apn else None,
        "vpn": _vpn(command.vpn) if command.vpn else None,
    }
    return [("SetNetworkProfile", {"configurationSlot": command.slot, "connectionData": present(data)})]


def _apn(apn: Apn) -> Payload:
    optional = {
        "apnUserName": apn.user or None,
        "apnPassword": apn.password or None,
        "simPin": apn.sim_pin,
        "preferredNetwork": apn.preferred_network or None,
        "useOnlyPreferredNetwork": apn.only_preferred_network or None,
    }
    return {"apn": apn.apn, "apnAuthentication": apn.authentication, **present(optional)}


def _vpn(vpn: Vpn) -> Payload:
    given = {"server": vpn.server, "user": vpn.user, "password": vpn.password, "key": vpn.key, "type": vpn.kind}
    return {**given, **present({"group": vpn.group or None})}


BLOCK = Block(
    calls={"NotifyReport": _report},
    commands={
        SetVariables: _set,
        GetVariables: _get,
        GetBaseReport: _get_base_report,
        GetReport: _get_report,
        SetNetworkProfile: _set_network_profile,
    },
    results={SetVariables: _was_set, GetVariables: _got},
)
