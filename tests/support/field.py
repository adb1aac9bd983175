"""What tests of misbehaving stations look at: the records and the live state of one station."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from csms.station.state import EvseState, StationState
from csms.store.samples import StoredSample
from csms.store.tables import Connector
from tests.support.scripted import Central

POWER, ENERGY = "Power.Active.Import", "Energy.Active.Import.Register"


def state(csms: Central, station: Any) -> StationState:
    """The station as it is now."""
    return csms.rooms.stations.stations[station.station_id]


def evse(csms: Central, station: Any, evse_id: int = 1) -> EvseState:
    """One of its EVSEs as it is now."""
    return state(csms, station).evses[evse_id]


async def samples(csms: Central, station: Any, **which: Any) -> Sequence[StoredSample]:
    """Its stored samples, oldest first."""
    return await csms.rooms.store.reader.samples(station_id=station.station_id, **which)


async def connectors(csms: Central, station: Any) -> dict[tuple[int, int], Connector]:
    """Its connectors as they were told last, by EVSE and connector."""
    rows = await csms.rooms.store.reader.connectors(station.station_id)
    return {(row.evse_id, row.connector_id): row for row in rows}


async def codes(csms: Central, station: Any) -> list[str]:
    """The codes of its notices, oldest first."""
    rows = await csms.rooms.store.reader.notices(station_id=station.station_id, limit=1000)
    return [row.code for row in reversed(rows)]
