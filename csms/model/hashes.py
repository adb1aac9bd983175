"""Certificates by name: hashes of the issuer's name and key, and a number (CertificateHashDataType)."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class HashAlgorithm(StrEnum):
    """How a certificate is named."""

    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


class CertificateHash(Struct, frozen=True):
    """The name of a certificate: hashes of its issuer's name and key, and its number, as a station writes it."""

    algorithm: HashAlgorithm
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str


class ContractLink(Struct, frozen=True):
    """A certificate in the chain of a contract, and who can be asked whether it is revoked."""

    certificate: CertificateHash
    responder_url: str
