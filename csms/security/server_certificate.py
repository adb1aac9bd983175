"""Certificates of a server that was given none: an RSA and an ECDSA one, below a root of the house (A00.FR.318).

Stations have to be given the root, `server-ca.pem`, as the one of their central system.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from csms.model.clock import Clock
from csms.security.authority import LocalAuthority
from csms.security.files import write_whole
from csms.security.requests import RSA_BITS_MIN
from csms.security.tls import KeyPair

ROOT_FILE = "server-ca.pem"
RENEWED = timedelta(days=60)
"""So long before they end certificates are made anew."""

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def own_pairs(folder: Path, authority: LocalAuthority, clock: Clock, names: Sequence[str]) -> list[KeyPair]:
    """Made where they are missing, near their end, or for other names than `names` (host names, IP addresses).

    Takes a second when it has to make them: not for the event loop. Raises OSError, ValueError.
    """
    pairs = []
    for kind in ("rsa", "ecdsa"):
        pair = KeyPair(folder / f"server-{kind}.pem", folder / f"server-{kind}.key")
        if not _serves(pair, clock, names):
            _make(pair, authority, _key(kind), names)
        pairs.append(pair)
    return pairs


def _serves(pair: KeyPair, clock: Clock, names: Sequence[str]) -> bool:
    if not (pair.certificate.exists() and pair.key.exists()):
        return False
    made = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    told = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return list(told) == _alternatives(names) and made.not_valid_after_utc - RENEWED > clock.now()


def _key(kind: str) -> Key:
    return rsa.generate_private_key(65537, RSA_BITS_MIN) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())


def _make(pair: KeyPair, authority: LocalAuthority, key: Key, names: Sequence[str]) -> None:
    """The certificate comes last: without it the key is made anew."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    certificate = authority.server_certificate(key.public_key(), subject, _alternatives(names))
    pair.certificate.unlink(missing_ok=True)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_whole(pair.key, secret, 0o600)
    write_whole(pair.certificate, certificate.public_bytes(Encoding.PEM), 0o644)


def _alternatives(names: Sequence[str]) -> list[x509.GeneralName]:
    return [_alternative(name) for name in names]


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
