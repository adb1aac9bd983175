"""Records as canonical values: the names of sections 11 and 12, spelled correctly, before a profile renders them.

Every value that any profile may ask for stands in the result; a profile takes what its message lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from csms.province.ids import Names
from csms.province.mapping import gcj02, kwh
from csms.province.records import (
    ChargeDetail,
    ChargeOrder,
    ChargeStatus,
    ConnectorInfo,
    ConnectorState,
    Equipment,
    OrderCheck,
    PartnerStart,
    StationInfo,
    StationPower,
    SubsidyAmount,
)
from csms.province.tariff import folded

ZERO = Decimal(0)
_ELECT_FIELD = {"sharp": "CuspElect", "peak": "PeakElect", "flat": "FlatElect", "valley": "ValleyElect"}


def station_values(info: StationInfo, names: Names) -> dict[str, Any]:
    """StationInfo with its equipment; coordinates become GCJ-02 here."""
    longitude, latitude = gcj02(info.longitude, info.latitude)
    return {
        "StationID": names.station(info.site_id),
        "OperatorID": names.operator_id,
        "EquipmentOwnerID": names.operator_id,
        "StationName": info.name,
        "CountryCode": "CN",
        "AreaCode": info.area_code,
        "Address": info.address,
        "ServiceTel": info.phone,
        "StationType": info.station_type,
        "StationStatus": info.station_status,
        "ParkNums": info.park_count,
        "StationLng": Decimal(repr(longitude)),
        "StationLat": Decimal(repr(latitude)),
        "Construction": info.construction,
        "EquipmentInfos": [_equipment(pile, names) for pile in info.equipment],
        **info.extra,
    }


def connector_values(state: ConnectorState, names: Names) -> dict[str, Any]:
    """ConnectorStatusInfo."""
    return {
        "ConnectorID": names.connector(state.connector),
        "Status": state.status,
        "ParkStatus": state.park_status,
        "LockStatus": state.lock_status,
    }


def charge_status_values(status: ChargeStatus, names: Names) -> dict[str, Any]:
    """The snapshot of a running session, in the words of both families."""
    elec, service = _money(status.details)
    return {
        **_session(status, names),
        "StartChargeSeqStat": 2 if status.order_status == 2 else 5,
        "OrderStatus": status.order_status,
        "ConnectorStatus": status.connector_status,
        **_phases("Current", status.currents_a),
        **_phases("Voltage", status.voltages_v),
        "Soc": Decimal(repr(float(status.soc))),
        "EndTime": status.at,
        "PushTimeStamp": status.at,
        "TotalPower": sum((detail.energy_kwh for detail in status.details), ZERO),
        "ElecMoney": elec,
        "ServiceMoney": service,
        "TotalMoney": elec + service,
        **_battery(status.battery_c),
        **_details(status.details),
    }


def order_values(order: ChargeOrder, names: Names, now: datetime) -> dict[str, Any]:
    """The order, in the words of both families; `now` is the time of pushing."""
    elec, service = _money(order.details)
    energy_kwh = sum((detail.energy_kwh for detail in order.details), ZERO)
    return {
        **_session(order, names),
        "EndTime": order.ended_at,
        "TotalPower": energy_kwh,
        "TotalElect": energy_kwh,
        **_by_tariff(order),
        "TotalElecMoney": elec,
        "TotalServiceMoney": service,
        "TotalMoney": elec + service,
        "StopReason": order.stop_reason,
        "OrderStatus": order.order_status,
        "PayChannel": order.pay_channel,
        "ChargeLast": int((order.ended_at - order.started_at).total_seconds()),
        "MeterValueStart": None if order.start_register_wh is None else kwh(order.start_register_wh),
        "MeterValueEnd": None if order.end_register_wh is None else kwh(order.end_register_wh),
        "PushTime": now,
        "PushTimeStamp": now,
        **_details(order.details),
        **order.extra,
    }


def start_values(start: PartnerStart, names: Names) -> dict[str, Any]:
    """What came of a start or stop that a partner asked for."""
    return {
        "StartChargeSeq": start.number,
        "StartChargeSeqStat": start.stat,
        "ConnectorID": start.connector,
        "StartTime": start.at,
        "SuccStat": 1 if start.fail_reason else 0,
        "FailReason": start.fail_reason,
    }


def power_values(power: StationPower, names: Names) -> dict[str, Any]:
    """SupStationPowerInfos of one site. Connectors are rounded and the upper levels are sums of what was rounded, so
    that a supervisor's check holds exactly (section 12.5)."""
    by_pile: dict[str, list[dict[str, Any]]] = {}
    for one in power.connectors:
        row: dict[str, Any] = {
            "ConnectorID": names.connector(one.connector),
            "DataTime": power.at,
            "ConnectorRealTimePower": _kw(one.power_w),
        }
        by_pile.setdefault(one.connector.station_id, []).append(row)
    piles = [
        {
            "EquipmentID": names.equipment(station_id),
            "DataTime": power.at,
            "EquipRealTimePower": sum((row["ConnectorRealTimePower"] for row in rows), ZERO),
            "ConnectorPowerInfos": rows,
        }
        for station_id, rows in by_pile.items()
    ]
    site = {
        "OperatorID": names.operator_id,
        "EquipmentOwnerID": names.operator_id,
        "StationID": names.station(power.site_id),
        "DataTime": power.at,
        "StationRealTimePower": sum((pile["EquipRealTimePower"] for pile in piles), ZERO),
        "EquipmentPowerInfos": piles,
    }
    return {"SupStationPowerInfos": [site]}


