"""Id tokens beyond yes and no (OCPP 2.0.1 block C, 1.6 sections 5.4 and 4.1): contract certificates, the cache."""

from __future__ import annotations

from enum import StrEnum

from csms.model.command import Command

NO_AUTHORIZATION = "NoAuthorization"
"""The type of what a start button sends (C02)."""

CENTRAL = "Central"
"""The type of what a central system makes up."""

MADE_UP = "csms-"
"""Begins the tokens that are made up for remote starts."""

TOKEN_TYPES = (
    CENTRAL,
    "eMAID",
    "ISO14443",
    "ISO15693",
    "KeyCode",
    "Local",
    "MacAddress",
    NO_AUTHORIZATION,
)
"""IdTokenEnumType of 2.0.1."""


class ContractStatus(StrEnum):
    """What is known of a contract certificate (AuthorizeCertificateStatusEnumType)."""

    ACCEPTED = "Accepted"
    SIGNATURE_ERROR = "SignatureError"
    CERTIFICATE_EXPIRED = "CertificateExpired"
    CERTIFICATE_REVOKED = "CertificateRevoked"
    NO_CERTIFICATE_AVAILABLE = "NoCertificateAvailable"
    CERT_CHAIN_ERROR = "CertChainError"
    CONTRACT_CANCELLED = "ContractCancelled"


class ClearCache(Command, frozen=True):
    """Forget all tokens that the station remembers (C11)."""
