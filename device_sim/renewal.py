"""A station renews its certificate: a new key, a signing request, the signed certificate into its files (A02, A03).

The key never leaves the station; the old pair stays beside the new one (`.old`), as a fallback.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


def common_name(certificate: str) -> str:
    """The serial number that a certificate (a PEM file) is made out to; empty without one. Raises OSError."""
    if not certificate:
        return ""
    names = x509.load_pem_x509_certificate(Path(certificate).read_bytes()).subject
    return next((str(one.value) for one in names.get_attributes_for_oid(NameOID.COMMON_NAME)), "")


class Renewal:
    """Of one station, over the files of its certificate and its key."""

    def __init__(self, certificate: str, key: str) -> None:
        self._certificate, self._key_file = Path(certificate), Path(key)
        self._key: ec.EllipticCurvePrivateKey | None = None
        self.can = bool(certificate and key)

    def request(self) -> str:
        """A signing request (PEM) for a new key, with the names of the certificate that it has. Raises OSError."""
        held = x509.load_pem_x509_certificate(self._certificate.read_bytes())
        self._key = ec.generate_private_key(ec.SECP256R1())
        builder = x509.CertificateSigningRequestBuilder().subject_name(held.subject)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def take(self, chain: str, now: datetime) -> bool:
        """Whether the chain is for the key that was asked for, and valid; then it is in the files (A02.FR.06)."""
        try:
            leaf = x509.load_pem_x509_certificate(chain.encode())
        except ValueError:
            return False
        key, self._key = self._key, None
        if key is None or leaf.public_key() != key.public_key():
            return False
        if not leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc:
            return False
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for file, content in ((self._key_file, secret), (self._certificate, chain.encode())):
            _replace(file, content)
        return True


def _replace(file: Path, content: bytes) -> None:
    """The new file in place of the old one, which is kept; readable by its owner alone."""
    draft = file.with_name(file.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
        written.write(content)
    old = file.with_name(file.name + ".old")
    old.unlink(missing_ok=True)
    os.link(file, old)
    draft.replace(file)
