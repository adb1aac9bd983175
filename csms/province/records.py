"""What is told to platforms, before any platform's names: WGS-84, W, Wh, A, V, UTC; money in yuan as Decimal.

Numbers of enumerations are those of section 10; `csms.province.mapping` makes them from OCPP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from csms.model.ids import ConnectorRef

PERIODS_MAX = 32
"""Tariff periods of one order (SumPeriod, section 11.2)."""


@dataclass(frozen=True, slots=True)
class ConnectorInfo:
    """Nameplate of one connector. `connector_type` 4 is a DC plug, 2 an AC socket (section 10)."""

    connector: ConnectorRef
    power_w: float
    current_a: float
    voltage_max_v: int
    voltage_min_v: int
    connector_type: int
    national_standard: int = 2
    name: str = ""


@dataclass(frozen=True, slots=True)
class Equipment:
    """One pile. `equipment_type` 1 DC, 2 AC."""

    station_id: str
    equipment_type: int
    power_w: float
    connectors: tuple[ConnectorInfo, ...]
    vendor: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class StationInfo:
    """A site with its piles. `extra`: fields of a platform by their canonical names."""

    site_id: str
    name: str
    address: str
    area_code: str
    longitude: float
    latitude: float
    phone: str
    equipment: tuple[Equipment, ...]
    station_type: int = 1
    station_status: int = 50
    construction: int = 255
    park_count: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConnectorState:
    """State of one connector: `status` of section 14.1; park and lock status are left out when not known."""

    connector: ConnectorRef
    status: int
    at: datetime
    park_status: int | None = None
    lock_status: int | None = None


@dataclass(frozen=True, slots=True)
class ChargeDetail:
    """Energy and money of one tariff period. `period`: sharp, peak, flat, valley, deep, or empty."""

    start: datetime
    end: datetime
    energy_kwh: Decimal
    elec_price: Decimal
    service_price: Decimal
    elec_money: Decimal
    service_money: Decimal
    period: str = ""


@dataclass(frozen=True, slots=True)
class ChargeStatus:
    """A snapshot of a running session. Phases L1 to L3; DC stands in the first."""

    session_id: int
    site_id: str
    connector: ConnectorRef
    started_at: datetime
    at: datetime
    connector_status: int
    currents_a: tuple[float, ...]
    voltages_v: tuple[float, ...]
    details: tuple[ChargeDetail, ...]
    soc: float = 0.0
    order_status: int = 2
    remote_start_id: int | None = None
    vin: str = ""
    battery_c: tuple[float, ...] = ()
    """Temperatures that the car tells of its battery."""


@dataclass(frozen=True, slots=True)
class ChargeOrder:
    """A finished session. The registers go with it to every platform that takes them (section 11.3). `levels`: energy
    by tariff level; left out, the details tell it."""

    session_id: int
    site_id: str
    connector: ConnectorRef
    started_at: datetime
    ended_at: datetime
    details: tuple[ChargeDetail, ...]
    stop_reason: int
    start_register_wh: float | None = None
    end_register_wh: float | None = None
    order_status: int = 4
    pay_channel: int = 6
    extra: Mapping[str, Any] = field(default_factory=dict)
    levels: Mapping[str, Decimal] = field(default_factory=dict)
    remote_start_id: int | None = None
    vin: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for no period or more than a platform takes, or a session that ends before it starts."""
        if not 1 <= len(self.details) <= PERIODS_MAX:
            raise ValueError(f"an order has 1 to {PERIODS_MAX} tariff periods, not {len(self.details)}")
        if self.ended_at < self.started_at:
            raise ValueError("an order ends after it started")


@dataclass(frozen=True, slots=True)
class ConnectorPower:
    """What one connector draws."""

    connector: ConnectorRef
    power_w: float


@dataclass(frozen=True, slots=True)
class StationPower:
    """What a site draws at a moment, by connector."""

    site_id: str
    at: datetime
    connectors: tuple[ConnectorPower, ...]


@dataclass(frozen=True, slots=True)
class PartnerStart:
    """A start or stop that a partner asked for, as it is told of it. `stat` is a StartChargeSeqStat."""

    number: str
    connector: str
    stat: int
    at: datetime
    fail_reason: int = 0


@dataclass(frozen=True, slots=True)
class OrderCheck:
    """The orders of a span, for reconciliation: order number, kWh, yuan."""

    start: datetime
    end: datetime
    orders: tuple[tuple[str, Decimal, Decimal], ...]


@dataclass(frozen=True, slots=True)
class SubsidyAmount:
    """What is applied for one connector and span of days (`notification_records_amount_info`)."""

    site_id: str
    connector: ConnectorRef
    first_day: date
    last_day: date
    yuan: Decimal
    stake_type: int = 2
