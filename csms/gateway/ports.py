"""What the gateway asks of the room that knows the stations (csms.station.service.StationService)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from csms.model.authentication import Attempt, Decided
from csms.model.errors import CsmsError
from csms.model.inbound import Inbound, Reply
from csms.model.station import Protocol as Version
from csms.station.ports import Link

Note = Callable[[str, int, str, str | bytes, float], None]
"""Keeps one frame or event: station, kind (csms.trace.notes), action, text, Unix time in seconds. Never waits."""


def forget(station_id: str, kind: int, action: str, text: str | bytes, at_s: float) -> None:
    """A `Note` that keeps nothing."""


class StationPort(Protocol):
    """Takes messages of stations; knows who may connect."""

    def admit(self, attempt: Attempt, decided: Decided) -> None:
        """Whether a station is let in; `decided` is called at once, or later."""
        ...

    def remembers(self, attempt: Attempt) -> bool:
        """Whether it shows what was verified lately, so that letting it in costs nothing."""
        ...

    def alarm(self, kind: str, station_id: str = "", info: str = "", address: str = "") -> None:
        """Keep a security event; `station_id` may be of no station that is known."""
        ...

    def version(self, station_id: str) -> Version | None:
        """The version that has to be spoken with it (a station that offers none speaks it too); None: any."""
        ...

    async def connected(self, station_id: str, link: Link) -> None:
        """A connection is up."""
        ...

    async def disconnected(self, station_id: str, link: Link) -> None:
        """A connection is gone."""
        ...

    async def receive(self, station_id: str, message: Inbound, received_at: datetime) -> Reply:
        """Handle a message; durable when it returns. Raises PeerError, StoreUnavailable."""
        ...

    def take(
        self, station_id: str, message: Inbound, received_at: datetime, done: Callable[[Reply | CsmsError], None]
    ) -> bool:
        """Handle a frequent message without a task; `done` is called, perhaps at once, when it is durable. False:
        nothing was done, use `receive`."""
        ...

    def misheard(self, station_id: str) -> None:
        """A frame of it could not be read."""
        ...
