"""From what was told, raised, limited and sent to rows of facts; a connector's day by its states. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from csms.store.response_tables import FeederLoad
from csms.store.security_tables import Alert
from csms.store.station_tables import StateChange
from csms.store.tables import LimitRow, OutboxRow
from monitor.store.governance_tables import GovernedDay
from monitor.store.quality import AlarmRow, CallRow, DayRow
from monitor.warehouse.schema import OWN

DAY = timedelta(days=1)
FAULTED = "Faulted"
INTERFACE, PHYSICS = "interface", "physics"
"""What a data-quality score judges: what an operator sent, or what its orders say."""
OCCUPIED = frozenset({"Occupied", "Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing"})
UNAVAILABLE = frozenset({"Unavailable", "Offline"})
LIMIT_NAMES = ("source", "feeder_id", "limit_id", "version", "power_w", "direction", "received_at", "issued_at",
               "valid_from", "valid_to", "cancelled", "reason")  # fmt: skip
Row = dict[str, Any]


def status_row(change: StateChange) -> Row:
    """A connector's state, from when on."""
    names = ("station_id", "evse_id", "connector_id", "state", "error_code", "cause")
    return {"change_id": change.id, "begins_at": change.at} | {name: getattr(change, name) for name in names}


def alert_row(alert: Alert) -> Row:
    """An alert about a station: over when somebody has acknowledged it."""
    return {
        "alarm_id": f"station:{alert.id}",
        "source": "station",
        "operator_id": OWN,
        "station_id": alert.station_id,
        "kind": alert.kind,
        "level": 1,
        "count": alert.count,
        "raised_at": alert.opened_at,
        "confirmed_at": alert.acknowledged_at,
        "cleared_at": alert.acknowledged_at,
    }


def alarm_row(alarm: AlarmRow) -> Row:
    """An alarm of the quality watch to an operator."""
    return {
        "alarm_id": f"operator:{alarm.id}",
        "source": "operator",
        "operator_id": alarm.operator_id,
        "station_id": "",
        "kind": alarm.name,
        "level": alarm.level,
        "count": 1,
        "raised_at": alarm.raised_at,
        "confirmed_at": alarm.acknowledged_at,
        "cleared_at": alarm.over_at,
    }


def quality_row(day: DayRow) -> Row | None:
    """The published total of an operator's day; None for a day that has none."""
    total = json.loads(day.document).get("score", {}).get("total")
    if total is None:
        return None
    begins_at = datetime.fromisoformat(day.day).replace(tzinfo=UTC)
    who = {"operator_id": day.operator_id, "station_id": "", "source": INTERFACE}
    return who | {"total": float(total), "grade": day.grade, "begins_at": begins_at}


def physics_row(day: GovernedDay) -> Row:
    """What the rules of physics give a station's orders of a day."""
    begins_at = datetime.fromisoformat(day.day).replace(tzinfo=UTC)
    who = {"operator_id": day.operator, "station_id": day.station, "source": PHYSICS}
    return who | {"total": day.score, "grade": "", "begins_at": begins_at}


def limit_row(limit: LimitRow) -> Row:
    """One version of a limit as it was acknowledged."""
    return {name: getattr(limit, name) for name in LIMIT_NAMES}


def sent_row(message: OutboxRow) -> Row:
    """A message to a partner; its latency is from being written to being acknowledged."""
    acked = message.acked_at
    return {
        "call_id": f"sent:{message.id}",
        "direction": "sent",
        "partner": message.partner,
        "interface": message.interface,
        "begins_at": message.created_at,
        "state": message.state,
        "code": message.last_code,
        "attempts": message.attempts,
        "latency_s": (acked - message.created_at).total_seconds() if acked else None,
    }


def received_row(call: CallRow) -> Row:
    """A call of an operator to the platform; its latency is how long the answer took."""
    return {
        "call_id": f"received:{call.id}",
        "direction": "received",
        "partner": call.operator_id,
        "interface": call.interface,
        "begins_at": call.received_at,
        "state": "acked" if call.ret == 0 else "refused",
        "code": call.ret,
        "attempts": 1,
        "latency_s": call.latency_us / 1e6,
    }


def feeder_row(load: FeederLoad) -> Row:
    """What was seen of a feeder."""
    return {name: getattr(load, name) for name in ("feeder_id", "begins_at", "base_w", "charging_w", "looks")}


def connector_days(
    changes: Iterable[Mapping[str, Any]], before: Iterable[Mapping[str, Any]], begin: datetime, until: datetime
) -> list[Row]:
    """Seconds of a UTC day in each kind of state, for each connector; up to `until` on a day that is not over.

    `changes`: rows of fact_status of the day; `before`: the connectors' rows of the day before, in whose last state
    they begin. A connector of which nothing was heard yet is unknown until it speaks.
    """
    end = min(begin + DAY, until)
    told: dict[tuple[str, int, int], list[Mapping[str, Any]]] = {}
    states: dict[tuple[str, int, int], str] = {_key(row): row["ends_in"] for row in before}
    for change in sorted(changes, key=lambda one: (one["begins_at"], one["change_id"])):
        told.setdefault(_key(change), []).append(change)
    return [_connector_day(key, states.get(key, ""), told.get(key, ()), begin, end) for key in sorted({*states, *told})]


def _connector_day(
    key: tuple[str, int, int], state: str, changes: Sequence[Mapping[str, Any]], begin: datetime, end: datetime
) -> Row:
    seconds = dict.fromkeys(("known_s", "occupied_s", "faulted_s", "unavailable_s"), 0.0)
    faults, since = 0, begin
    for change in (*changes, None):
        moment = end if change is None else min(max(change["begins_at"], since), end)
        passed = (moment - since).total_seconds()
        for name in _kinds(state):
            seconds[name] += passed
        if change is not None:
            faults += change["state"] == FAULTED and state != FAULTED
            state, since = change["state"], moment
    names = ("station_id", "evse_id", "connector_id")
    return dict(zip(names, key, strict=True)) | seconds | {"faults": faults, "ends_in": state}


def _kinds(state: str) -> list[str]:
    if not state:
        return []
    kinds = {"occupied_s": state in OCCUPIED, "faulted_s": state == FAULTED, "unavailable_s": state in UNAVAILABLE}
    return ["known_s", *(name for name, holds in kinds.items() if holds)]


def _key(row: Mapping[str, Any]) -> tuple[str, int, int]:
    return row["station_id"], row["evse_id"], row["connector_id"]
