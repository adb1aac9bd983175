"""Defects of real-time power to plant; each into messages of its own, never into neighbours of a gap."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from csms.province.profile import Kind
from tests.quality.plant import Expected, Planting, plant
from tests.quality.world import DAY, END, Event, s

POWER = ("power", "SupStationPowerInfos")
Row = dict[str, Any]
KW_MIN = 25
"""From here on a tolerance of 2 % is several steps of the last digit."""


def station_of(event: Event) -> Row:
    row: Row = event.values["SupStationPowerInfos"][0]
    return row


def piles_of(station: Row) -> list[Row]:
    rows: list[Row] = station["EquipmentPowerInfos"]
    return rows


def free(p: Planting) -> list[Event]:
    """Messages of the day that nothing was planted into, in the order of time."""
    inside = [e for e in p.world.powers if DAY + s(3600) < e.at < END - s(2 * 3600)]
    return [event for event in inside if id(event) not in p.used_powers]


def by_station(p: Planting) -> list[list[Event]]:
    """The messages of each station, in the order of time."""
    rows: dict[str, list[Event]] = {}
    for event in p.world.powers:
        rows.setdefault(station_of(event)["StationID"], []).append(event)
    return list(rows.values())


def pick(p: Planting, right: Callable[[Row], bool] = lambda station: True) -> Event:
    found = [event for event in free(p) if right(station_of(event))]
    if not found:
        raise LookupError("no message is left")
    event = p.world.rng.choice(found)
    p.used_powers.add(id(event))
    return event


def strong(rows: list[Row], name: str) -> list[Row]:
    return [row for row in rows if row[name] >= KW_MIN]


@plant("power.station_sum", sized=True, needs=POWER)
def station_sum(p: Planting) -> Expected:
    station = station_of(pick(p, lambda row: bool(strong([row], "StationRealTimePower"))))
    station["StationRealTimePower"] += p.over(station["StationRealTimePower"] * Decimal("0.02"), "0.1")
    return [station["StationID"]]


@plant("power.pile_sum", sized=True, needs=POWER)
def pile_sum(p: Planting) -> Expected:
    station = station_of(pick(p, lambda row: bool(strong(piles_of(row), "EquipRealTimePower"))))
    pile = p.world.rng.choice(strong(piles_of(station), "EquipRealTimePower"))
    pile["EquipRealTimePower"] += p.over(pile["EquipRealTimePower"] * Decimal("0.02"), "0.1")
    return [pile["EquipmentID"]]


@plant("power.over_rated", sized=True, needs=POWER)
def over_rated(p: Planting) -> Expected:
    station = station_of(pick(p))
    pile = p.world.rng.choice(piles_of(station))
    plug = p.world.rng.choice(pile["ConnectorPowerInfos"])
    rated = next(one.power_kw for one in p.world.plugs if one.id == plug["ConnectorID"])
    if rated < KW_MIN:
        raise LookupError("five per cent of it are less than a step")
    more = rated + p.over(rated * Decimal("0.05"), "0.1") - plug["ConnectorRealTimePower"]
    for row, name in (
        (plug, "ConnectorRealTimePower"),
        (pile, "EquipRealTimePower"),
        (station, "StationRealTimePower"),
    ):
        row[name] += more
    return [plug["ConnectorID"]]


@plant("power.unknown_connector", needs=POWER)
def unknown_connector(p: Planting) -> Expected:
    plug = p.world.rng.choice(piles_of(station_of(pick(p)))[0]["ConnectorPowerInfos"])
    plug["ConnectorID"] = plug["ConnectorID"][:-3] + p.world.rng.choice(("999", "998", "000"))
    return [plug["ConnectorID"]]


def _moment(station: Row, at: Any) -> None:
    station["DataTime"] = at
    for pile in piles_of(station):
        pile["DataTime"] = at
        for plug in pile["ConnectorPowerInfos"]:
            plug["DataTime"] = at


@plant("power.future", sized=True, needs=POWER)
def future(p: Planting) -> Expected:
    event = pick(p)
    ahead = Decimal(str(p.world.rules.clock_slack_s)) * Decimal(str(p.size))
    _moment(station_of(event), event.at + s(float(ahead) + (1 if p.size > 1 else 0)))
    return [station_of(event)["StationID"]]


@plant("power.late", sized=True, needs=POWER)
def late(p: Planting) -> Expected:
    event = pick(p)
    station = station_of(event)
    event.at = station["DataTime"] + s(float(p.world.rules.status_limit_s) * p.size)
    return [station["StationID"]]


@plant("power.gap", sized=True, needs=POWER)
def gap(p: Planting) -> Expected:
    """Two messages that are missing are three periods of silence; one is two."""
    count = int(2 * p.size) if p.size > 1 else 1
    left = {id(event) for event in free(p)}
    rows = [row for row in by_station(p) if len(row) > count + 2]
    p.world.rng.shuffle(rows)
    for row in rows:
        starts = [n for n in range(1, len(row) - count) if all(id(e) in left for e in row[n - 1 : n + count + 1])]
        if starts:
            first = p.world.rng.choice(starts)
            lost = row[first : first + count]
            p.used_powers |= {id(event) for event in row[first - 1 : first + count + 1]}
            p.world.events = [event for event in p.world.events if event not in lost]
            return [station_of(lost[0])["StationID"]]
    raise LookupError("no run of messages is left")


def wrong_power(p: Planting, change: Callable[[Row], None]) -> Expected:
    """A message that is refused, and the right one that follows."""
    right = pick(p)
    wrong = p.world.add(right.at - s(0.01), Kind.POWER, {"SupStationPowerInfos": [dict(station_of(right))]})
    wrong.after.append(lambda body: change(body["SupStationPowerInfos"][0]))
    return [station_of(right)["StationID"]]
