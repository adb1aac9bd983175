"""What the station room asks of higher rooms: a link to send on. The gateway fills it."""

from __future__ import annotations

from typing import Protocol as Interface

from csms.model.command import Command, CommandResult
from csms.model.station import Protocol


class Link(Interface):
    """One live connection to a station."""

    @property
    def protocol(self) -> Protocol:
        """The negotiated OCPP version."""
        ...

    async def send(self, command: Command) -> CommandResult:
        """Ask the station; commands of one link go out one at a time, in order.

        Raises CallTimeout, CallRefused, ConnectionLost, NotInThisVersion; PeerError for an answer that makes no sense.
        """
        ...

    async def close(self, code: int, reason: str) -> None:
        """End the connection (a newer one replaced it, or the server stops)."""
        ...
