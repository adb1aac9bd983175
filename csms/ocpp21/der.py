"""DER control on the wire (block R)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Any

from csms.model.der import ClearDerControl, DerAlarm, DerReport, DerStartStop, GetDerControl, HeldControl, SetDerControl
from csms.wire.block import Block, Calls, present
from csms.wire.naming import Names, written
from csms.wire.reading import items, optional_number, section, text
from csms.wire.times import parse_time
from csms.wire.translator import Payload

NAMES: Names = {
    "start": "startTime",
    "points": "curveData",
    "unit": "yUnit",
    "reactive_power": "reactivePowerParams",
    "voltage": "voltageParams",
    "max_discharge_percent": "pctMaxDischargePower",
}
_MEMBERS = {
    "EnterService": "enterService",
    "FreqDroop": "freqDroop",
    "FixedPFAbsorb": "fixedPFAbsorb",
    "FixedPFInject": "fixedPFInject",
    "FixedVar": "fixedVar",
    "Gradients": "gradient",
    "LimitMaxDischarge": "limitMaxDischarge",
}
"""The member that goes with a type of control; `curve` with all others (R04.FR.16)."""
_REPORTED: Mapping[str, tuple[str, str]] = {
    **{member: (kind, member) for kind, member in _MEMBERS.items() if not kind.startswith("FixedPF")},
    "fixedPFAbsorb": ("FixedPFAbsorb", "fixedPF"),
    "fixedPFInject": ("FixedPFInject", "fixedPF"),
    "curve": ("", "curve"),
}
"""The lists of a report: the type of control, and the member that holds its setting."""


def _set(command: SetDerControl) -> Calls:
    names = {**NAMES, "unit": "unit"} if command.control_type == "FixedVar" else NAMES
    payload = {
        "isDefault": command.is_default,
        "controlId": command.control_id,
        "controlType": command.control_type,
        _MEMBERS.get(command.control_type, "curve"): written(command.setting, names),
    }
    return [("SetDERControl", payload)]


def _get(command: GetDerControl) -> Calls:
    return [("GetDERControl", {"requestId": command.request_id, **_which(command)})]


def _clear(command: ClearDerControl) -> Calls:
    return [("ClearDERControl", _which(command))]


def _which(command: GetDerControl | ClearDerControl) -> Payload:
    return present(
        {"isDefault": command.is_default, "controlType": command.control_type, "controlId": command.control_id}
    )


def _alarm(payload: Payload, received_at: datetime, zone: tzinfo) -> DerAlarm:
    return DerAlarm(
        control_type=text(payload, "controlType"),
        fault=text(payload, "gridEventFault"),
        ended=payload.get("alarmEnded") is True,
        time=parse_time(payload.get("timestamp"), zone),
        info=text(payload, "extraInfo"),
    )


def _start_stop(payload: Payload, received_at: datetime, zone: tzinfo) -> DerStartStop:
    ids = payload.get("supersededIds")
    return DerStartStop(
        control_id=text(payload, "controlId"),
        started=payload.get("started") is True,
        time=parse_time(payload.get("timestamp"), zone),
        superseded=tuple(name for name in ids if isinstance(name, str)) if isinstance(ids, list) else (),
    )


def _report(payload: Payload, received_at: datetime, zone: tzinfo) -> DerReport:
    return DerReport(optional_number(payload, "requestId"), payload.get("tbc") is True, tuple(_held(payload)))


def _held(payload: Payload) -> Iterator[HeldControl]:
    """The controls of all lists; gradients and conditions for service are always defaults (R04.FR.14)."""
    for name, (kind, member) in _REPORTED.items():
        for entry in items(payload, name):
            setting: Mapping[str, Any] = section(entry, member)
            yield HeldControl(
                control_id=text(entry, "id"),
                control_type=kind or text(entry, "curveType"),
                is_default=entry.get("isDefault") is not False,
                superseded=entry.get("isSuperseded") is True,
                setting=dict(setting),
            )


BLOCK = Block(
    calls={"NotifyDERAlarm": _alarm, "NotifyDERStartStop": _start_stop, "ReportDERControl": _report},
    commands={SetDerControl: _set, GetDerControl: _get, ClearDerControl: _clear},
)
