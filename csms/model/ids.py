"""Identities: stations, EVSEs, connectors. One numbering for every OCPP version.

EVSE 0 is the station itself. OCPP 1.6 connector n is EVSE n, connector 1; OCPP 2.0.1 keeps its own numbers.
"""

from __future__ import annotations

from typing import NamedTuple

from csms.model.bounds import STATION_ID_LENGTH_MAX


class EvseRef(NamedTuple):
    """One EVSE of one station; `evse_id` 0 names the station as a whole."""

    station_id: str
    evse_id: int

    def __str__(self) -> str:
        return f"{self.station_id}/{self.evse_id}"


class ConnectorRef(NamedTuple):
    """One connector (枪) of one EVSE."""

    station_id: str
    evse_id: int
    connector_id: int


def is_station_id(text: str) -> bool:
    """Whether `text` can name a station: 1 to 48 printable characters without slash, backslash, white space or colon.

    A colon cannot stand in the user name of HTTP Basic (A00.FR.204).
    """
    return 0 < len(text) <= STATION_ID_LENGTH_MAX and text.isprintable() and not any(c in '/\\: "' for c in text)
