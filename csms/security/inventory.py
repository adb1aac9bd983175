"""Which certificates and keys this server itself lives by, until when they are good, and who may read the keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives import hashes

from csms.security.facts import CertificateUnreadable, read_chain
from csms.security.files import is_private


class Role(StrEnum):
    """What a certificate is for. AUTHORITY: it signs. TRUSTED: an authority of others. SERVER, API: what we show."""

    AUTHORITY = "authority"
    TRUSTED = "trusted"
    SERVER = "server"
    API = "api"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a certificate lies; `key`: its key, if we have it."""

    role: Role
    name: str
    file: Path
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """One certificate. `key_private`: whether nobody else can read its key; None where there is none here.

    `fault`: why it cannot be read; then the rest is empty.
    """

    role: Role
    name: str
    file: str
    subject: str = ""
    issuer: str = ""
    serial_number: str = ""
    fingerprint: str = ""
    begins_at: datetime | None = None
    expires_at: datetime | None = None
    key_private: bool | None = None
    fault: str = ""


def own_sources(folder: Path) -> list[Source]:
    """What the built-in authority keeps in its folder."""
    roots = [
        Source(Role.AUTHORITY, name, folder / f"{name}-ca.pem", folder / f"{name}-ca.key")
        for name in ("server", "station", "v2g")
    ]
    pairs = [
        Source(Role.SERVER, kind, folder / f"server-{kind}.pem", folder / f"server-{kind}.key")
        for kind in ("rsa", "ecdsa")
    ]
    return [source for source in (*roots, *pairs) if source.file.exists()]


def read(sources: Iterable[Source]) -> list[Kept]:
    """All of them; one that cannot be read says why. Not for the event loop."""
    return [_read(source) for source in sources]


def _read(source: Source) -> Kept:
    try:
        leaf = read_chain(source.file.read_text("utf-8", "replace"))[0]
        private = is_private(source.key) if source.key is not None and source.key.exists() else None
    except (OSError, CertificateUnreadable) as fault:
        return Kept(source.role, source.name, str(source.file), fault=str(fault))
    return Kept(
        source.role,
        source.name,
        str(source.file),
        leaf.subject.rfc4514_string(),
        leaf.issuer.rfc4514_string(),
        f"{leaf.serial_number:x}",
        leaf.fingerprint(hashes.SHA256()).hex(),
        leaf.not_valid_before_utc,
        leaf.not_valid_after_utc,
        private,
    )


def fingerprints(files: Sequence[Path]) -> frozenset[str]:
    """Of all certificates in these files; what cannot be read is none. Not for the event loop."""
    found: set[str] = set()
    for file in files:
        try:
            found |= {one.fingerprint(hashes.SHA256()).hex() for one in read_chain(file.read_text("utf-8", "replace"))}
        except (OSError, CertificateUnreadable):
            continue
    return frozenset(found)
