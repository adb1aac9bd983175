"""Which connection speaks for which station: the newest one."""

from __future__ import annotations

from csms.gateway.connection import Connection

REPLACED = 1000


class Registry:
    """Connections by station id."""

    def __init__(self) -> None:
        self._connections: dict[str, Connection] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def get(self, station_id: str) -> Connection | None:
        """The connection of a station, if it has one."""
        return self._connections.get(station_id)

    def all(self) -> list[Connection]:
        """Every live connection."""
        return list(self._connections.values())

    def put(self, connection: Connection) -> None:
        """`connection` is the one now; an older one is closed without waiting for its peer (it may be dead, pain 1)."""
        old = self._connections.get(connection.station_id)
        self._connections[connection.station_id] = connection
        if old is not None:
            old.shut(REPLACED, "replaced by a newer connection")

    def drop(self, connection: Connection) -> None:
        """The connection is gone; a newer one of the same station stays (pain 2)."""
        if self._connections.get(connection.station_id) is connection:
            del self._connections[connection.station_id]
