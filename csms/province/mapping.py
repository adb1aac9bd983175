"""From OCPP to the platform's codes and units (section 14). Coordinates are converted here and only once.

Money: each tariff period is rounded to 0.01 and totals are sums of the rounded periods, so that a platform's check
(sum of details = total) holds exactly.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from csms.model.session import StopReason
from csms.model.station import ConnectorStatus
from csms.province.records import ChargeDetail

OFFLINE, IDLE, OCCUPIED, CHARGING, RESERVED, FAULT = 0, 1, 2, 3, 4, 255
STOP_BY_USER, STOP_BY_PARTNER, STOP_BY_BMS, STOP_BY_FAULT, STOP_UNPLUGGED, STOP_UNLOCKED = 0, 1, 2, 3, 4, 5
ENERGY_STEP = Decimal("0.01")
MONEY_STEP = Decimal("0.01")

_STATUS = {
    ConnectorStatus.AVAILABLE: IDLE,
    ConnectorStatus.RESERVED: RESERVED,
    ConnectorStatus.UNAVAILABLE: OFFLINE,
    ConnectorStatus.FAULTED: FAULT,
    ConnectorStatus.PREPARING: OCCUPIED,
    ConnectorStatus.FINISHING: OCCUPIED,
    ConnectorStatus.CHARGING: CHARGING,
}

_STOP = {
    StopReason.LOCAL: STOP_BY_USER,
    StopReason.REMOTE: STOP_BY_USER,
    StopReason.DE_AUTHORIZED: STOP_BY_USER,
    StopReason.STOPPED_BY_EV: STOP_BY_BMS,
    StopReason.SOC_LIMIT_REACHED: STOP_BY_BMS,
    StopReason.EV_DISCONNECTED: STOP_UNPLUGGED,
    StopReason.UNLOCK_COMMAND: STOP_UNLOCKED,
    StopReason.POWER_LOSS: STOP_BY_FAULT,
    StopReason.HARD_RESET: STOP_BY_FAULT,
    StopReason.SOFT_RESET: STOP_BY_FAULT,
    StopReason.REBOOT: STOP_BY_FAULT,
    StopReason.EMERGENCY_STOP: STOP_BY_FAULT,
    StopReason.GROUND_FAULT: STOP_BY_FAULT,
    StopReason.IMMEDIATE_RESET: STOP_BY_FAULT,
    StopReason.OVERCURRENT_FAULT: STOP_BY_FAULT,
    StopReason.POWER_QUALITY: STOP_BY_FAULT,
}
"""Reasons not named here (limits of energy, time or credit, MasterPass) are the operator's: 0 like the user's."""


def connector_status(status: ConnectorStatus | None, *, online: bool, running: bool) -> int:
    """Section 14.1. `running`: a transaction runs on the EVSE. A connector never reported counts as offline."""
    if not online or status is None:
        return OFFLINE
    if status in (ConnectorStatus.SUSPENDED_EV, ConnectorStatus.SUSPENDED_EVSE, ConnectorStatus.OCCUPIED):
        return CHARGING if running else OCCUPIED
    return _STATUS[status]


def stop_reason(reason: StopReason | None, *, by_partner: bool = False, fault: bool = False) -> int:
    """Section 14.2. `by_partner`: the stop was asked for by the platform; `fault`: the pile reported one."""
    if reason is StopReason.REMOTE and by_partner:
        return STOP_BY_PARTNER
    if reason in (None, StopReason.OTHER):
        return STOP_BY_FAULT if fault else STOP_BY_USER
    return _STOP.get(reason, STOP_BY_USER)


_VIN = re.compile(r"[A-HJ-NPR-Z0-9]{8}[0-9X][A-HJ-NPR-Z0-9]{8}", re.ASCII)
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VIN_LETTERS = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True))


def vin_of(id_token: str) -> str:
    """The vehicle's number where a pile authorized the car by it (VIN 启动), else empty: a token of 17 characters whose
    check digit is right (GB 16735)."""
    text = id_token.upper()
    if not _VIN.fullmatch(text):
        return ""
    values = (_VIN_LETTERS.get(letter) or int(letter) for letter in text[:8] + "0" + text[9:])
    rest = sum(value * weight for value, weight in zip(values, _VIN_WEIGHTS, strict=True)) % 11
    return text if text[8] == "0123456789X"[rest] else ""


def kwh(energy_wh: float) -> Decimal:
    """Wh as kWh with 2 decimals, half up."""
    return (Decimal(repr(energy_wh)) / 1000).quantize(ENERGY_STEP, ROUND_HALF_UP)


def priced(
    start: datetime, end: datetime, energy_wh: float, elec_price: Decimal, service_price: Decimal
) -> ChargeDetail:
    """One period at one price (yuan per kWh)."""
    energy_kwh = kwh(energy_wh)
    elec = (energy_kwh * elec_price).quantize(MONEY_STEP, ROUND_HALF_UP)
    service = (energy_kwh * service_price).quantize(MONEY_STEP, ROUND_HALF_UP)
    return ChargeDetail(start, end, energy_kwh, elec_price, service_price, elec, service)


_AXIS_M = 6378245.0
_ECCENTRICITY_SQUARED = 0.00669342162296594323


def gcj02(longitude: float, latitude: float) -> tuple[float, float]:
    """WGS-84 degrees as GCJ-02 degrees with 6 decimals; a point outside China stays where it is."""
    if not (72.004 <= longitude <= 137.8347 and 0.8293 <= latitude <= 55.8271):
        return round(longitude, 6), round(latitude, 6)
    x, y = longitude - 105.0, latitude - 35.0
    radians = math.radians(latitude)
    magic = 1.0 - _ECCENTRICITY_SQUARED * math.sin(radians) ** 2
    north_m = _AXIS_M * (1.0 - _ECCENTRICITY_SQUARED) / magic**1.5
    east_m = _AXIS_M / math.sqrt(magic) * math.cos(radians)
    moved_lng = longitude + math.degrees(_shift_east(x, y) / east_m)
    moved_lat = latitude + math.degrees(_shift_north(x, y) / north_m)
    return round(moved_lng, 6), round(moved_lat, 6)


GCJ02_STEPS = 6
"""The shift changes by less than a thousandth of itself over its own length: each step takes three decimals off."""


def from_gcj02(longitude: float, latitude: float) -> tuple[float, float]:
    """GCJ-02 degrees as WGS-84 degrees."""
    east, north = longitude, latitude
    for _ in range(GCJ02_STEPS):
        told = gcj02(east, north)
        east, north = east + longitude - told[0], north + latitude - told[1]
    return east, north


def _waves(value: float, amplitudes: tuple[tuple[float, float], ...]) -> float:
    return sum(size * math.sin(value * pace * math.pi) for size, pace in amplitudes) * 2.0 / 3.0


def _shift_north(x: float, y: float) -> float:
    base = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    return base + _waves(x, ((20, 6), (20, 2))) + _waves(y, ((20, 1), (40, 1 / 3), (160, 1 / 12), (320, 1 / 30)))


def _shift_east(x: float, y: float) -> float:
    base = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    return base + _waves(x, ((20, 6), (20, 2), (20, 1), (40, 1 / 3), (150, 1 / 12), (300, 1 / 30)))