def check_values(check: OrderCheck, number: str) -> dict[str, Any]:
    """check_charge_orders: sums are those of the rows."""
    rows = [
        {"StartChargeSeq": order, "TotalPower": energy_kwh, "TotalMoney": money}
        for order, energy_kwh, money in check.orders
    ]
    return {
        "CheckOrderSeq": number,
        "StartTime": check.start,
        "EndTime": check.end,
        "OrderCount": len(rows),
        "TotalOrderPower": sum((energy_kwh for _, energy_kwh, _ in check.orders), ZERO),
        "TotalOrderMoney": sum((money for _, _, money in check.orders), ZERO),
        "ChargeOrders": rows,
    }


def subsidy_values(amount: SubsidyAmount, names: Names) -> dict[str, Any]:
    """What is applied for a connector."""
    return {
        "ConnectorID": names.connector(amount.connector),
        "EquipmentID": names.equipment(amount.connector.station_id),
        "StationID": names.station(amount.site_id),
        "OperatorID": names.operator_id,
        "StakeType": amount.stake_type,
        "StartTime": amount.first_day,
        "EndTime": amount.last_day,
        "ApplySubsidyPrice": amount.yuan,
    }


def _kw(power_w: float) -> Decimal:
    return (Decimal(repr(float(power_w))) / 1000).quantize(Decimal("0.1"), ROUND_HALF_UP)


def _session(record: ChargeStatus | ChargeOrder, names: Names) -> dict[str, Any]:
    number = names.order(record.session_id, record.started_at, record.remote_start_id)
    connector = record.connector
    return {
        "OperatorID": names.operator_id,
        "EquipmentOwnerID": names.operator_id,
        "StationID": names.station(record.site_id),
        "EquipmentID": names.equipment(connector.station_id),
        "ConnectorID": names.connector(connector),
        "StartChargeSeq": number,
        "OrderNo": number,
        "VIN": record.vin or None,
        "StartTime": record.started_at,
    }


def _equipment(pile: Equipment, names: Names) -> dict[str, Any]:
    return {
        "EquipmentID": names.equipment(pile.station_id),
        "ManufacturerName": pile.vendor or None,
        "EquipmentModel": pile.model or None,
        "EquipmentType": pile.equipment_type,
        "Power": Decimal(repr(float(pile.power_w))) / 1000,
        "EquipmentName": pile.station_id,
        "ConnectorInfos": [_connector(connector, names) for connector in pile.connectors],
    }


def _connector(info: ConnectorInfo, names: Names) -> dict[str, Any]:
    return {
        "ConnectorID": names.connector(info.connector),
        "ConnectorName": info.name or None,
        "ConnectorType": info.connector_type,
        "VoltageUpperLimits": info.voltage_max_v,
        "VoltageLowerLimits": info.voltage_min_v,
        "Current": round(info.current_a),
        "Power": Decimal(repr(float(info.power_w))) / 1000,
        "NationalStandard": info.national_standard,
    }


def _battery(temperatures_c: Sequence[float]) -> dict[str, int]:
    """As a battery manager writes them (GB/T 27930): one degree a bit, from -50 on."""
    if not temperatures_c:
        return {}
    return {"bsmMaxTemperature": round(max(temperatures_c)) + 50, "bsmMinTemperature": round(min(temperatures_c)) + 50}


def _phases(quantity: str, values: Sequence[float]) -> dict[str, Any]:
    named = {f"{quantity}{phase}": Decimal(repr(float(value))) for phase, value in zip("ABC", values, strict=False)}
    return {f"{quantity}A": ZERO, **named}


def _money(details: Sequence[ChargeDetail]) -> tuple[Decimal, Decimal]:
    return sum((d.elec_money for d in details), ZERO), sum((d.service_money for d in details), ZERO)


def _by_tariff(order: ChargeOrder) -> dict[str, Decimal]:
    """Energy by tariff period; there is no deep-valley field, so 深谷 is folded into the valley (section 12.4)."""
    levels: dict[str, Decimal] = dict(order.levels)
    for detail in () if levels else order.details:
        levels[detail.period] = levels.get(detail.period, ZERO) + detail.energy_kwh
    return {_ELECT_FIELD[name]: value for name, value in folded(levels).items() if name in _ELECT_FIELD}


def _details(details: Sequence[ChargeDetail]) -> dict[str, Any]:
    rows = [
        {
            "DetailStartTime": detail.start,
            "DetailEndTime": detail.end,
            "ElecPrice": detail.elec_price,
            "ServicePrice": detail.service_price,
            "DetailPower": detail.energy_kwh,
            "DetailElecMoney": detail.elec_money,
            "DetailServiceMoney": detail.service_money,
        }
        for detail in details
    ]
    return {"SumPeriod": len(rows), "ChargeDetails": rows}
