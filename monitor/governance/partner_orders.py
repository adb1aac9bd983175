"""Orders that partners tell, as facts: local times become UTC, kWh become Wh, money is the sum of the order. Pure.

A field that cannot be read is named by its name on the wire, as a column of a file would be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from monitor.governance.mapping import OLDEST, ImportedOrder, RowFault

ZONE = ZoneInfo("Asia/Shanghai")
"""Of times on the wire (section 4 of T/CEC 102.3)."""
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"

NUMBER = ("OrderNo", "StartChargeSeq")
ENERGY = ("TotalElect", "TotalPower")
METERS = ("MeterValueStart", "MeterValueEnd")
MONEY = ("TotalMoney",)
VEHICLE = "VIN"
DETAILS = "ChargeDetails"
USED = (*NUMBER, "StationID", "ConnectorID", "StartTime", "EndTime", *ENERGY, *METERS, *MONEY)


def cells_of(content: Mapping[str, Any]) -> dict[str, str]:
    """The fields of an order that a fact is made of, as text."""
    return {name: str(content[name]) for name in USED if content.get(name) is not None}


def read_partner_order(cells: Mapping[str, str], operator: str, now: datetime) -> ImportedOrder | list[RowFault]:
    """The order, or everything that is wrong with it."""
    faults: list[RowFault] = []
    number, connector = _first(cells, NUMBER), cells.get("ConnectorID", "").strip()
    for name, said in ((NUMBER[-1], number), ("ConnectorID", connector)):
        if not said:
            faults.append(RowFault(name, "missing", ""))
    start, end = (_moment(cells, name, now, faults) for name in ("StartTime", "EndTime"))
    energy = _amount(cells, ENERGY, faults, needed=True)
    meters = [_amount(cells, (name,), faults) for name in METERS]
    fee = _amount(cells, MONEY, faults)
    if start and end and end < start:
        faults.append(RowFault("EndTime", "end_before_start", cells["EndTime"]))
    if faults or start is None or end is None or energy is None:
        return faults
    station = cells.get("StationID", "").strip() or connector
    begun, ended = (None if value is None else round(value * 1000, 6) for value in meters)
    return ImportedOrder(number, operator, station, connector, start, end, round(energy * 1000, 6), begun, ended, fee)


def priced(content: Mapping[str, Any], order: ImportedOrder) -> ImportedOrder:
    """With the mean price of its priced parts by their energy, where all of them tell price and energy."""
    try:
        parts = [
            (float(part["DetailPower"]), float(part["ElecPrice"]) + float(_service_price(part)))
            for part in content.get(DETAILS) or ()
        ]
    except (KeyError, TypeError, ValueError):
        return order
    energy_kwh = sum(energy for energy, _ in parts)
    if not parts or not math.isfinite(energy_kwh) or energy_kwh <= 0:
        return order
    mean = sum(energy * price for energy, price in parts) / energy_kwh
    return replace(order, price_yuan_per_kwh=mean, periods=len(parts)) if math.isfinite(mean) else order


def _service_price(part: Mapping[str, Any]) -> Any:
    return part["ServicePrice"] if "ServicePrice" in part else part["SevicePrice"]


def _first(cells: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((cells[name].strip() for name in names if cells.get(name, "").strip()), "")


def _moment(cells: Mapping[str, str], name: str, now: datetime, faults: list[RowFault]) -> datetime | None:
    said = cells.get(name, "").strip()
    try:
        moment = datetime.strptime(said, TIME_FORMAT).replace(tzinfo=ZONE).astimezone(UTC)
    except ValueError:
        faults.append(RowFault(name, "not_a_time" if said else "missing", said))
        return None
    if not OLDEST <= moment <= now:
        faults.append(RowFault(name, "before_2000" if moment < OLDEST else "in_the_future", said))
        return None
    return moment


def _amount(
    cells: Mapping[str, str], names: tuple[str, ...], faults: list[RowFault], *, needed: bool = False
) -> float | None:
    said = _first(cells, names)
    if not said:
        if needed:
            faults.append(RowFault(names[-1], "missing", ""))
        return None
    try:
        value = float(said)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        faults.append(RowFault(names[-1], "negative" if value < 0 else "not_a_number", said))
        return None
    return value
