"""Defects to plant into a clean `World`, each for one named check; a plant says on what the check must find it.

`size` is how far beyond its tolerance a defect goes (1.1 just beyond, 0.8 within: nothing may be found). Plants are
pure: what depends on the changed value is changed with it, as a real fault of that kind would leave it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Any

from csms.province.profile import Kind
from tests.quality.world import DAY, END, Event, Plug, Session, World, s

Expected = list[str]
"""Subjects of the findings that must come."""


@dataclass(frozen=True)
class Plant:
    """`sized`: the defect has a magnitude, so that a smaller one must not be found."""

    check: str
    apply: Callable[[Planting], Expected]
    sized: bool = False
    needs: tuple[str, str] | None = None
    """(interface, field) without which the profile cannot have this defect."""


@dataclass
class Planting:
    """Where defects are planted: each takes a session of its own."""

    world: World
    size: float
    free: list[Session] = field(default_factory=list)
    place: int = 0

    def __post_init__(self) -> None:
        """Sessions of the day whose order is in, in an order of chance; never two neighbours of one connector."""
        last: dict[str, bool] = {}
        for session in self.world.sessions:
            inside = DAY + s(600) < session.start and session.end < END - s(2 * 3600)
            taken = inside and not last.get(session.plug.id, False)
            last[session.plug.id] = taken
            if taken:
                self.free.append(session)
        self.world.rng.shuffle(self.free)

    def pick(self, right: Callable[[Session], bool] = lambda session: True) -> Session:
        for session in self.free:
            if right(session):
                self.free.remove(session)
                return session
        raise LookupError("no session is left")

    def long(self) -> Session:
        """A DC session of 20 minutes or more."""
        period = self.world.profile.timeliness.charge_status_period_s
        return self.pick(lambda session: session.plug.dc and len(session.snaps) * period >= 1500)

    def over(self, tolerance: Any, step: str = "0.01") -> Decimal:
        """An amount `size` times the tolerance, in whole steps."""
        return (Decimal(str(tolerance)) * Decimal(str(self.size))).quantize(Decimal(step), ROUND_UP)


PLANTS: list[Plant] = []


def plant(check: str, sized: bool = False, needs: tuple[str, str] | None = None) -> Callable[[Any], Any]:
    def keep(apply: Any) -> Any:
        PLANTS.append(Plant(check, apply, sized, needs))
        return apply

    return keep


def message_name(world: World, kind: Kind) -> str:
    return world.profile.interfaces[kind].message


# Orders


@plant("order.money_sum", sized=True)
def money_sum(p: Planting) -> Expected:
    order = p.long().order.values
    order["TotalMoney"] += p.over(Decimal("0.01") * (order["SumPeriod"] + 1))
    return [order["OrderNo"]]


@plant("order.details_energy", sized=True)
def details_energy(p: Planting) -> Expected:
    order = p.long().order.values
    rows = order["ChargeDetails"] = [dict(row) for row in order["ChargeDetails"]]
    row = max(rows, key=lambda r: r["DetailPower"])
    row["DetailPower"] += p.over(Decimal("0.01") * len(rows))
    for price, money in (("ElecPrice", "DetailElecMoney"), ("ServicePrice", "DetailServiceMoney")):
        row[price] = (row[money] / row["DetailPower"]).quantize(Decimal("0.0001"))
    return [order["OrderNo"]]


def _details_money(p: Planting, price: str, money: str) -> Expected:
    order = p.long().order.values
    rows = order["ChargeDetails"] = [dict(row) for row in order["ChargeDetails"]]
    row = max(rows, key=lambda r: r["DetailPower"])
    row[money] += p.over(Decimal("0.01") * len(rows))
    row[price] = (row[money] / row["DetailPower"]).quantize(Decimal("0.0001"))
    return [order["OrderNo"]]


@plant("order.details_elec", sized=True)
def details_elec(p: Planting) -> Expected:
    return _details_money(p, "ElecPrice", "DetailElecMoney")


@plant("order.details_service", sized=True)
def details_service(p: Planting) -> Expected:
    return _details_money(p, "ServicePrice", "DetailServiceMoney")


def _price(p: Planting, price: str) -> Expected:
    order = p.long().order.values
    rows = order["ChargeDetails"] = [dict(row) for row in order["ChargeDetails"]]
    row = max(rows, key=lambda r: r["DetailPower"])
    slack = Decimal("0.01") + row[price] * Decimal("0.005") + row["DetailPower"] * Decimal("0.00005")
    half = Decimal("0.005") if p.size > 1 else Decimal("-0.005")
    row[price] += ((slack * Decimal(str(p.size)) + half) / row["DetailPower"]).quantize(
        Decimal("0.0001"), ROUND_UP if p.size > 1 else ROUND_DOWN
    )
    return [order["OrderNo"]]


@plant("order.detail_elec_price", sized=True)
def elec_price(p: Planting) -> Expected:
    return _price(p, "ElecPrice")


@plant("order.detail_service_price", sized=True)
def service_price(p: Planting) -> Expected:
    return _price(p, "ServicePrice")


@plant("order.period_count")
def period_count(p: Planting) -> Expected:
    order = p.long().order.values
    order["SumPeriod"] += 1 + int(p.size) if p.world.rng.random() < 0.5 else -order["SumPeriod"]
    return [order["OrderNo"]]


@plant("order.detail_outside", sized=True)
def detail_outside(p: Planting) -> Expected:
    order = p.long().order.values
    rows = order["ChargeDetails"] = [dict(row) for row in order["ChargeDetails"]]
    rows[-1]["DetailEndTime"] += s(max(2, int(2 * p.size)) if p.size > 1 else 1)
    return [order["OrderNo"]]


@plant("order.details_overlap", sized=True)
def details_overlap(p: Planting) -> Expected:
    order = p.pick(lambda x: len(x.order.values["ChargeDetails"]) > 1 and x.hours > 0.3).order.values
    rows = order["ChargeDetails"] = [dict(row) for row in order["ChargeDetails"]]
    first, second = rows[0], rows[1]
    room = (first["DetailEndTime"] - first["DetailStartTime"]).total_seconds()
    second["DetailStartTime"] -= s(min(room, max(2, int(2 * p.size))) if p.size > 1 else 1)
    return [order["OrderNo"]]


@plant("order.meter", sized=True, needs=("charge_order", "MeterValueEnd"))
def meter(p: Planting) -> Expected:
    order = p.long().order.values
    tolerance = max(Decimal("0.1"), Decimal("0.01") * order["TotalPower"])
    order["MeterValueEnd"] = order["MeterValueStart"] + order["TotalPower"] + p.over(tolerance)
    return [order["OrderNo"]]


@plant("order.tariff_split", sized=True, needs=("charge_order", "CuspElect"))
def tariff_split(p: Planting) -> Expected:
    order = p.long().order.values
    names = [n for n in ("CuspElect", "PeakElect", "FlatElect", "ValleyElect") if n in order]
    order[names[0]] += p.over(Decimal("0.01") * len(names))
    return [order["OrderNo"]]


@plant("order.duration", sized=True, needs=("charge_order", "ChargeLast"))
def duration(p: Planting) -> Expected:
    order = p.long().order.values
    order["ChargeLast"] += max(2, int(2 * p.size)) if p.size > 1 else 1
    return [order["OrderNo"]]


@plant("order.number_form")
def number_form(p: Planting) -> Expected:
    session = p.long()
    old = session.number
    new = p.world.rng.choice(("987654321" + old[9:], old[:9] + "20261399" + old[17:], old[:20], "X" * 27))
    for event in (session.order, *session.snaps):
        event.values["OrderNo"] = event.values["StartChargeSeq"] = new
    return [new]


@plant("order.times_reversed")
def times_reversed(p: Planting) -> Expected:
    order = p.long().order.values
    order["StartTime"], order["EndTime"] = order["EndTime"], order["StartTime"]
    return [order["OrderNo"]]


@plant("order.future", sized=True)
def future(p: Planting) -> Expected:
    session = p.pick(lambda x: x.plug.dc and x.hours > 0.4 and _followed_by_room(p.world, x, 400))
    order = session.order.values
    slack = p.world.profile.clock.replay_window_s
    order["EndTime"] = session.order.at.replace(microsecond=0) + s(int(slack * p.size) + (1 if p.size > 1 else 0))
    order["ChargeLast"] = int((order["EndTime"] - order["StartTime"]).total_seconds())
    return [order["OrderNo"]]


@plant("order.negative")
def negative(p: Planting) -> Expected:
    order = p.long().order.values
    order["TotalElecMoney"], order["TotalMoney"] = (
        -order["TotalElecMoney"],
        order["TotalServiceMoney"] - order["TotalElecMoney"],
    )
    rows = order["ChargeDetails"] = [dict(row) for row in order["ChargeDetails"]]
    for row in rows:
        row["DetailElecMoney"] = -row["DetailElecMoney"]
        row["ElecPrice"] = -row["ElecPrice"]
    return [order["OrderNo"]]


@plant("order.over_rated", sized=True)
def order_over_rated(p: Planting) -> Expected:
    session = p.long()
    most = session.plug.power_kw * session.hours * 1.05
    scale = most * (1 + (p.size - 1) * 0.3) / session.energy(session.end)
    session.order.values = p.world.order_values(session, scale if p.size > 1 else 1.0, session.order.at)
    return [session.number]


@plant("order.unknown_connector")
def order_unknown_connector(p: Planting) -> Expected:
    session = p.long()
    ghost = Plug(session.plug.id[:-3] + "977", session.plug.station, session.plug.pile, True, 60)
    number = p.world.number(session.start + s(5))
    made = Session(
        ghost, number, session.start, session.start + s(60), 30, session.charging, session.ended, session.order
    )
    made.order = p.world.order(made)
    return [number]


@plant("order.late", sized=True)
def order_late(p: Planting) -> Expected:
    session = p.long()
    limit = p.world.profile.timeliness.order_limit_s
    session.order.at = session.end + s(limit * p.size)
    return [session.number] if session.order.at < END else []


@plant("order.missing")
def order_missing(p: Planting) -> Expected:
    session = p.pick(lambda x: x.hours > 0.3 and bool(x.snaps) and not _goes_away(p.world, x))
    p.world.events.remove(session.order)
    return [session.plug.id]


def _goes_away(world: World, session: Session) -> bool:
    return any(
        e.kind is Kind.STATION_STATUS
        and e.values["ConnectorID"] == session.plug.id
        and e.values["Status"] == 0
        and session.start < e.at < session.end
        for e in world.events
    )


@plant("order.duplicate")
def order_duplicate(p: Planting) -> Expected:
    session = p.long()
    copy = p.world.add(session.order.at + s(3), Kind.CHARGE_ORDER, dict(session.order.values))
    copy.values["OrderNo"] = copy.values["StartChargeSeq"] = p.world.number(session.start)
    return [copy.values["OrderNo"]]


@plant("order.conflict")
def order_conflict(p: Planting) -> Expected:
    session = p.long()
    copy = p.world.add(session.order.at + s(60), Kind.CHARGE_ORDER, dict(session.order.values))
    copy.values["TotalMoney"] += p.over(1)
    copy.conflict = True
    return [session.number]


@plant("order.overlap", sized=True)
def order_overlap(p: Planting) -> Expected:
    session = p.pick(lambda x: x.plug.dc and x.hours > 0.4 and _followed_by_room(p.world, x, 120))
    short = 40.0
    inside = max(2.0, min(short, 2 * p.size)) if p.size > 1 else 0.5
    start = session.end - s(int(inside)) if p.size > 1 else session.end
    number = p.world.number(start)
    made = Session(
        session.plug, number, start, start + s(int(short)), 20, session.charging, session.ended, session.order
    )
    session.ended.at = max(session.ended.at, made.end + s(1))
    made.order = p.world.order(made)
    made.order.at = session.order.at + s(30)
    return [number]


@plant("order.without_charging")
def without_charging(p: Planting) -> Expected:
    session = p.pick(lambda x: x.hours > 0.9 and not _goes_away(p.world, x) and _alone(p.world, x, 1200))
    p.world.events.remove(session.charging)
    return [session.number]


def _alone(world: World, session: Session, apart_s: float) -> bool:
    others = [x for x in world.sessions if x.plug is session.plug and x is not session]
    return all(x.end < session.start - s(apart_s) or x.start > session.end + s(apart_s) for x in others)


# States


@plant("status.phantom_charging")
def phantom(p: Planting) -> Expected:
    session = p.pick(lambda x: _alone(p.world, x, 300) and not _goes_away(p.world, x))
    p.world.events.remove(session.order)
    for snap in session.snaps:
        p.world.events.remove(snap)
    return [session.plug.id]


@plant("status.late", sized=True)
def status_late(p: Planting) -> Expected:
    session = p.pick(lambda x: x.hours > 0.5 and not _goes_away(p.world, x))
    limit = p.world.profile.timeliness.status_limit_s
    lateness = min(limit * p.size, session.hours * 1800)
    session.charging.at = session.start + s(lateness)
    return [session.plug.id]


@plant("status.repeated", sized=True)
def status_repeated(p: Planting) -> Expected:
    session = p.pick(lambda x: x.hours > 0.5 and not _goes_away(p.world, x))
    again = 60 / p.size if p.size > 1 else 61
    p.world.events.append(Event(session.charging.at + s(again), Kind.STATION_STATUS, dict(session.charging.values)))
    return [session.plug.id]


@plant("status.flapping", sized=True)
def flapping(p: Planting) -> Expected:
    session = p.pick(lambda x: x.hours > 0.3 and _followed_by_room(p.world, x, 700))
    count = min(34, int(20 * p.size))
    for step in range(count):
        at = session.ended.at + s(4 + step * 590 / max(count, 30))
        p.world.status(at, session.plug.id, 4 if step % 2 else 255, 50)
    return [session.plug.id]


def _followed_by_room(world: World, session: Session, room_s: float) -> bool:
    until = session.ended.at + s(room_s)
    return not any(
        e.kind is Kind.STATION_STATUS and e.values["ConnectorID"] == session.plug.id and session.ended.at < e.at < until
        for e in world.events
    )


@plant("status.park_contradicts")
def park(p: Planting) -> Expected:
    session = p.long()
    session.charging.values["ParkStatus"] = 10
    return [session.plug.id]


@plant("status.unknown_connector")
def status_unknown(p: Planting) -> Expected:
    session = p.long()
    name = session.plug.id[:-3] + "888"
    p.world.status(session.start, name, 1, 10)
    return [name]


@plant("connector.silent")
def silent(p: Planting) -> Expected:
    name = p.free[0].plug.pile + "0009" + f"{p.world.rng.randrange(100, 700)}"
    for event in p.world.stations:
        if any(pile["EquipmentID"] == name[:19] for pile in event.values["EquipmentInfos"]):
            event.values["EquipmentInfos"] = [
                {
                    **pile,
                    "ConnectorInfos": [*pile["ConnectorInfos"], {**pile["ConnectorInfos"][0], "ConnectorID": name}],
                }
                if pile["EquipmentID"] == name[:19]
                else pile
                for pile in event.values["EquipmentInfos"]
            ]
    return [name]


# Snapshots


def _middle(p: Planting) -> tuple[Session, Event]:
    session = p.long()
    return session, session.snaps[len(session.snaps) // 2]


def _calm(p: Planting) -> tuple[Session, Event]:
    """A snapshot that may change without changing an integral much: the last but one of a session."""
    session = p.long()
    return session, session.snaps[-2]


@plant("snapshot.gap", sized=True)
def gap(p: Planting) -> Expected:
    session = p.long()
    period = s(p.world.profile.timeliness.charge_status_period_s)
    marks = [session.start + period * step for step in range(1, len(session.snaps) + 1)]
    drop = 1 if p.size < 1 else min(len(marks) - 2, max(2, int(p.size)))
    for snap in session.snaps[1 : 1 + drop]:
        p.world.events.remove(snap)
    return [session.number]


@plant("snapshot.late", sized=True)
def snapshot_late(p: Planting) -> Expected:
    session, snap = _middle(p)
    snap.at = snap.values["EndTime"] + s(p.world.profile.timeliness.status_limit_s * p.size)
    if snap.at > END:
        return []
    return [session.number]


@plant("snapshot.future", sized=True)
def snapshot_future(p: Planting) -> Expected:
    session = p.long()
    snap = session.snaps[-1]
    slack = p.world.profile.clock.replay_window_s
    if p.size <= 1:
        return [session.number]
    snap.values["EndTime"] = snap.at.replace(microsecond=0) + s(int(slack * p.size) + 1)
    return [session.number]


@plant("snapshot.times_reversed")
def snapshot_reversed(p: Planting) -> Expected:
    session, snap = _middle(p)
    snap.values["StartTime"] = snap.values["EndTime"] + s(60 * p.size)
    return [session.number]


@plant("snapshot.negative")
def snapshot_negative(p: Planting) -> Expected:
    session, snap = _middle(p)
    snap.values["VoltageA"] = -snap.values["VoltageA"]
    return [session.number]


@plant("snapshot.soc_range", sized=True)
def soc_range(p: Planting) -> Expected:
    session, snap = _middle(p)
    if p.size > 1:
        over = Decimal(str(round(p.size - 1, 1)))
        snap.values["Soc"] = Decimal(100) + over if p.world.rng.random() < 0.5 else -over
    return [session.number]


@plant("snapshot.soc_drop", sized=True)
def soc_drop(p: Planting) -> Expected:
    session, snap = _middle(p)
    before = session.snaps[session.snaps.index(snap) - 1].values["Soc"]
    drop = Decimal(str(round(p.size - 1, 1))) if p.size > 1 else Decimal(0)
    snap.values["Soc"] = max(Decimal(0), before - drop)
    return [session.number]


@plant("snapshot.energy_drop", sized=True)
def energy_drop(p: Planting) -> Expected:
    session, snap = _middle(p)
    before = session.snaps[session.snaps.index(snap) - 1].values["TotalPower"]
    if p.size > 1:
        snap.values["TotalPower"] = max(Decimal(0), before - Decimal("0.01") * max(1, int(10 * (p.size - 1))))
    return [session.number]


@plant("snapshot.energy_stuck")
def energy_stuck(p: Planting) -> Expected:
    session = p.pick(lambda x: x.plug.dc and x.hours > 0.7 and x.plug.power_kw >= 60)
    snaps = session.snaps[1:]
    steps = min(len(snaps) - 1, max(1, int(p.size)))
    for snap in snaps[1 : 1 + steps]:
        snap.values["TotalPower"] = snaps[0].values["TotalPower"]
    return [session.number] * steps


@plant("snapshot.over_rated", sized=True)
def snapshot_over_rated(p: Planting) -> Expected:
    session, snap = _middle(p)
    kw = Decimal(session.plug.power_kw) * Decimal("1.05") * Decimal(str(1 + (p.size - 1) * 0.1))
    snap.values["CurrentA"] = (kw * 1000 / snap.values["VoltageA"]).quantize(Decimal("0.1"))
    if p.size <= 1:
        session.order.values  # noqa: B018 - within the rating; the energy of the others hardly changes
        session.snaps.remove(snap)
        p.world.events.remove(snap)
    return [session.number]


@plant("snapshot.above_order", sized=True)
def above_order(p: Planting) -> Expected:
    session = p.long()
    total = session.order.values["TotalPower"]
    over = p.over(max(Decimal("0.1"), Decimal("0.01") * total))
    session.snaps[-1].values["TotalPower"] = total + over
    return [session.number]


@plant("snapshot.start_differs", sized=True)
def start_differs(p: Planting) -> Expected:
    session, snap = _middle(p)
    snap.values["StartTime"] += s(int(p.size) + 1 if p.size > 1 else 1)
    return [session.number]


@plant("snapshot.connector_differs")
def connector_differs(p: Planting) -> Expected:
    session, snap = _middle(p)
    other = next(plug for plug in p.world.plugs if plug is not session.plug and plug.power_kw >= session.plug.power_kw)
    snap.values["ConnectorID"] = other.id
    return [session.number]


@plant("snapshot.unknown_connector")
def snapshot_unknown(p: Planting) -> Expected:
    session = p.long()
    number = p.world.number(session.start)
    ghost = p.world.add(session.snaps[0].at, Kind.CHARGE_STATUS, dict(session.snaps[0].values))
    ghost.values.update({"OrderNo": number, "StartChargeSeq": number, "ConnectorID": session.plug.id[:-3] + "999"})
    return [number]


@plant("snapshot.status_differs")
def status_differs(p: Planting) -> Expected:
    session, snap = _middle(p)
    snap.values["ConnectorStatus"] = p.world.rng.choice((0, 1, 2, 4, 255))
    return [session.number]


@plant("snapshot.after_end", sized=True)
def after_end(p: Planting) -> Expected:
    session = p.pick(lambda x: x.plug.dc and x.hours > 0.5)
    period = p.world.profile.timeliness.charge_status_period_s
    last = session.snaps[-1]
    at = session.end + s(int(period * p.size) + (1 if p.size > 1 else 0))
    ghost = p.world.add(at + s(1), Kind.CHARGE_STATUS, dict(last.values))
    ghost.values.update({"EndTime": at, "PushTimeStamp": at, "CurrentA": Decimal(0)})
    return [session.number]


@plant("snapshot.no_voltage")
def no_voltage(p: Planting) -> Expected:
    session, snap = _middle(p)
    snap.values["VoltageA"] = Decimal(0)
    return [session.number]


@plant("snapshot.money_sum", sized=True)
def snapshot_money(p: Planting) -> Expected:
    session, snap = _middle(p)
    snap.values["TotalMoney"] += p.over("0.02")
    return [session.number]


@plant("snapshot.integral", sized=True)
def integral(p: Planting) -> Expected:
    period = p.world.profile.timeliness.charge_status_period_s
    session = p.pick(lambda x: x.plug.dc and len(x.snaps) >= 6 and x.hours * 3600 >= 6 * period + 60)
    share = 0.03 + 0.02 * p.size if p.size > 1 else 0.0
    for snap in session.snaps:
        snap.values["CurrentA"] = (snap.values["CurrentA"] * Decimal(str(max(0.1, 1 - share)))).quantize(Decimal("0.1"))
    return [session.number]


# Stations


def _station(p: Planting) -> Event:
    """A station as told in the day; its later telling is right again."""
    told = [event for event in p.world.stations if DAY <= event.at < DAY + s(20_000)]
    p.place += 1
    source = told[p.place % len(told)]
    copy = p.world.add(source.at + s(600 * p.place), Kind.STATION_INFO, dict(source.values))
    copy.values["EquipmentInfos"] = [
        {**pile, "ConnectorInfos": [dict(plug) for plug in pile["ConnectorInfos"]]}
        for pile in copy.values["EquipmentInfos"]
    ]
    again = p.world.add(copy.at + s(300), Kind.STATION_INFO, dict(source.values))
    assert again.at > copy.at
    return copy


@plant("station.outside_area")
def outside(p: Planting) -> Expected:
    station = _station(p).values
    station["StationLng"], station["StationLat"] = p.world.rng.choice(
        ((Decimal("0"), Decimal("0")), (Decimal("35.4"), Decimal("119.5")), (Decimal("123.1"), Decimal("35.4")))
    )
    return [station["StationID"]]


@plant("station.area_code")
def area_code(p: Planting) -> Expected:
    station = _station(p).values
    station["AreaCode"] = "330106"
    return [station["StationID"]]


@plant("station.equipment_twice")
def equipment_twice(p: Planting) -> Expected:
    station = _station(p).values
    pile = station["EquipmentInfos"][0]
    station["EquipmentInfos"].append(dict(pile))
    return [pile["EquipmentID"]]


@plant("station.connector_twice")
def connector_twice(p: Planting) -> Expected:
    station = _station(p).values
    first, second = station["EquipmentInfos"][:2]
    twin = {**second["ConnectorInfos"][0], "ConnectorID": first["ConnectorInfos"][0]["ConnectorID"]}
    second["ConnectorInfos"].append({**twin, "Power": second["Power"]})
    return [twin["ConnectorID"]] * 2


@plant("station.connector_power", sized=True)
def connector_power(p: Planting) -> Expected:
    pile = _station(p).values["EquipmentInfos"][0]
    plug = pile["ConnectorInfos"][0]
    plug["Power"] = pile["Power"] + (p.over("0.1", "0.1") if p.size > 1 else 0)
    return [plug["ConnectorID"]]


@plant("station.voltage_limits")
def voltage_limits(p: Planting) -> Expected:
    plug = _station(p).values["EquipmentInfos"][0]["ConnectorInfos"][0]
    plug["VoltageLowerLimits"], plug["VoltageUpperLimits"] = 750, 200
    return [plug["ConnectorID"]]


@plant("station.no_connector")
def no_connector(p: Planting) -> Expected:
    station = _station(p).values
    extra = {**station["EquipmentInfos"][0], "EquipmentID": station["EquipmentInfos"][0]["EquipmentID"][:-2] + "88"}
    station["EquipmentInfos"].append({**extra, "ConnectorInfos": []})
    return [extra["EquipmentID"]]


@plant("station.type_mismatch")
def type_mismatch(p: Planting) -> Expected:
    pile = _station(p).values["EquipmentInfos"][0]
    pile["ConnectorInfos"][0]["ConnectorType"] = 2
    return [pile["ConnectorInfos"][0]["ConnectorID"]]


@plant("station.moved", sized=True)
def moved(p: Planting) -> Expected:
    station = _station(p).values
    station["StationLat"] += min(Decimal("1"), p.over("0.01", "0.000001"))
    back = [station["StationID"]] if p.size > 1 else []
    return [*back, station["StationID"]]


# Fields on the wire


def _wire(p: Planting, kind: Kind, change: Callable[[dict[str, Any]], None]) -> Expected:
    """Plant into a message that is refused; the operator corrects it a little later, so that nothing else is wrong."""
    if kind is Kind.STATION_INFO:
        event = _station(p)
        subject = event.values["StationID"]
    elif kind is Kind.STATION_STATUS:
        session = p.long()
        event = p.world.status(session.charging.at + s(20), session.plug.id, 3, 50)
        subject = session.plug.id
    else:
        session = p.long()
        right = session.order if kind is Kind.CHARGE_ORDER else session.snaps[len(session.snaps) // 2]
        event = p.world.add(right.at - s(0.01), kind, dict(right.values))
        subject = session.number
    root = p.world.profile.interfaces[kind].root
    event.after.append(lambda body: change(body[root] if root else body))
    return [subject]


def _name(p: Planting, kind: Kind, *names: str) -> str:
    """The wire name of the first of the fields that the profile has."""
    message = message_name(p.world, kind)
    found = next(name for name in names if name in p.world.profile.messages[message])
    return p.world.profile.wire_name(message, found)


_FIELDS = {
    Kind.CHARGE_ORDER: ("order", ("TotalElecMoney",), ("StopReason",), ("ConnectorID",), ("TotalPower", "TotalElect")),
    Kind.CHARGE_STATUS: ("snapshot", ("CurrentA",), ("ConnectorStatus",), ("ConnectorID",), ("TotalPower",)),
    Kind.STATION_STATUS: ("status", ("Status",), ("Status",), ("ConnectorID",), ()),
    Kind.STATION_INFO: ("station", ("ServiceTel",), ("StationType",), ("Address",), ("StationLng",)),
}


def _plant_fields(
    kind: Kind,
    short: str,
    required: tuple[str, ...],
    enum: tuple[str, ...],
    text: tuple[str, ...],
    number: tuple[str, ...],
) -> None:
    def set_to(names: tuple[str, ...], make: Callable[[Planting, Any], Any]) -> Callable[[Planting], Expected]:
        def apply(p: Planting) -> Expected:
            name = _name(p, kind, *names)

            def change(message: dict[str, Any]) -> None:
                message[name] = make(p, message.get(name))

            return _wire(p, kind, change)

        return apply

    def drop(p: Planting) -> Expected:
        name = _name(p, kind, *required)
        return _wire(p, kind, lambda message: message.pop(name) and None)

    def misspell(p: Planting) -> Expected:
        word = p.world.rng.choice(("Remark2", "connectorid", "Totalpower", "备注"))
        return _wire(p, kind, lambda message: message.update({word: "1"}))

    def wrong(p: Planting, old: Any) -> Any:
        return old + "0" * int(70 * p.size) if isinstance(old, str) else "1" * int(70 * p.size)

    def too_long(p: Planting) -> Expected:
        subjects = set_to(text, wrong)(p)
        return [wrong(p, subjects[0])[:64]] if kind is Kind.STATION_STATUS else subjects

    def bad_enum(p: Planting, old: Any) -> Any:
        value = p.world.rng.choice((254, 256, 1000, -1))
        return str(abs(value)) if isinstance(old, str) else value

    def bad_type(p: Planting, old: Any) -> Any:
        return (
            p.world.rng.choice(([], {}, True, [1]))
            if isinstance(old, str)
            else p.world.rng.choice(("x", [1], {}, True))
        )

    plant(f"{short}.field_missing")(drop)
    plant(f"{short}.field_unknown_key")(misspell)
    plant(f"{short}.field_type")(set_to(required, bad_type))
    plant(f"{short}.field_enum")(set_to(enum, bad_enum))
    plant(f"{short}.field_length")(too_long)
    if number:
        decimals = 7 if kind is Kind.STATION_INFO else 3
        plant(f"{short}.field_decimals")(
            set_to(
                number,
                lambda p, old: (
                    Decimal(int(old)) + Decimal(p.world.rng.randrange(1, 9)).scaleb(-decimals - min(5, int(p.size)))
                ),
            )
        )
        plant(f"{short}.field_range")(set_to(number, lambda p, old: 10**12 * max(1, int(p.size))))


for _kind, _row in _FIELDS.items():
    _plant_fields(_kind, *_row)

KINDS = len({plant.check for plant in PLANTS})


def possible(world: World, item: Plant) -> bool:
    """Whether the profile has what the defect needs."""
    if item.needs is None:
        return True
    kind, name = item.needs
    return name in world.profile.messages[message_name(world, Kind(kind))]
