"""What the station room asks of others: a link to send on, which the gateway fills, and authorities outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from typing import Protocol as Interface

from csms.model.authorization import ContractStatus
from csms.model.certificates import ContractRequest
from csms.model.command import Command, CommandResult
from csms.model.hashes import CertificateHash, ContractLink
from csms.model.security import SigningUse
from csms.model.station import Protocol
from csms.security.requests import SigningRequest


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

    def written(self, command: Command) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """The calls that a command becomes: action and payload. Raises NotInThisVersion, CommandInvalid."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """End the connection (a newer one replaced it, or the server stops)."""
        ...


class ContractCheck(Interface):
    """Judges contract certificates by asking their issuers (OCSP), or by what these said lately (C07.FR.05)."""

    async def check(self, certificate: str, chain: Sequence[ContractLink]) -> ContractStatus:
        """What is known of a chain in PEM, or of the certificates that are named; one of the two may be missing.

        Whatever it raises means that the chain cannot be verified (C07.FR.17).
        """
        ...


class CertificateAuthority(Interface):
    """Who signs certificates of stations (csms.security.authority.LocalAuthority)."""

    async def sign(self, request: SigningRequest, use: SigningUse) -> str:
        """The certificate with what lies between it and the root (PEM). Raises CsmsError, OSError, ValueError."""
        ...


class StatusSource(Interface):
    """Who knows whether a certificate is revoked (csms.security.ocsp.OcspClient)."""

    async def status(self, certificate: CertificateHash, responder_url: str) -> str:
        """The OCSP response, Base64 of DER. Raises CsmsError."""
        ...


class ContractProvider(Interface):
    """Who answers cars' requests for contract certificates (csms.security.contracts.ContractProvider)."""

    async def forward(self, request: ContractRequest) -> str:
        """The answer for the car, Base64 of EXI. Raises CsmsError."""
        ...
