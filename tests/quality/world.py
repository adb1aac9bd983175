"""A day (and the one before) of an operator whose data are right, from a seed; written down as a platform receives it.

Values are kept by canonical names until the end, so that a defect can be planted into one of them; `after` changes the
body on the wire. Clean does not mean tidy: pushes jitter, sessions follow each other at once, cross midnight, last a
minute; connectors go offline in the middle of a session and come back; statuses are repeated by a re-sync.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from csms.province import strict_json
from csms.province.envelope import format_stamp
from csms.province.mapping import priced
from csms.province.messages import check_body, render_body
from csms.province.profile import Kind, PlatformProfile, load_profile
from csms.province.records import ChargeDetail
from csms.province.values import _details as told
from monitor.quality.judge import LOOK_BACK, DayInputs
from monitor.quality.observed import Observation, Status, read_all
from monitor.quality.rules import Rules, rules_of
from monitor.quality.traffic import CallFact
from tests.quality.power_world import power_body

OPERATOR = "123456789"
DAY = datetime(2026, 3, 1, 16, 0, tzinfo=UTC)
END = DAY + timedelta(days=1)
BEGIN = DAY - timedelta(hours=30)
AREA = (
    (Decimal(114), Decimal(34)),
    (Decimal(123), Decimal(34)),
    (Decimal(123), Decimal(39)),
    (Decimal(114), Decimal(39)),
)
PRICES = {"valley": "0.3512", "flat": "0.6544", "peak": "0.9576", "sharp": "1.1493"}
TARIFF = (
    (7, "valley"),
    (10, "flat"),
    (12, "peak"),
    (14, "valley"),
    (17, "flat"),
    (19, "sharp"),
    (22, "peak"),
    (24, "valley"),
)


def s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


ELECT = {"sharp": "CuspElect", "peak": "PeakElect", "flat": "FlatElect", "valley": "ValleyElect"}


def by_tariff(details: list[ChargeDetail]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for detail in details:
        sums[ELECT[detail.period]] = sums.get(ELECT[detail.period], Decimal(0)) + detail.energy_kwh
    return sums


@dataclass(eq=False)
class Event:
    """One message. `refused` is found out when it is written down."""

    at: datetime
    kind: Kind
    values: dict[str, Any]
    after: list[Callable[[dict[str, Any]], None]] = field(default_factory=list)
    conflict: bool = False

    def body(self, profile: PlatformProfile) -> dict[str, Any]:
        written = render_body(profile, self.kind, self.values)
        read: dict[str, Any] = strict_json.parse_object(strict_json.write(written))
        for change in self.after:
            change(read)
        return read


@dataclass(eq=False)
class Plug:
    id: str
    station: str
    pile: str
    dc: bool
    power_kw: int
    energy_kwh: Decimal = Decimal(1000)
    told_at: datetime = BEGIN


@dataclass(eq=False)
class Session:
    plug: Plug
    number: str
    start: datetime
    end: datetime
    peak_kw: float
    charging: Event
    ended: Event
    order: Event
    snaps: list[Event] = field(default_factory=list)

    @property
    def hours(self) -> float:
        return (self.end - self.start).total_seconds() / 3600

    def energy(self, at: datetime) -> float:
        """kWh so far: power falls by four tenths to the end."""
        x = (at - self.start) / (self.end - self.start)
        return self.peak_kw * self.hours * (x - 0.2 * x * x)

    def power(self, at: datetime) -> float:
        return self.peak_kw * (1 - 0.4 * ((at - self.start) / (self.end - self.start)))


class World:
    """All of it; `sessions` in the order of their starts."""

    def __init__(self, seed: int, profile: str = "tcec102-2016", stations: int = 2, piles: int = 4) -> None:
        self.rng = Random(seed)
        self.profile = load_profile(profile)
        self.rules: Rules = rules_of(self.profile, {"area": AREA, "area_codes": ["37"]})
        self.events: list[Event] = []
        self.sessions: list[Session] = []
        self.stations: list[Event] = []
        self.plugs: list[Plug] = []
        self.serial = 0
        for place in range(stations):
            self._station(place, piles)
        for plug in self.plugs:
            self._life(plug)
        self.sessions.sort(key=lambda session: (session.start, session.number))
        self.powers: list[Event] = []
        if self.profile.interfaces[Kind.POWER].enabled:
            self.powers = [self.add(at + self.jitter(), Kind.POWER, body) for at, body in self._power()]

    def _station(self, place: int, piles: int) -> None:
        name = f"{place + 1:020d}"
        rows = []
        for number in range(piles):
            dc = number % 4 != 3
            pile = f"{OPERATOR}{place * 100 + number + 1:010d}"
            power = self.rng.choice((60, 120, 180)) if dc else self.rng.choice((7, 21))
            plugs = [Plug(f"{pile}0001{gun:03d}", name, pile, dc, power) for gun in range(1, 2 + (number % 2))]
            self.plugs += plugs
            rows.append(
                {
                    "EquipmentID": pile,
                    "EquipmentType": 1 if dc else 2,
                    "Power": Decimal(power),
                    "EquipmentName": f"桩 {number}",
                    "ConnectorInfos": [self._connector(plug) for plug in plugs],
                }
            )
        values = {
            "StationID": name,
            "OperatorID": OPERATOR,
            "EquipmentOwnerID": OPERATOR,
            "StationName": f"日照充电站 {place}",
            "CountryCode": "CN",
            "AreaCode": "371102",
            "Address": "港口路1号",
            "ServiceTel": "0633-0000000",
            "StationType": 1,
            "StationStatus": 50,
            "ParkNums": 10,
            "StationLng": Decimal("119.5") + Decimal(self.rng.randrange(1000)) / 100000,
            "StationLat": Decimal("35.4") + Decimal(self.rng.randrange(1000)) / 100000,
            "Construction": 255,
            "EquipmentInfos": rows,
        }
        for at in (BEGIN, DAY + s(3600 + place * 60), DAY + s(50_000 + place)):
            self.stations.append(self.add(at, Kind.STATION_INFO, dict(values)))

    @staticmethod
    def _connector(plug: Plug) -> dict[str, Any]:
        return {
            "ConnectorID": plug.id,
            "ConnectorType": 4 if plug.dc else 2,
            "VoltageUpperLimits": 750 if plug.dc else 220,
            "VoltageLowerLimits": 200 if plug.dc else 220,
            "Current": 250 if plug.dc else 32,
            "Power": Decimal(plug.power_kw),
            "NationalStandard": 2,
        }

    def add(self, at: datetime, kind: Kind, values: dict[str, Any]) -> Event:
        event = Event(at, kind, values)
        self.events.append(event)
        return event

    def status(self, at: datetime, plug_id: str, state: int, park: int | None = None) -> Event:
        for plug in self.plugs:
            plug.told_at = max(plug.told_at, at) if plug.id == plug_id else plug.told_at
        values = {"ConnectorID": plug_id, "Status": state}
        return self.add(at, Kind.STATION_STATUS, values if park is None else {**values, "ParkStatus": park})

    def jitter(self, most: float = 8.0) -> timedelta:
        return s(round(self.rng.uniform(0.05, most), 3))

    def _life(self, plug: Plug) -> None:
        """Sessions one after the other until past the day's end."""
        at = BEGIN + s(self.rng.randrange(60, 3600))
        self.status(at - s(30), plug.id, 1)
        while at < END:
            at += s(self.rng.choice((1, 70, self.rng.randrange(300, 9000))))
            minutes = self.rng.choice(
                (1, self.rng.randrange(4, 15), self.rng.randrange(25, 95), self.rng.randrange(25, 95))
            )
            end = at + s(minutes * 60 + self.rng.randrange(60))
            self.session(plug, at, end, plugged=self.rng.random() < 0.8, offline=self.rng.random() < 0.15)
            at = plug.told_at
            if self.rng.random() < 0.7:
                at += s(self.rng.randrange(90, 900))
                self.status(at, plug.id, 1, 10)
                if self.rng.random() < 0.15:
                    at += s(90)
                    self.status(at, plug.id, 1, 10)
                if self.rng.random() < 0.1:
                    self.status(at + s(100), plug.id, 0)
                    at += s(220)
                    self.status(at, plug.id, 1, 10)

    def session(
        self, plug: Plug, start: datetime, end: datetime, plugged: bool = True, offline: bool = False
    ) -> Session:
        """A session with everything that is told of it."""
        start, end = start.replace(microsecond=0), end.replace(microsecond=0)
        if plugged and start - plug.told_at > s(65):
            self.status(start - s(0.5), plug.id, 2, 50)
        charging = self.status(start + self.jitter(), plug.id, 3, 50)
        number = self.number(start)
        peak = plug.power_kw * self.rng.uniform(0.55, 0.97)
        ended = Event(end + self.jitter(), Kind.STATION_STATUS, {"ConnectorID": plug.id, "Status": 2, "ParkStatus": 50})
        made = Session(plug, number, start, end, peak, charging, ended, Event(end, Kind.CHARGE_ORDER, {}))
        self.events.append(ended)
        plug.told_at = ended.at
        self._snapshots(made)
        made.order = self.order(made)
        self.sessions.append(made)
        if offline and end - start > s(900):
            away = start + (end - start) * 0.5
            self.status(away, plug.id, 0)
            self.status(away + s(40), plug.id, 3, 50)
        return made

    def number(self, start: datetime) -> str:
        self.serial += 1
        return f"{OPERATOR}{format_stamp(start)}{self.serial % 10_000:04d}"

    def _snapshots(self, session: Session) -> None:
        period = self.profile.timeliness.charge_status_period_s
        soc = self.rng.uniform(5, 40)
        count = int((session.end - session.start).total_seconds() // period)
        for step in range(1, count + 1):
            at = session.start + s(step * period)
            session.snaps.append(self._snapshot(session, at, soc + 55 * step / (count + 1)))

    def _snapshot(self, session: Session, at: datetime, soc: float) -> Event:
        volts = (
            [round(380 + 60 * (at - session.start) / (session.end - session.start), 1)] if session.plug.dc else [220.0]
        )
        phases = 1 if session.plug.power_kw != 21 else 3
        amps = [math.floor(session.power(at) * 10_000 / volts[0] / phases) / 10] * phases
        energy = Decimal(math.floor(session.energy(at) * 100)) / 100
        elec, service = (
            (energy * Decimal("0.6")).quantize(Decimal("0.01")),
            (energy * Decimal("0.4")).quantize(Decimal("0.01")),
        )
        values = {
            **self.identity(session),
            "StartChargeSeqStat": 2,
            "OrderStatus": 2,
            "ConnectorStatus": 3,
            **{f"Current{p}": Decimal(str(a)) for p, a in zip("ABC", amps, strict=False)},
            **{f"Voltage{p}": Decimal(str(volts[0])) for p in "ABC"[:phases]},
            "Soc": Decimal(str(round(soc, 1))) if session.plug.dc else Decimal(0),
            "StartTime": session.start,
            "EndTime": at,
            "PushTimeStamp": at,
            "TotalPower": energy,
            "ElecMoney": elec,
            "ServiceMoney": service,
            "TotalMoney": elec + service,
        }
        return self.add(at + self.jitter(), Kind.CHARGE_STATUS, values)

    @staticmethod
    def identity(session: Session) -> dict[str, Any]:
        return {
            "OperatorID": OPERATOR,
            "EquipmentOwnerID": OPERATOR,
            "StationID": session.plug.station,
            "EquipmentID": session.plug.pile,
            "ConnectorID": session.plug.id,
            "StartChargeSeq": session.number,
            "OrderNo": session.number,
        }

    def order(self, session: Session, energy_scale: float = 1.0) -> Event:
        """The order of a session, with its tariff periods."""
        at = session.end + self.jitter(20)
        return self.add(at, Kind.CHARGE_ORDER, self.order_values(session, energy_scale, at))

    def order_values(self, session: Session, energy_scale: float, at: datetime) -> dict[str, Any]:
        zone = self.profile.zone
        details, cursor = [], session.start
        while cursor < session.end or not details:
            local = cursor.astimezone(zone)
            hour, period = next((h, p) for h, p in TARIFF if local.hour < h)
            boundary = local.replace(hour=0, minute=0, second=0) + timedelta(hours=hour)
            until = min(session.end, boundary.astimezone(UTC))
            energy_wh = (session.energy(until) - session.energy(cursor)) * 1000 * energy_scale if session.hours else 0.0
            made = priced(cursor, until, energy_wh, Decimal(PRICES[period]), Decimal("0.4"))
            details.append(
                type(made)(
                    made.start,
                    made.end,
                    made.energy_kwh,
                    made.elec_price,
                    made.service_price,
                    made.elec_money,
                    made.service_money,
                    period,
                )
            )
            cursor = until
        energy = sum((d.energy_kwh for d in details), Decimal(0))
        elec, service = sum(d.elec_money for d in details), sum(d.service_money for d in details)
        meter = session.plug.energy_kwh
        return {
            **self.identity(session),
            "StartTime": session.start,
            "EndTime": session.end,
            "TotalPower": energy,
            "TotalElect": energy,
            **by_tariff(details),
            "TotalElecMoney": elec,
            "TotalServiceMoney": service,
            "TotalMoney": elec + service,
            "StopReason": 0,
            "OrderStatus": 4,
            "PayChannel": 6,
            "ChargeLast": int((session.end - session.start).total_seconds()),
            "MeterValueStart": meter,
            "MeterValueEnd": meter + energy + Decimal(self.rng.randrange(-5, 6)) / 100,
            "PushTime": at,
            "PushTimeStamp": at,
            **told(details),
        }

    def _power(self) -> Iterator[tuple[datetime, dict[str, Any]]]:
        """Every period each station tells its power."""
        period_s = self.profile.timeliness.power_period_s
        for station in {event.values["StationID"]: event.values for event in self.stations}.values():
            running = [x for x in self.sessions if x.plug.station == station["StationID"]]
            for step in range(1, int((END - BEGIN).total_seconds() // period_s)):
                at = BEGIN + s(step * period_s)
                now = {x.plug.id: x.power(at) for x in running if x.start <= at < x.end}
                yield at, power_body(station, at, now)

    def inputs(self) -> DayInputs:
        """What a platform has at the end of the day."""
        seen = []
        for event in sorted(self.events, key=lambda e: e.at):
            if event.at < END:
                body = event.body(self.profile)
                bad = bool(check_body(self.profile, event.kind, body))
                seen.append(
                    Observation(event.at, event.kind, body, conflict=event.conflict, refused=bad or event.conflict)
                )
        earlier = [o for o in seen if o.received_at < DAY - LOOK_BACK]
        kept = [o for o in seen if o.received_at >= DAY - LOOK_BACK]
        states: dict[str, Status] = {x.connector_id: x for x in read_all(self.profile, earlier).statuses}
        return DayInputs(
            OPERATOR,
            DAY,
            END,
            self.profile,
            self.rules,
            [o for o in kept if not o.refused],
            [o for o in kept if o.refused],
            [CallFact(o.received_at, OPERATOR, o.kind, 0, ok=not o.refused, latency_us=900) for o in kept],
            [o for o in earlier if o.kind is Kind.STATION_INFO],
            list(states.values()),
            reconciled=len(self.sessions),
        )
