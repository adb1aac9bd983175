"""Defects of orders to plant, each for one named check (see plant.py)."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_UP, Decimal

from csms.province.profile import Kind
from tests.quality.plant import Expected, Planting, alone, followed_by_room, goes_away, plant
from tests.quality.world import END, Plug, Session, s

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
    session = p.pick(lambda x: x.plug.dc and x.hours > 0.4 and followed_by_room(p.world, x, 400))
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
    session = p.pick(lambda x: x.hours > 0.3 and bool(x.snaps) and not goes_away(p.world, x))
    p.world.events.remove(session.order)
    return [session.plug.id]


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
    session = p.pick(lambda x: x.plug.dc and x.hours > 0.4 and followed_by_room(p.world, x, 120))
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
    session = p.pick(lambda x: x.hours > 0.9 and not goes_away(p.world, x) and alone(p.world, x, 1200))
    p.world.events.remove(session.charging)
    return [session.number]
