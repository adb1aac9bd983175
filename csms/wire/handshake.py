"""The opening handshake: who calls, by the last part of the URL, and in which version of OCPP."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from urllib.parse import unquote

from csms.model.ids import is_station_id
from csms.model.station import Protocol


def station_id_from_path(path: str, prefix: str = "/ocpp") -> str | None:
    """The station id in a request path such as `/ocpp/CP-1`; None when there is none that could name a station.

    The last segment counts, percent-decoded, one trailing slash is tolerated (RB-04); nothing outside `prefix` (RB-09).
    """
    below = f"{prefix.rstrip('/')}/"
    bare = path.partition("?")[0].partition("#")[0]
    if not bare.startswith(below):
        return None
    segment = bare[len(below) :].removesuffix("/").rpartition("/")[2]
    try:
        station_id = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        return None
    return station_id if is_station_id(station_id) and station_id not in (".", "..") else None


def choose_subprotocol(offered: Iterable[str], supported: Collection[Protocol]) -> Protocol | None:
    """The first offered subprotocol that we speak; None when nothing fits or nothing is offered (RB-06)."""
    spoken = {protocol.value: protocol for protocol in supported}
    return next((spoken[name] for name in offered if name in spoken), None)
