"""What a certificate says of itself, and what a firmware signature is worth. Pure."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from csms.model.errors import CsmsError
from csms.model.hashes import CertificateHash, HashAlgorithm

CHUNK_BYTES = 1 << 20


class CertificateUnreadable(CsmsError):
    """What should be a certificate (PEM) is none."""

    code = "certificate_unreadable"


class FirmwareSignatureInvalid(CsmsError):
    """The signature is not that of the file by the certificate's key, or the certificate is not valid now."""

    code = "firmware_signature_invalid"


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """Subject, end of validity and name (hashed with SHA-256) of a certificate."""

    subject: str
    expires_at: datetime
    hash: CertificateHash


def facts(pem: str) -> CertificateFacts:
    """Of the first certificate in `pem`. The key hash is right for roots, which are their own issuer.

    Raises CertificateUnreadable.
    """
    certificate = _read(pem)
    named = CertificateHash(
        HashAlgorithm.SHA256,
        _sha256(certificate.issuer.public_bytes()),
        _sha256(_key_bits(certificate.public_key())),
        f"{certificate.serial_number:x}",
    )
    return CertificateFacts(certificate.subject.rfc4514_string(), certificate.not_valid_after_utc, named)


def serial_of(written: str) -> str:
    """The number of a certificate in one spelling: hexadecimal, small letters, no leading zeros."""
    return written.strip().lower().removeprefix("0x").lstrip("0") or "0"


def check_firmware(file: Path, certificate_pem: str, signature: str, now: datetime) -> None:
    """Whether a file is what its maker signed (A00.FR.706; RSA-PSS or ECDSA over SHA-256).

    Raises FirmwareSignatureInvalid, CertificateUnreadable; OSError.
    """
    certificate = _read(certificate_pem)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise FirmwareSignatureInvalid("the signing certificate is not valid now")
    try:
        raw = base64.b64decode(signature, validate=True)
        _verify(certificate, raw, _digest(file))
    except (InvalidSignature, binascii.Error, ValueError, UnsupportedAlgorithm):
        raise FirmwareSignatureInvalid("the signature is not that of this file by this certificate") from None


def _verify(certificate: x509.Certificate, signature: bytes, digest: bytes) -> None:
    key, hashed = certificate.public_key(), Prehashed(hashes.SHA256())
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, digest, padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO), hashed)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, digest, ec.ECDSA(hashed))
    else:
        raise UnsupportedAlgorithm("neither RSA nor elliptic")


def _read(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise CertificateUnreadable("not a certificate in PEM form") from error


def _key_bits(key: CertificatePublicKeyTypes) -> bytes:
    """The key as OCSP hashes it: the bit string without its tag and length (RFC 6960, section 4.1.1)."""
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    raise CertificateUnreadable("the key is neither RSA nor elliptic")


def _sha256(data: bytes) -> str:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize().hex()


def _digest(path: Path) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.finalize()
