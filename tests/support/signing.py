"""Makers that sign firmware, stations that ask for certificates: keys and requests for tests."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """Made once: it takes long."""
    return rsa.generate_private_key(65537, bits)


def name(common_name: str, organization: str = "Charging Ltd") -> x509.Name:
    """CN and O; without one that is empty."""
    parts = {NameOID.COMMON_NAME: common_name, NameOID.ORGANIZATION_NAME: organization}
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts.items() if value])


def certificate(
    key: Key, common_name: str = "root", *, days: float = 30, begun_days_ago: float = 1, issuer: x509.Name | None = None
) -> x509.Certificate:
    """Signed by its own key."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .issuer_name(issuer or name(common_name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=begun_days_ago))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )


def pem(made: x509.Certificate) -> str:
    """As OCPP carries it."""
    return made.public_bytes(PEM).decode()


def allowing(folder: Path, *roots: str) -> dict[str, list[Path]]:
    """The settings (certificates) of a house that knows these roots, PEM."""
    files = []
    for number, root in enumerate(roots):
        files.append(folder / f"known-root-{number}.pem")
        files[-1].write_text(root)
    return {"allowed_roots": files}


class Maker:
    """Signs firmware, with an elliptic key unless it is given another."""

    def __init__(self, key: Key | None = None, **validity: float) -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.certificate = pem(certificate(self.key, "Maker", **validity))

    def sign(self, firmware: bytes) -> str:
        """Base64."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            return base64.b64encode(self.key.sign(firmware, pss, hashes.SHA256())).decode()
        return base64.b64encode(self.key.sign(firmware, ec.ECDSA(hashes.SHA256()))).decode()


def signing_request(
    common_name: str = "SN-1",
    organization: str = "Charging Ltd",
    key: Key | None = None,
    extension: x509.ExtensionType | None = None,
) -> str:
    """A certificate signing request, PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(name(common_name, organization))
    if extension is not None:
        builder = builder.add_extension(extension, critical=False)
    signed = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(PEM).decode()
