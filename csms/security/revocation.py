"""Certificates of stations that count no more: one list, which is also the revocation list (CRL) of the built-in
authority. The server looks them up by number, so that a revoked certificate of any authority is refused by name, with
an event, and a list that nobody renewed locks nobody out.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from csms.security.files import write_whole

VALID = timedelta(days=30)
REASONS: Mapping[str, x509.ReasonFlags] = {
    "unspecified": x509.ReasonFlags.unspecified,
    "key_compromise": x509.ReasonFlags.key_compromise,
    "superseded": x509.ReasonFlags.superseded,
    "cessation": x509.ReasonFlags.cessation_of_operation,
    "privilege_withdrawn": x509.ReasonFlags.privilege_withdrawn,
}
"""RFC 5280, section 5.3.1, as far as it makes sense for stations."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """One certificate that counts no more."""

    number: int
    at: datetime
    reason: str


class RevocationList:
    """The list in a file; read again when the file was changed by somebody else."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._entries: dict[int, Revoked] = {}
        self._number = 0

    def holds(self, number: int) -> bool:
        """Whether the certificate with this number is revoked. Raises OSError, ValueError for an unreadable list."""
        return number in self._read()

    def entries(self) -> list[Revoked]:
        """All of them, oldest first. Raises OSError, ValueError."""
        return sorted(self._read().values(), key=lambda one: one.at)

    def revoke(
        self, number: int, reason: str, now: datetime, key: ec.EllipticCurvePrivateKey, root: x509.Certificate
    ) -> None:
        """Put one on the list, once; not for the event loop. Raises OSError, ValueError."""
        with self._lock:
            entries = dict(self._load())
            entries.setdefault(number, Revoked(number, now, reason if reason in REASONS else "unspecified"))
            self._write(entries, now, key, root)

    def renew(self, now: datetime, key: ec.EllipticCurvePrivateKey, root: x509.Certificate) -> str:
        """The list with a new date, PEM; not for the event loop. Raises OSError, ValueError."""
        with self._lock:
            self._write(dict(self._load()), now, key, root)
        return self.file.read_text("ascii")

    def _read(self) -> dict[int, Revoked]:
        with self._lock:
            return self._load()

    def _load(self) -> dict[int, Revoked]:
        try:
            found = self.file.stat()
        except FileNotFoundError:
            return self._entries if self._stamp is None else self._forget()
        stamp = (found.st_mtime_ns, found.st_size)
        if stamp != self._stamp:
            told = x509.load_pem_x509_crl(self.file.read_bytes())
            self._entries = {one.number: one for one in map(_entry, told)}
            self._number = _number(told)
            self._stamp = stamp
        return self._entries

    def _forget(self) -> dict[int, Revoked]:
        """A list that was there and is gone must not set anybody free."""
        raise FileNotFoundError(f"{self.file} is gone")

    def _write(
        self, entries: Mapping[int, Revoked], now: datetime, key: ec.EllipticCurvePrivateKey, root: x509.Certificate
    ) -> None:
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(root.subject)
            .last_update(now)
            .next_update(now + VALID)
            .add_extension(x509.CRLNumber(self._number + 1), critical=False)
            .add_extension(issuer_key, critical=False)
        )
        for one in entries.values():
            builder = builder.add_revoked_certificate(_written(one))
        signed = builder.sign(key, hashes.SHA256())
        write_whole(self.file, signed.public_bytes(serialization.Encoding.PEM), 0o644)
        self._stamp = None
        self._load()


def _written(one: Revoked) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(one.number).revocation_date(one.at)
    if one.reason != "unspecified":  # RFC 5280: then the extension is left out
        builder = builder.add_extension(x509.CRLReason(REASONS[one.reason]), critical=False)
    return builder.build()


def _entry(told: x509.RevokedCertificate) -> Revoked:
    try:
        flag = told.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        flag = x509.ReasonFlags.unspecified
    reason = next((name for name, known in REASONS.items() if known is flag), "unspecified")
    return Revoked(told.serial_number, told.revocation_date_utc, reason)


def _number(told: x509.CertificateRevocationList) -> int:
    try:
        return told.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return 0
