"""What we tell a VTN: that we are there, what became of an event, what is metered. Pure.

OpenADR 3 has no acknowledgement of its own; ours is a report whose payload LIMIT_STATE (RESPONSE_STATE for demand
response) says `accepted` (durable here), `cancelled`, or the code of the refusal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from csms.grid.openadr3 import Agreed
from csms.grid.openadr3_calls import AVAILABLE
from csms.grid.openadr3_periods import Release

DEMAND, BASELINE = "DEMAND", "BASELINE"
BID, RESPONSE = "response-bid", "response"
METERED = "metered"
"""Names of reports."""
BID_PRICE = "BID_PRICE"
OF_THE_VTN = frozenset({"id", "createdDateTime", "modificationDateTime", "objectType", "clientID"})


@dataclass(frozen=True, slots=True)
class Told:
    """What became of an event, by feeder; an empty name where it concerns none of ours. `about`: limit or response."""

    event_id: str
    program_id: str
    states: Mapping[str, str]
    about: str = "limit"


def state_report(told: Told, agreed: Agreed, now: datetime) -> dict[str, Any]:
    """For POST /reports."""
    values = {feeder_id or agreed.ven_name: state for feeder_id, state in told.states.items()}
    kind = f"{told.about.upper()}_STATE"
    resources = {feeder_id: [_interval(0, now, "PT0S", {kind: value})] for feeder_id, value in values.items()}
    return _report(f"{told.about}-state", told.event_id, told.program_id, resources, [{"payloadType": kind}], agreed)


def metered_report(
    event_id: str, program_id: str, metered_w: Mapping[str, int], agreed: Agreed, now: datetime
) -> dict[str, Any]:
    """What feeders draw while an event holds, base load and charging, in kW."""
    resources = {id_: [_interval(0, now, "PT0S", {DEMAND: watts / 1000})] for id_, watts in metered_w.items()}
    return _report(METERED, event_id, program_id, resources, [_DEMAND], agreed)


_DEMAND = {"payloadType": DEMAND, "readingType": "DIRECT_READ", "units": "KW"}


def response_reports(view: Mapping[str, Any], event_id: str, program_id: str, agreed: Agreed) -> list[dict[str, Any]]:
    """How an event of demand response stands: the bid, once there was one, and what is known by quarter-hour.

    The change that is offered has the sign of the setpoint that asked for it.
    """
    start, bid = datetime.fromisoformat(view["start"]), view["bid"]
    length = f"PT{round((datetime.fromisoformat(view['end']) - start).total_seconds())}S"
    way = -1 if view["type"] == "shave" else 1
    offered = {AVAILABLE: way * bid["power_kw"] if bid else 0, BID_PRICE: bid["price"] if bid else 0}
    facts = {"RESPONSE_STATUS": view["status"]}
    if found := view.get("evaluation"):
        facts |= {kind: found[name] for kind, name in _EVALUATED.items()}
    rows = [
        _interval(n, datetime.fromisoformat(row["begins_at"]), "PT900S", _row(row))
        for n, row in enumerate(view["rows"], 1)
    ]

    def report(name: str, intervals: list[dict[str, Any]], *descriptors: Mapping[str, Any]) -> dict[str, Any]:
        return _report(name, event_id, program_id, {view["feeder_id"]: intervals}, descriptors, agreed)

    available = {"payloadType": AVAILABLE, "units": "KW"}
    return [
        report(BID, [_interval(0, start, length, offered)], available, {"payloadType": BID_PRICE}),
        report(
            RESPONSE, [_interval(0, start, length, facts), *rows], {"payloadType": BASELINE, "units": "KW"}, _DEMAND
        ),
    ]


_EVALUATED = {"RESPONSE_RATIO": "ratio", "RESPONSE_CREDITED": "credited_kwh", "RESPONSE_PAY": "pay"}


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A quarter-hour; without a payload DEMAND its load is not known (yet)."""
    metered = {} if row["actual_kw"] is None else {DEMAND: row["actual_kw"]}
    return {BASELINE: row["baseline_kw"], **metered}


def ven_body(agreed: Agreed, found: Mapping[str, Any] | None) -> dict[str, Any]:
    """For POST or PUT /vens. What the VTN's side keeps in ours (targets, resources) stays: 3.0 replaces the whole."""
    if agreed.release is Release.V3_0:
        kept = {name: value for name, value in (found or {}).items() if name not in OF_THE_VTN}
        return {**kept, "objectType": "VEN", "venName": agreed.ven_name}
    kept = {"attributes": found["attributes"]} if found and found.get("attributes") is not None else {}
    return {**kept, "objectType": "VEN_VEN_REQUEST", "venName": agreed.ven_name}


def _interval(id_: int, start: datetime, length: str, payloads: Mapping[str, Any]) -> dict[str, Any]:
    listed = [{"type": kind, "values": [value]} for kind, value in payloads.items()]
    return {"id": id_, "intervalPeriod": {"start": start.isoformat(), "duration": length}, "payloads": listed}


def _report(
    name: str,
    event_id: str,
    program_id: str,
    resources: Mapping[str, list[dict[str, Any]]],
    descriptors: Sequence[Mapping[str, Any]],
    agreed: Agreed,
) -> dict[str, Any]:
    report: dict[str, Any] = {
        "eventID": event_id,
        "clientName": agreed.ven_name,
        "reportName": name,
        "payloadDescriptors": [{"objectType": "REPORT_PAYLOAD_DESCRIPTOR", **one} for one in descriptors],
        "resources": [{"resourceName": id_, "intervals": intervals} for id_, intervals in resources.items()],
    }
    return report | ({"programID": program_id, "objectType": "REPORT"} if agreed.release is Release.V3_0 else {})
