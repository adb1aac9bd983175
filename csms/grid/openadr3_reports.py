"""What we tell a VTN: that we are there, what became of an event, what is metered. Pure.

OpenADR 3 has no acknowledgement of its own; ours is a report whose payload LIMIT_STATE says `accepted` (durable here),
`cancelled`, or the code of the refusal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from csms.grid.openadr3 import Agreed
from csms.grid.openadr3_periods import Release

STATE, DEMAND = "LIMIT_STATE", "DEMAND"
OF_THE_VTN = frozenset({"id", "createdDateTime", "modificationDateTime", "objectType", "clientID"})


@dataclass(frozen=True, slots=True)
class Told:
    """What became of an event, by feeder; an empty name where it concerns none of ours."""

    event_id: str
    program_id: str
    states: Mapping[str, str]


def state_report(told: Told, agreed: Agreed, now: datetime) -> dict[str, Any]:
    """For POST /reports."""
    values = {feeder_id or agreed.ven_name: [state] for feeder_id, state in told.states.items()}
    descriptor = {"objectType": "REPORT_PAYLOAD_DESCRIPTOR", "payloadType": STATE}
    return _report("limit-state", told.event_id, told.program_id, STATE, values, descriptor, agreed, now)


def metered_report(
    event_id: str, program_id: str, metered_w: Mapping[str, int], agreed: Agreed, now: datetime
) -> dict[str, Any]:
    """What feeders draw while an event holds, base load and charging, in kW."""
    values = {feeder_id: [watts / 1000] for feeder_id, watts in metered_w.items()}
    kind = {"payloadType": DEMAND, "readingType": "DIRECT_READ", "units": "KW"}
    descriptor = {"objectType": "REPORT_PAYLOAD_DESCRIPTOR", **kind}
    return _report("metered", event_id, program_id, DEMAND, values, descriptor, agreed, now)


def ven_body(agreed: Agreed, found: Mapping[str, Any] | None) -> dict[str, Any]:
    """For POST or PUT /vens. What the VTN's side keeps in ours (targets, resources) stays: 3.0 replaces the whole."""
    if agreed.release is Release.V3_0:
        kept = {name: value for name, value in (found or {}).items() if name not in OF_THE_VTN}
        return {**kept, "objectType": "VEN", "venName": agreed.ven_name}
    kept = {"attributes": found["attributes"]} if found and found.get("attributes") is not None else {}
    return {**kept, "objectType": "VEN_VEN_REQUEST", "venName": agreed.ven_name}


def _report(
    name: str,
    event_id: str,
    program_id: str,
    kind: str,
    values: Mapping[str, list[Any]],
    descriptor: Mapping[str, Any],
    agreed: Agreed,
    now: datetime,
) -> dict[str, Any]:
    period = {"start": now.isoformat(), "duration": "PT0S"}
    report: dict[str, Any] = {
        "eventID": event_id,
        "clientName": agreed.ven_name,
        "reportName": name,
        "payloadDescriptors": [descriptor],
        "resources": [
            {
                "resourceName": feeder_id,
                "intervals": [{"id": 0, "intervalPeriod": period, "payloads": [{"type": kind, "values": listed}]}],
            }
            for feeder_id, listed in values.items()
        ],
    }
    return report | ({"programID": program_id, "objectType": "REPORT"} if agreed.release is Release.V3_0 else {})
