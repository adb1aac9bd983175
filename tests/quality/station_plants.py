"""Defects of stations as told to plant, each for one named check (see plant.py)."""

from __future__ import annotations

from decimal import Decimal

from csms.province.profile import Kind
from tests.quality.plant import Expected, Planting, plant
from tests.quality.world import DAY, Event, s

# Stations


def a_station(p: Planting) -> Event:
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
    station = a_station(p).values
    station["StationLng"], station["StationLat"] = p.world.rng.choice(
        ((Decimal("0"), Decimal("0")), (Decimal("35.4"), Decimal("119.5")), (Decimal("123.1"), Decimal("35.4")))
    )
    return [station["StationID"]]


@plant("station.area_code")
def area_code(p: Planting) -> Expected:
    station = a_station(p).values
    station["AreaCode"] = "330106"
    return [station["StationID"]]


@plant("station.equipment_twice")
def equipment_twice(p: Planting) -> Expected:
    station = a_station(p).values
    pile = station["EquipmentInfos"][0]
    station["EquipmentInfos"].append(dict(pile))
    return [pile["EquipmentID"]]


@plant("station.connector_twice")
def connector_twice(p: Planting) -> Expected:
    station = a_station(p).values
    first, second = station["EquipmentInfos"][:2]
    twin = {**second["ConnectorInfos"][0], "ConnectorID": first["ConnectorInfos"][0]["ConnectorID"]}
    second["ConnectorInfos"].append({**twin, "Power": second["Power"]})
    return [twin["ConnectorID"]] * 2


@plant("station.connector_power", sized=True)
def connector_power(p: Planting) -> Expected:
    pile = a_station(p).values["EquipmentInfos"][0]
    plug = pile["ConnectorInfos"][0]
    plug["Power"] = pile["Power"] + (p.over("0.1", "0.1") if p.size > 1 else 0)
    return [plug["ConnectorID"]]


@plant("station.voltage_limits")
def voltage_limits(p: Planting) -> Expected:
    plug = a_station(p).values["EquipmentInfos"][0]["ConnectorInfos"][0]
    plug["VoltageLowerLimits"], plug["VoltageUpperLimits"] = 750, 200
    return [plug["ConnectorID"]]


@plant("station.no_connector")
def no_connector(p: Planting) -> Expected:
    station = a_station(p).values
    extra = {**station["EquipmentInfos"][0], "EquipmentID": station["EquipmentInfos"][0]["EquipmentID"][:-2] + "88"}
    station["EquipmentInfos"].append({**extra, "ConnectorInfos": []})
    return [extra["EquipmentID"]]


@plant("station.type_mismatch")
def type_mismatch(p: Planting) -> Expected:
    pile = a_station(p).values["EquipmentInfos"][0]
    pile["ConnectorInfos"][0]["ConnectorType"] = 2
    return [pile["ConnectorInfos"][0]["ConnectorID"]]


@plant("station.moved", sized=True)
def moved(p: Planting) -> Expected:
    station = a_station(p).values
    station["StationLat"] += min(Decimal("1"), p.over("0.01", "0.000001"))
    back = [station["StationID"]] if p.size > 1 else []
    return [*back, station["StationID"]]
