"""Certificates in stations and for cars (2.0.1 block M; 1.6 security extension M03 to M05)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from csms.model.command import Command, CommandResult
from csms.model.hashes import CertificateHash, HashAlgorithm
from csms.model.inbound import Inbound, Reply

Hash = Annotated[str, Meta(min_length=1, max_length=128)]


class RootUse(StrEnum):
    """What an installed root is trusted for (1.6 knows the first two)."""

    CENTRAL_SYSTEM = "CSMSRootCertificate"
    MANUFACTURER = "ManufacturerRootCertificate"
    V2G = "V2GRootCertificate"
    MOBILITY_OPERATOR = "MORootCertificate"


class CertificateUse(StrEnum):
    """What a station tells of an installed certificate."""

    CENTRAL_SYSTEM = "CSMSRootCertificate"
    MANUFACTURER = "ManufacturerRootCertificate"
    V2G = "V2GRootCertificate"
    MOBILITY_OPERATOR = "MORootCertificate"
    V2G_CHAIN = "V2GCertificateChain"


class CertificateStatusQuery(Inbound, frozen=True):
    """Is this certificate revoked? (M06) The station names the responder."""

    certificate: CertificateHash
    responder_url: str


class CertificateStatusReply(Reply, frozen=True):
    """The OCSP response (Base64 of its DER form), None when there is none to be had (M06.FR.04)."""

    response: str | None = None


class ContractRequest(Inbound, frozen=True):
    """A car's request for its contract certificate, to be passed on as it is (M01, M02). `action`: Install, Update."""

    action: str
    schema_version: str
    exi: str


class ContractReply(Reply, frozen=True):
    """The provider's answer for the car; `accepted` False: there was none, or it was a refusal."""

    accepted: bool
    exi: str = ""


class InstallCertificate(Command, frozen=True):
    """Install a root certificate (M05)."""

    use: RootUse
    certificate: Annotated[str, Meta(min_length=1, max_length=5500)]


class GetInstalledCertificates(Command, frozen=True):
    """Ask which certificates are installed (M03); without `uses` all of them."""

    uses: tuple[CertificateUse, ...] = ()


class DeleteCertificate(Command, frozen=True):
    """Delete an installed certificate, named as the station names it (M04, M04.FR.07)."""

    algorithm: HashAlgorithm
    issuer_name_hash: Hash
    issuer_key_hash: Hash
    serial_number: Annotated[str, Meta(min_length=1, max_length=40)]


@dataclass(frozen=True, slots=True)
class CertificatesFound(CommandResult):
    """What is installed, each with its use; the sub CAs of a chain have the use of their chain."""

    certificates: tuple[tuple[CertificateUse, CertificateHash], ...] = ()
