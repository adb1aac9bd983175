"""What a platform saw of an operator, read into plain views that no check has to know a profile for. Pure.

An `Observation` is one received message, taken or refused. Views hold exact numbers (Decimal) and UTC moments; a field
that is not there or cannot be read is None, so that one bad field does not hide the others. Families differ in names
only: the order number is StartChargeSeq or OrderNo, its energy TotalPower or TotalElect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from csms.province.messages import TIME_FORMAT, message_of
from csms.province.profile import Kind, PlatformProfile

CHARGING = 3


@dataclass(frozen=True, slots=True)
class Observation:
    """One message. `body` as sent, numbers with a fraction as Decimal; `conflict`: a known id with other content."""

    received_at: datetime
    kind: Kind
    body: Mapping[str, Any]
    duplicate: bool = False
    conflict: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Detail:
    """One tariff period of an order."""

    start: datetime | None
    end: datetime | None
    elec_price: Decimal | None
    service_price: Decimal | None
    energy_kwh: Decimal | None
    elec_yuan: Decimal | None
    service_yuan: Decimal | None


@dataclass(frozen=True, slots=True)
class Order:
    """A finished session as the operator tells it."""

    received_at: datetime
    id: str
    connector_id: str
    start: datetime | None
    end: datetime | None
    energy_kwh: Decimal | None
    elec_yuan: Decimal | None
    service_yuan: Decimal | None
    total_yuan: Decimal | None
    period_count: int | None
    details: tuple[Detail, ...]
    split_kwh: tuple[Decimal, ...]
    meter_start_kwh: Decimal | None
    meter_end_kwh: Decimal | None
    duration_s: int | None
    refused: bool

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """Start and end, where both can be read and stand in this order."""
        return (self.start, self.end) if self.start and self.end and self.start <= self.end else None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment of a running session."""

    received_at: datetime
    order_id: str
    connector_id: str
    connector_status: int | None
    charging: bool
    start: datetime | None
    at: datetime | None
    amperes: tuple[Decimal, ...]
    volts: tuple[Decimal, ...]
    soc: Decimal | None
    energy_kwh: Decimal | None
    elec_yuan: Decimal | None
    service_yuan: Decimal | None
    total_yuan: Decimal | None
    refused: bool

    @property
    def power_kw(self) -> Decimal:
        """Sum over the phases that were told."""
        return sum((u * i for u, i in zip(self.volts, self.amperes, strict=False)), Decimal(0)) / 1000


@dataclass(frozen=True, slots=True)
class Status:
    """A pushed connector state."""

    received_at: datetime
    connector_id: str
    status: int | None
    park: int | None
    lock: int | None
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Plug:
    """A connector of the register."""

    id: str
    power_kw: Decimal | None
    voltage_min: int | None
    voltage_max: int | None
    type: int | None


@dataclass(frozen=True, slots=True)
class Pile:
    """A piece of equipment of the register."""

    id: str
    power_kw: Decimal | None
    type: int | None
    plugs: tuple[Plug, ...]


@dataclass(frozen=True, slots=True)
class Station:
    """A station as told."""

    received_at: datetime
    id: str
    longitude: Decimal | None
    latitude: Decimal | None
    area_code: str
    piles: tuple[Pile, ...]


@dataclass(frozen=True, slots=True)
class PilePower:
    """Power of a piece of equipment and, by id, of its connectors."""

    id: str
    power_kw: Decimal | None
    plugs: tuple[tuple[str, Decimal | None], ...]


@dataclass(frozen=True, slots=True)
class StationPower:
    """Real-time power of a station (section 12.5)."""

    received_at: datetime
    station_id: str
    at: datetime | None
    station_kw: Decimal | None
    piles: tuple[PilePower, ...]


@dataclass(slots=True)
class Views:
    """Everything of one operator and time, in the order of arrival."""

    orders: list[Order] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    stations: list[Station] = field(default_factory=list)
    powers: list[StationPower] = field(default_factory=list)


class Fields:
    """Typed reading of one message; what has another type is None."""

    def __init__(self, values: Mapping[str, Any], profile: PlatformProfile) -> None:
        self._values = values
        self._profile = profile

    def text(self, *names: str) -> str:
        """The first of the fields that holds text, else empty."""
        return next((v for v in map(self._values.get, names) if isinstance(v, str) and v), "")

    def number(self, *names: str) -> Decimal | None:
        """The first of the fields that holds a number, exactly."""
        for value in map(self._values.get, names):
            if isinstance(value, Decimal):
                return value
            if type(value) in (int, float):
                return Decimal(str(value))
        return None

    def whole(self, name: str) -> int | None:
        """An integer."""
        value = self._values.get(name)
        return value if type(value) is int else None

    def time(self, name: str) -> datetime | None:
        """A local time of the wire as UTC."""
        value = self._values.get(name)
        if not isinstance(value, str):
            return None
        try:
            local = datetime.strptime(value, TIME_FORMAT).replace(tzinfo=self._profile.zone)
        except ValueError:
            return None
        return local.astimezone(UTC)

    def numbers(self, *names: str) -> tuple[Decimal, ...]:
        """The numbers among the fields, in their order."""
        return tuple(value for value in map(self.number, names) if value is not None)

    def below(self, name: str) -> list[Fields]:
        """The nested objects of a list."""
        value = self._values.get(name)
        rows = value if isinstance(value, list) else []
        return [Fields(row, self._profile) for row in rows if isinstance(row, Mapping)]


