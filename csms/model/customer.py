"""What a station keeps of a customer, to be told or forgotten (OCPP 2.0.1 block N, use cases N09 and N10)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from csms.model.authorization import CertificateHash
from csms.model.command import Command, Token, Whole
from csms.model.inbound import Inbound


class CustomerInformation(Command, frozen=True):
    """Ask what a station keeps of a customer (`report`), and have it removed (`clear`).

    The customer is named by exactly one of token, certificate and identifier (N09.FR.04). What is told comes later and
    belongs to the operation. A customer that is removed is taken off the local list too (N10.FR.02).
    """

    report: bool = True
    clear: bool = False
    id_token: Token | None = None
    token_type: str = "ISO14443"
    certificate: CertificateHash | None = None
    identifier: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    request_id: Whole = 0

    def __post_init__(self) -> None:
        """Raises ValueError unless exactly one thing names the customer and something is asked for."""
        if sum(given is not None for given in (self.id_token, self.certificate, self.identifier)) != 1:
            raise ValueError("exactly one of id_token, certificate and identifier names the customer")
        if not (self.report or self.clear):
            raise ValueError("report, clear or both")


class CustomerReport(Inbound, frozen=True):
    """One part of what a station keeps; `more` parts follow."""

    request_id: int | None
    seq_no: int
    more: bool
    text: str = ""
