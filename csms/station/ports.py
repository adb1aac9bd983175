"""What the station room asks of others: a link to send on, which the gateway fills; a judge of contracts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol as Interface

from csms.model.authorization import CertificateHash, ContractStatus
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


class ContractCheck(Interface):
    """Judges contract certificates by asking their issuers (OCSP), or by what these said lately (C07.FR.05)."""

    async def check(self, certificate: str, hashes: Sequence[CertificateHash]) -> ContractStatus:
        """What is known of a chain in PEM, or of the certificates with these hashes; one of the two may be missing.

        Whatever it raises means that the chain cannot be verified (C07.FR.17).
        """
        ...