def canonical(profile: PlatformProfile, message: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """A message by our names, nested ones too; what the profile does not know is left out."""
    names = {profile.wire_name(message, name): (name, rule) for name, rule in profile.messages[message].items()}
    found: dict[str, Any] = {}
    for key, item in value.items():
        if key not in names:
            continue
        name, rule = names[key]
        if rule.message and isinstance(item, list):
            item = [canonical(profile, rule.message, row) for row in item if isinstance(row, Mapping)]
        elif rule.message and isinstance(item, Mapping):
            item = canonical(profile, rule.message, item)
        found[name] = item
    return found


def read_all(profile: PlatformProfile, observations: Sequence[Observation]) -> Views:
    """The views of what was received, repeated deliveries left out."""
    views = Views()
    for seen in observations:
        for row in messages_in(profile, seen):
            _READERS[seen.kind](views, seen, Fields(row, profile))
    return views


def messages_in(profile: PlatformProfile, seen: Observation) -> list[dict[str, Any]]:
    """The messages of a call by our names; none for a repeated delivery or an interface that has no view."""
    if seen.duplicate or seen.conflict or seen.kind not in _READERS:
        return []
    found = message_of(profile, seen.kind, seen.body)
    rows = found if isinstance(found, list) else [found]
    name = profile.interfaces[seen.kind].message
    return [canonical(profile, name, row) for row in rows if isinstance(row, Mapping)]


def _order(views: Views, seen: Observation, fields: Fields) -> None:
    splits = ("CuspElect", "PeakElect", "FlatElect", "ValleyElect")
    views.orders.append(
        Order(
            seen.received_at,
            fields.text("OrderNo", "StartChargeSeq"),
            fields.text("ConnectorID"),
            fields.time("StartTime"),
            fields.time("EndTime"),
            fields.number("TotalElect", "TotalPower"),
            fields.number("TotalElecMoney"),
            fields.number("TotalServiceMoney"),
            fields.number("TotalMoney"),
            fields.whole("SumPeriod"),
            tuple(_detail(row) for row in fields.below("ChargeDetails")),
            fields.numbers(*splits),
            fields.number("MeterValueStart"),
            fields.number("MeterValueEnd"),
            fields.whole("ChargeLast"),
            seen.refused,
        )
    )


def _detail(fields: Fields) -> Detail:
    return Detail(
        fields.time("DetailStartTime"),
        fields.time("DetailEndTime"),
        fields.number("ElecPrice"),
        fields.number("ServicePrice"),
        fields.number("DetailPower"),
        fields.number("DetailElecMoney"),
        fields.number("DetailServiceMoney"),
    )


def _snapshot(views: Views, seen: Observation, fields: Fields) -> None:
    state = fields.whole("OrderStatus")
    views.snapshots.append(
        Snapshot(
            seen.received_at,
            fields.text("OrderNo", "StartChargeSeq"),
            fields.text("ConnectorID"),
            fields.whole("ConnectorStatus"),
            (fields.whole("StartChargeSeqStat") if state is None else state) == 2,
            fields.time("StartTime"),
            fields.time("EndTime"),
            fields.numbers("CurrentA", "CurrentB", "CurrentC"),
            fields.numbers("VoltageA", "VoltageB", "VoltageC"),
            fields.number("Soc"),
            fields.number("TotalPower"),
            fields.number("ElecMoney"),
            fields.number("ServiceMoney"),
            fields.number("TotalMoney"),
            seen.refused,
        )
    )


def _status(views: Views, seen: Observation, fields: Fields) -> None:
    views.statuses.append(
        Status(
            seen.received_at,
            fields.text("ConnectorID"),
            fields.whole("Status"),
            fields.whole("ParkStatus"),
            fields.whole("LockStatus"),
            seen.refused,
        )
    )


def _station(views: Views, seen: Observation, fields: Fields) -> None:
    piles = tuple(
        Pile(
            pile.text("EquipmentID"),
            pile.number("Power"),
            pile.whole("EquipmentType"),
            tuple(_plug(plug) for plug in pile.below("ConnectorInfos")),
        )
        for pile in fields.below("EquipmentInfos")
    )
    place = (fields.number("StationLng"), fields.number("StationLat"))
    views.stations.append(Station(seen.received_at, fields.text("StationID"), *place, fields.text("AreaCode"), piles))


def _plug(fields: Fields) -> Plug:
    limits = (fields.whole("VoltageLowerLimits"), fields.whole("VoltageUpperLimits"))
    return Plug(fields.text("ConnectorID"), fields.number("Power"), *limits, fields.whole("ConnectorType"))


def _powers(views: Views, seen: Observation, fields: Fields) -> None:
    for station in fields.below("SupStationPowerInfos"):
        _power(views, seen, station)


def _power(views: Views, seen: Observation, fields: Fields) -> None:
    views.powers.append(
        StationPower(
            seen.received_at,
            fields.text("StationID"),
            fields.time("DataTime"),
            fields.number("StationRealTimePower"),
            tuple(_pile_power(pile) for pile in fields.below("EquipmentPowerInfos")),
        )
    )


def _pile_power(fields: Fields) -> PilePower:
    plugs = fields.below("ConnectorPowerInfos")
    values = tuple((plug.text("ConnectorID"), plug.number("ConnectorRealTimePower")) for plug in plugs)
    return PilePower(fields.text("EquipmentID"), fields.number("EquipRealTimePower"), values)


_READERS: Mapping[str, Any] = {
    "charge_order": _order,
    "charge_status": _snapshot,
    "station_status": _status,
    "station_info": _station,
    "power": _powers,
}
"""By our name of the interface; a profile that lacks one of them is simply never asked for it."""
