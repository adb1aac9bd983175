"""Defects of states and snapshots to plant, each for one named check (see plant.py)."""

from __future__ import annotations

from decimal import Decimal

from csms.province.profile import Kind
from tests.quality.plant import Expected, Planting, alone, followed_by_room, goes_away, plant
from tests.quality.world import END, Event, Session, s

# States


@plant("status.phantom_charging")
def phantom(p: Planting) -> Expected:
    session = p.pick(lambda x: alone(p.world, x, 300) and not goes_away(p.world, x))
    p.world.events.remove(session.order)
    for snap in session.snaps:
        p.world.events.remove(snap)
    return [session.plug.id]


@plant("status.late", sized=True)
def status_late(p: Planting) -> Expected:
    session = p.pick(lambda x: x.hours > 0.5 and not goes_away(p.world, x))
    limit = p.world.profile.timeliness.status_limit_s
    lateness = min(limit * p.size, session.hours * 1800)
    session.charging.at = session.start + s(lateness)
    return [session.plug.id]


@plant("status.repeated", sized=True)
def status_repeated(p: Planting) -> Expected:
    session = p.pick(lambda x: x.hours > 0.5 and not goes_away(p.world, x))
    again = 60 / p.size if p.size > 1 else 61
    p.world.events.append(Event(session.charging.at + s(again), Kind.STATION_STATUS, dict(session.charging.values)))
    return [session.plug.id]


@plant("status.flapping", sized=True)
def flapping(p: Planting) -> Expected:
    session = p.pick(lambda x: x.hours > 0.3 and followed_by_room(p.world, x, 700))
    count = min(34, int(20 * p.size))
    for step in range(count):
        at = session.ended.at + s(4 + step * 590 / max(count, 30))
        p.world.status(at, session.plug.id, 4 if step % 2 else 255, 50)
    return [session.plug.id]


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
