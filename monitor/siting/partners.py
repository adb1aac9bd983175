"""Places of partners' stations from the station information that a platform received: the newest of each, in WGS-84."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from csms.model.clock import Clock
from csms.province.mapping import from_gcj02
from csms.province.profile import Kind
from monitor.intake.settings import PlatformSettings
from monitor.quality.observed import Station, read_all
from monitor.quality.service import observation_of
from monitor.siting.warehouse import Place
from monitor.store.intake import open_intake


async def read_partners(folder: Path, settings: PlatformSettings, clock: Clock) -> list[Place]:
    """Stations with coordinates of all operators; raises OSError where there is no such data."""
    store = await open_intake(folder)
    try:
        found: list[Place] = []
        for name, operator in settings.operators.items():
            rows = await store.evidence.last_before(name, Kind.STATION_INFO, clock.now())
            stations = read_all(operator.profile, [observation_of(row) for row in rows]).stations
            found += places_of(name, stations)
        return found
    finally:
        await store.close()


def places_of(operator: str, stations: Sequence[Station]) -> list[Place]:
    """Places of stations as told last; coordinates of the interchange are GCJ-02."""
    newest = {station.id: station for station in stations}
    found = []
    for station in newest.values():
        if station.longitude is None or station.latitude is None:
            continue
        longitude, latitude = from_gcj02(float(station.longitude), float(station.latitude))
        plugs = [plug for pile in station.piles for plug in pile.plugs]
        powers = [float(plug.power_kw) for plug in plugs if plug.power_kw is not None and plug.power_kw > 0]
        power_kw = sum(powers) / len(powers) if powers else 0.0
        found.append(
            Place(station.id, longitude, latitude, len(station.piles), len(plugs), power_kw, frozenset({station.id}),
                  frozenset(plug.id for plug in plugs), operator)
        )  # fmt: skip
    return found
