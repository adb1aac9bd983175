"""A self-signed certificate of 127.0.0.1, for servers under test."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Certificate and key (ECDSA P-256) as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    pem = serialization.Encoding.PEM
    files[0].write_bytes(certificate.public_bytes(pem))
    files[1].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return files


def issued(folder: Path, *common_names: str) -> Path:
    """An authority of its own, and for each name `name.pem` and `name.key` below it, good for servers at 127.0.0.1 and
    for clients. Where the authority's certificate is.
    """
    root_key, root = ec.generate_private_key(ec.SECP256R1()), _name("authority")
    authority = _builder(root, root, root_key).add_extension(x509.BasicConstraints(True, None), critical=True)
    _write(folder / "ca.pem", authority.sign(root_key, hashes.SHA256()))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    for common_name in common_names:
        key = ec.generate_private_key(ec.SECP256R1())
        made = _builder(_name(common_name), root, key).add_extension(address, critical=False)
        _write(folder / f"{common_name}.pem", made.sign(root_key, hashes.SHA256()))
        pem = serialization.Encoding.PEM
        text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / f"{common_name}.key").write_bytes(text)
    return folder / "ca.pem"


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return x509.CertificateBuilder(
        issuer,
        subject,
        key.public_key(),
        x509.random_serial_number(),
        now - timedelta(days=1),
        now + timedelta(days=30),
    )


def _write(path: Path, made: x509.Certificate) -> None:
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
