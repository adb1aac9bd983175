"""Which version of OCPP to speak with a station, where it does not leave the choice to us as others do."""

from __future__ import annotations

from csms.model.station import Protocol
from csms.station.context import StationContext
from csms.station.wishes import firmware_of, firmware_of_id


def version(context: StationContext, station_id: str) -> Protocol | None:
    """The only version that is of use with it, or what it speaks without saying so; None: whatever is agreed on."""
    station = context.stations.get(station_id)
    known = firmware_of(station) if station is not None else firmware_of_id(station_id)
    if known is None:
        return None
    if known.ocpp.force_version:
        return Protocol(known.ocpp.force_version)
    return Protocol.OCPP16 if known.rpc.no_subprotocol else None
