"""The certificate authority of a house that has no other: made on first use, keys readable by the server alone.

Stations' certificates, those for ISO 15118 and the server's own have an authority each, so that none can stand in for
another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from csms.model.clock import Clock
from csms.model.security import V2G_USES, SigningUse
from csms.security.files import is_private, write_whole
from csms.security.requests import SigningRequest
from csms.security.revocation import RevocationList

NAMES = ("server", "station", "v2g")
ROOT_DAYS = 3650
LEAF_DAYS = 365
EARLY = timedelta(hours=1)
"""Certificates are valid from a little earlier on: a station's clock may be behind (A02.FR.06, errata 2025-09)."""

_NO_SIGNING = {"key_cert_sign": False, "crl_sign": False}
_NO_USAGE = {
    "digital_signature": False,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "encipher_only": False,
    "decipher_only": False,
}


@dataclass(frozen=True, slots=True)
class _Root:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


class LocalAuthority:
    """Fits `csms.station.ports.CertificateAuthority`; `folder` holds a key and a root certificate of each kind."""

    def __init__(self, folder: Path, clock: Clock, organization: str) -> None:
        self._folder, self._clock, self._organization = folder, clock, organization or "csms"
        self._roots: dict[str, _Root] = {}
        self._making = asyncio.Lock()
        self.revocations = RevocationList(folder / "station-ca.crl.pem")

    async def sign(self, request: SigningRequest, use: SigningUse) -> str:
        """The certificate, PEM. Roots sign directly, so nothing lies between. Raises OSError, ValueError."""
        root = await self._root(use)
        return _pem(await asyncio.to_thread(self._signed, request, root))

    async def root_pem(self, use: SigningUse) -> str:
        """The root that stations and the server trust for this use."""
        return _pem((await self._root(use)).certificate)

    def server_certificate(
        self, key: CertificatePublicKeyTypes, subject: x509.Name, names: Sequence[x509.GeneralName]
    ) -> x509.Certificate:
        """A certificate of this server; not for the event loop. Raises OSError, ValueError."""
        root = self._open("server")
        usage = x509.KeyUsage(**_NO_USAGE | {"digital_signature": True, "key_encipherment": True}, **_NO_SIGNING)
        return (
            self._issued(key, root, subject, usage)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(root.key, hashes.SHA256())
        )

    def sign_now(self, request: SigningRequest, use: SigningUse = SigningUse.STATION) -> str:
        """As `sign`, where no event loop runs. Raises OSError, ValueError."""
        return _pem(self._signed(request, self._open(_name(use))))

    def revoke(self, number: int, reason: str = "unspecified") -> None:
        """From now on this certificate counts no more; not for the event loop. Raises OSError, ValueError."""
        root = self._open("station")
        self.revocations.revoke(number, reason, self._clock.now(), root.key, root.certificate)

    def revocation_list(self) -> str:
        """The revocation list with today's date, PEM; not for the event loop. Raises OSError, ValueError."""
        root = self._open("station")
        return self.revocations.renew(self._clock.now(), root.key, root.certificate)

    def root_file(self, name: str) -> Path:
        """The root certificate for server, station or v2g; not for the event loop. Raises OSError, ValueError."""
        self._open(name)
        return self._folder / f"{name}-ca.pem"

    async def _root(self, use: SigningUse) -> _Root:
        name = _name(use)
        async with self._making:
            if name not in self._roots:
                self._roots[name] = await asyncio.to_thread(self._open, name)
        return self._roots[name]

    def _open(self, name: str) -> _Root:
        key_file, root_file = self._folder / f"{name}-ca.key", self._folder / f"{name}-ca.pem"
        if not root_file.exists():
            self._make(name, key_file, root_file)
        if not is_private(key_file):
            raise PermissionError(f"{key_file} can be read by others; run: chmod 600 {key_file}")
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{key_file} holds no elliptic key")
        return _Root(key, x509.load_pem_x509_certificate(root_file.read_bytes()))

    def _make(self, name: str, key_file: Path, root_file: Path) -> None:
        """The root comes last: a key without its root is made anew, for nothing was signed with it."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_whole(key_file, secret, 0o600)
        write_whole(root_file, _pem(self._root_certificate(name, key)).encode(), 0o644)

    def _root_certificate(self, name: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, f"{self._organization} {name} root"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, self._organization),
            ]
        )
        usage = x509.KeyUsage(key_cert_sign=True, crl_sign=True, **_NO_USAGE)
        return (
            self._builder(key.public_key(), ROOT_DAYS)
            .subject_name(subject)
            .issuer_name(subject)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )

    def _signed(self, request: SigningRequest, root: _Root) -> x509.Certificate:
        """Subject and key are the request's; everything else is ours (A00.FR.508 to 512)."""
        usage = x509.KeyUsage(**_NO_USAGE | {"digital_signature": True}, **_NO_SIGNING)
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
        issued = self._issued(request.csr.public_key(), root, request.csr.subject, usage)
        return issued.add_extension(purposes, critical=False).sign(root.key, hashes.SHA256())

    def _issued(
        self, key: CertificatePublicKeyTypes, root: _Root, subject: x509.Name, usage: x509.KeyUsage
    ) -> x509.CertificateBuilder:
        """What all certificates that are no roots have."""
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key())
        return (
            self._builder(key, LEAF_DAYS)
            .subject_name(subject)
            .issuer_name(root.certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(issuer_key, critical=False)
        )

    def _builder(self, key: CertificatePublicKeyTypes, days: int) -> x509.CertificateBuilder:
        now = self._clock.now()
        return (
            x509.CertificateBuilder()
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - EARLY)
            .not_valid_after(now + timedelta(days=days))
        )


def _name(use: SigningUse) -> str:
    return "v2g" if use in V2G_USES else "station"


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
