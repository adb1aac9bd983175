"""Orders of other operators as facts: those that a platform accepted, and those of imported files. Pure.

An order has the times and sums that its operator told; valley includes the deep valley, which the interface does not
tell apart. Orders that physics doubts (`doubted`: by which rule) are facts, too: whoever asks may leave them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from csms.province.envelope import ZONE
from csms.province.messages import TIME_FORMAT
from monitor.store.governance_tables import GovernedOrder
from monitor.store.tables import IntakeOrder
from monitor.warehouse.governed import doubt_of

PLATFORM, FILE = "platform", "file"
LEVEL_FIELDS = {
    "sharp_wh": "CuspElect",
    "peak_wh": "PeakElect",
    "flat_wh": "FlatElect",
    "valley_wh": "ValleyElect",
}
Row = dict[str, Any]


def accepted_row(order: IntakeOrder, fact: GovernedOrder | None = None) -> Row | None:
    """An order that the platform accepted, as its `fact` is judged; None for one whose times cannot be read."""
    told = order.content
    started_at, ended_at = _moment(told, "StartTime"), _moment(told, "EndTime")
    if started_at is None:
        return None
    return {
        "operator_id": order.operator_id,
        "order_id": order.business_id,
        "source": PLATFORM,
        "station_id": str(told.get("StationID", "")),
        "connector_id": str(told.get("ConnectorID", "")),
        "started_at": started_at,
        "ended_at": ended_at,
        "energy_wh": order.energy_kwh * 1000.0,
        **{name: _number(told, field, 1000.0) for name, field in LEVEL_FIELDS.items()},
        "electricity_yuan": _number(told, "TotalElecMoney"),
        "service_yuan": _number(told, "TotalServiceMoney"),
        "money_yuan": order.money_yuan,
        "stop_reason": str(told.get("StopReason", "")),
        "doubted": doubt_of(fact),
        "repeated": fact is not None and fact.same_as is not None,
    }


def imported_row(order: GovernedOrder) -> Row:
    """An order of an imported file; `repeated`: a better source tells of the same charge."""
    return {
        "operator_id": order.operator,
        "order_id": order.number,
        "source": FILE,
        "station_id": order.station,
        "connector_id": order.connector,
        "started_at": order.start,
        "ended_at": order.end,
        "energy_wh": order.energy_wh,
        "money_yuan": order.fee_yuan,
        "stop_reason": "",
        "doubted": doubt_of(order),
        "repeated": order.same_as is not None,
    }


def _moment(told: Mapping[str, Any], name: str) -> datetime | None:
    try:
        return datetime.strptime(str(told.get(name)), TIME_FORMAT).replace(tzinfo=ZONE).astimezone(UTC)
    except ValueError:
        return None


def _number(told: Mapping[str, Any], name: str, times: float = 1.0) -> float | None:
    value = told.get(name)
    return float(value) * times if isinstance(value, int | float) and not isinstance(value, bool) else None
