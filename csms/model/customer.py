"""What a station keeps of a customer, to be told or forgotten (OCPP 2.0.1 block N, use cases N09 and N10)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from csms.model.command import Command, Token, Whole
from csms.model.hashes import HashAlgorithm
from csms.model.inbound import Inbound

Hash = Annotated[str, Meta(min_length=1, max_length=128)]


class CustomerCertificate(Struct, frozen=True, forbid_unknown_fields=True):
    """A contract certificate, named as it was when it was installed (N09.FR.08)."""

    issuer_name_hash: Hash
    issuer_key_hash: Hash
    serial_number: Annotated[str, Meta(min_length=1, max_length=40)]
    algorithm: HashAlgorithm = HashAlgorithm.SHA256


class CustomerInformation(Command, frozen=True):
    """Ask what a station keeps of a customer (`report`), and have it removed (`clear`).

    The customer is named by exactly one of token, certificate and identifier (N09.FR.04). What is told comes later and
    belongs to the operation. A customer that is removed is taken off the local list too (N10.FR.02).
    """

    report: bool = True
    clear: bool = False
    id_token: Token | None = None
    token_type: str = "ISO14443"
    certificate: CustomerCertificate | None = None
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
