"""The register of an operator: its stations as last told, and the checks of what is told of a station. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.quality.observed import Pile, Plug, Station
from monitor.quality.rules import COUNTRY, Rules, inside
from monitor.quality.tally import Tally

DC, AC = 1, 2
DC_PLUG = 4
AC_PLUGS = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Register:
    """Connectors by id and stations by id, at one moment."""

    plugs: dict[str, Plug]
    stations: dict[str, Station]

    def rated_kw(self, connector_id: str) -> Decimal | None:
        """Rated power of a connector, where it is known and not zero."""
        plug = self.plugs.get(connector_id)
        return plug.power_kw if plug is not None and plug.power_kw else None


def register_of(stations: Iterable[Station]) -> Register:
    """What holds after these were told; of each station the newest counts."""
    newest = {station.id: station for station in sorted(stations, key=lambda s: s.received_at)}
    plugs = {plug.id: plug for station in newest.values() for pile in station.piles for plug in pile.plugs}
    return Register(plugs, newest)


def check_station(station: Station, before: Register, rules: Rules, tally: Tally) -> None:
    """Everything that can be said of a station; `before`: the register when it came."""
    _check_place(station, before, rules, tally)
    _check_ids(station, before, tally)
    for pile in station.piles:
        _check_pile(pile, station.received_at, tally)


def _check_place(station: Station, before: Register, rules: Rules, tally: Tally) -> None:
    lng, lat = station.longitude, station.latitude
    if lng is not None and lat is not None:
        right = inside(rules.area or COUNTRY, lng, lat)
        tally.expect("station.outside_area", right, station.id, station.received_at, f"{lng}, {lat}")
        old = before.stations.get(station.id)
        if right and old and _has_place(old, rules):
            assert old.longitude is not None
            assert old.latitude is not None
            moved = max(abs(lng - old.longitude), abs(lat - old.latitude))
            tally.expect("station.moved", moved <= rules.moved_degrees, station.id, station.received_at, f"{moved} °")
    if rules.area_codes:
        right = station.area_code.startswith(rules.area_codes)
        tally.expect("station.area_code", right, station.id, station.received_at, station.area_code)


def _has_place(station: Station, rules: Rules) -> bool:
    lng, lat = station.longitude, station.latitude
    return lng is not None and lat is not None and inside(rules.area or COUNTRY, lng, lat)


def _check_ids(station: Station, before: Register, tally: Tally) -> None:
    others = [other for other in before.stations.values() if other.id != station.id]
    piles = Counter(pile.id for one in (station, *others) for pile in one.piles)
    plugs = Counter(plug.id for one in (station, *others) for pile in one.piles for plug in pile.plugs)
    at = station.received_at
    for pile in {pile.id: pile for pile in station.piles}.values():
        single = tally.expect("station.equipment_twice", piles[pile.id] == 1, pile.id, at)
        for plug in pile.plugs if single else ():
            tally.expect("station.connector_twice", plugs[plug.id] == 1, plug.id, at)


def _check_pile(pile: Pile, at: datetime, tally: Tally) -> None:
    tally.expect("station.no_connector", bool(pile.plugs), pile.id, at)
    for plug in pile.plugs:
        if plug.power_kw is not None and pile.power_kw is not None:
            right = plug.power_kw <= pile.power_kw
            tally.expect("station.connector_power", right, plug.id, at, f"{plug.power_kw} > {pile.power_kw}")
        if plug.voltage_min is not None and plug.voltage_max is not None:
            right = 0 <= plug.voltage_min <= plug.voltage_max
            tally.expect("station.voltage_limits", right, plug.id, at, f"{plug.voltage_min} to {plug.voltage_max}")
        if pile.type in (DC, AC):
            wrong = AC_PLUGS if pile.type == DC else (DC_PLUG,)
            tally.expect("station.type_mismatch", plug.type not in wrong, plug.id, at, f"{pile.type}, {plug.type}")
