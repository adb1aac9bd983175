"""TLS for the stations' port (OCPP security profiles 2 and 3)."""

from __future__ import annotations

import ssl
from pathlib import Path

from csms.model.errors import CsmsError

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:AES128-GCM-SHA256:AES256-GCM-SHA384"
"""Forward secrecy first; the two RSA suites are those that A00.FR.318 demands of a CSMS for old stations."""


class CertificateUnusable(CsmsError):
    """The server's certificate or key cannot be used."""

    code = "certificate_unusable"


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 and newer (A00.FR.313), with this certificate chain. Raises CertificateUnusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as fault:
        raise CertificateUnusable(f"certificate {certificate} with key {key} cannot be used: {fault}") from fault
    return context
