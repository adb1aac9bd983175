"""Sessions that stations told of, as orders or as rows that wait for a person, whose corrections are read again. Pure.

A session is looked at after its repairs: a clock that could be put right makes no row wait.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from monitor.governance.mapping import OLDEST, ImportedOrder, RowFault
from monitor.governance.partner_orders import MONEY, priced

OWN = "own"
"""The operator of this central system's stations."""
NAMES = ("number", "station", "connector")
TIMES = ("start", "end")
AMOUNTS = ("energy_wh", "meter_start_wh", "meter_stop_wh", "fee_yuan")


def with_money(order: ImportedOrder, told: Mapping[str, Any]) -> ImportedOrder:
    """With the sum and the prices of the order that a partner was sent of it (empty: of none)."""
    content = told if MONEY[0] in told else next((part for part in told.values() if isinstance(part, Mapping)), {})
    try:
        fee_yuan = float(content.get(MONEY[0], math.nan))
    except (TypeError, ValueError):
        return order
    return replace(priced(content, order), fee_yuan=fee_yuan) if math.isfinite(fee_yuan) else order


def cells_of(order: ImportedOrder) -> dict[str, str]:
    """The order as text, by the names of its fields; what is not known is empty."""
    found = {name: str(getattr(order, name)) for name in (*NAMES, "user_hash")}
    found |= {name: getattr(order, name).isoformat() for name in TIMES}
    amounts = {name: getattr(order, name) for name in AMOUNTS}
    return found | {name: "" if value is None else f"{value!r}" for name, value in amounts.items()}


def faults_of(order: ImportedOrder, now: datetime) -> list[RowFault]:
    """Why it cannot be a fact: times that cannot be, amounts below nothing or no numbers."""
    cells = cells_of(order)
    found = []
    for name in TIMES:
        moment: datetime = getattr(order, name)
        if not OLDEST <= moment <= now:
            found.append(RowFault(name, "before_2000" if moment < OLDEST else "in_the_future", cells[name]))
    if order.end < order.start:
        found.append(RowFault("end", "end_before_start", cells["end"]))
    for name in AMOUNTS:
        value: float | None = getattr(order, name)
        if value is not None and not math.isfinite(value):
            found.append(RowFault(name, "not_a_number", cells[name]))
        elif value is not None and value < 0 and name != "fee_yuan":
            found.append(RowFault(name, "negative", cells[name]))
    return found


def read_station_order(cells: Mapping[str, str], operator: str, now: datetime) -> ImportedOrder | list[RowFault]:
    """The order of corrected cells, or everything that is wrong with them; times without a zone are UTC."""
    faults: list[RowFault] = [RowFault(name, "missing", "") for name in NAMES if not cells.get(name, "").strip()]
    times = {name: _moment(cells, name, faults) for name in TIMES}
    amounts = {name: _amount(cells, name, faults) for name in AMOUNTS}
    start, end, energy_wh = times["start"], times["end"], amounts["energy_wh"]
    if energy_wh is None and not any(fault.column == "energy_wh" for fault in faults):
        faults.append(RowFault("energy_wh", "missing", ""))
    if faults or start is None or end is None or energy_wh is None:
        return faults
    names = (cells["number"].strip(), operator, cells["station"].strip(), cells["connector"].strip())
    order = ImportedOrder(
        *names,
        start,
        end,
        energy_wh,
        amounts["meter_start_wh"],
        amounts["meter_stop_wh"],
        amounts["fee_yuan"],
        user_hash=cells.get("user_hash", ""),
    )
    return faults_of(order, now) or order


def _moment(cells: Mapping[str, str], name: str, faults: list[RowFault]) -> datetime | None:
    said = cells.get(name, "").strip()
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        faults.append(RowFault(name, "not_a_time" if said else "missing", said))
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _amount(cells: Mapping[str, str], name: str, faults: list[RowFault]) -> float | None:
    said = cells.get(name, "").strip()
    if not said:
        return None
    try:
        return float(said)
    except ValueError:
        faults.append(RowFault(name, "not_a_number", said))
        return None
