"""TLS for the stations' ports (OCPP security profiles 2 and 3)."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from csms.model.authentication import PeerCertificate
from csms.model.errors import CsmsError

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:AES128-GCM-SHA256:AES256-GCM-SHA384"
"""Forward secrecy first; the two RSA suites are those that A00.FR.318 demands of a CSMS for old stations."""

NO_CHECK_TIME = 0x20_0000
"""X509_V_FLAG_NO_CHECK_TIME, which the ssl module has no name for."""


class CertificateUnusable(CsmsError):
    """A certificate, a key, a root or a revocation list of the server cannot be used."""

    code = "certificate_unusable"


class KeyPair(NamedTuple):
    """PEM files: a certificate with what lies between it and its root, and its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class ClientTrust:
    """Whose certificates of stations are taken (profile 3): issued below `roots`, on none of the `revoked` lists.

    `check_time` False leaves it to whoever looks at `PeerCertificate` whether one has expired (A00.FR.429). `optional`:
    who has none gets in without, and proves itself otherwise.
    """

    roots: Sequence[Path]
    revoked: Sequence[Path] = ()
    check_time: bool = True
    optional: bool = False


class TlsFault(StrEnum):
    """Why a TLS handshake failed, as far as somebody would do something about it."""

    VERSION = "version"
    CIPHER_SUITE = "cipher_suite"
    CLIENT_CERTIFICATE = "client_certificate"
    NO_CLIENT_CERTIFICATE = "no_client_certificate"
    OUR_CERTIFICATE = "our_certificate"
    NO_TLS = "no_tls"
    OTHER = "other"


_FAULTS = {
    "UNSUPPORTED_PROTOCOL": TlsFault.VERSION,
    "VERSION_TOO_LOW": TlsFault.VERSION,
    "WRONG_SSL_VERSION": TlsFault.VERSION,
    "NO_SHARED_CIPHER": TlsFault.CIPHER_SUITE,
    "CERTIFICATE_VERIFY_FAILED": TlsFault.CLIENT_CERTIFICATE,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": TlsFault.NO_CLIENT_CERTIFICATE,
    "TLSV1_ALERT_UNKNOWN_CA": TlsFault.OUR_CERTIFICATE,
    "SSLV3_ALERT_BAD_CERTIFICATE": TlsFault.OUR_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": TlsFault.OUR_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": TlsFault.OUR_CERTIFICATE,
    "HTTP_REQUEST": TlsFault.NO_TLS,
    "WRONG_VERSION_NUMBER": TlsFault.NO_TLS,
}
"""By the names that OpenSSL gives to reasons; the alerts are what the station said of our certificate."""


def server_context(pairs: Sequence[KeyPair], clients: ClientTrust | None = None) -> ssl.SSLContext:
    """TLS 1.2 and newer (A00.FR.313), with an RSA and an ECDSA certificate, if both are given, for the four suites of
    A00.FR.318; with `clients` none gets in without a certificate. Raises CertificateUnusable.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers(CIPHERS)
    for pair in pairs:
        _load(context.load_cert_chain, pair.certificate, pair.key)
    if clients is not None:
        _demand_certificates(context, clients)
    return context


def _demand_certificates(context: ssl.SSLContext, clients: ClientTrust) -> None:
    """Nothing is resumed: whoever comes back shows its certificate again, which may have been revoked meanwhile."""
    context.verify_mode = ssl.CERT_OPTIONAL if clients.optional else ssl.CERT_REQUIRED
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    for file in (*clients.roots, *clients.revoked):
        _load(context.load_verify_locations, file)
    if clients.revoked:
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    if not clients.check_time:
        context.verify_flags |= NO_CHECK_TIME


def _load(load: Callable[..., None], *files: Path) -> None:
    try:
        load(*files)
    except (OSError, ssl.SSLError) as fault:
        names = " with key ".join(str(file) for file in files)
        raise CertificateUnusable(f"certificate {names} cannot be used: {fault}") from fault


def fault_of(fault: ssl.SSLError) -> tuple[TlsFault, str]:
    """What a TLS handshake failed for, and how OpenSSL says it."""
    words = getattr(fault, "verify_message", "") or fault.reason or ""
    return _FAULTS.get(fault.reason or "", TlsFault.OTHER), words[:100]


def shown_certificate(session: ssl.SSLObject | None) -> bytes:
    """The certificate that the other end showed, as it was sent; empty without one."""
    return (session.getpeercert(binary_form=True) if session is not None else None) or b""


def peer_certificate(session: ssl.SSLObject | None) -> PeerCertificate | None:
    """The certificate that the other end showed; None without one. A name that stands in it twice counts as none."""
    raw = shown_certificate(session)
    if session is None or not raw:
        return None
    leaf = x509.load_der_x509_certificate(raw)
    path = _verified_path(session) or [leaf]
    return PeerCertificate(
        common_name=_only(leaf, NameOID.COMMON_NAME),
        organization=_only(leaf, NameOID.ORGANIZATION_NAME),
        not_before=max(one.not_valid_before_utc for one in path),
        not_after=min(one.not_valid_after_utc for one in path),
        pem="".join(one.public_bytes(Encoding.PEM).decode() for one in path),
        number=leaf.serial_number,
    )


def _verified_path(session: Any) -> list[x509.Certificate]:
    """From the certificate to its root, as OpenSSL verified it (the ssl module shows it from Python 3.13 on)."""
    if hasattr(session, "get_verified_chain"):
        return [x509.load_der_x509_certificate(der) for der in session.get_verified_chain()]
    chain = session._sslobj.get_verified_chain() or ()
    return [x509.load_pem_x509_certificate(one.public_bytes().encode()) for one in chain]


def _only(certificate: x509.Certificate, kind: x509.ObjectIdentifier) -> str:
    found = certificate.subject.get_attributes_for_oid(kind)
    value = found[0].value if len(found) == 1 else ""
    return value if isinstance(value, str) else ""
