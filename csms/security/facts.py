"""What a certificate says of itself, and what a firmware signature is worth. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
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
    """Subject, validity, name (hashed with SHA-256) and fingerprint (SHA-256 of all of it) of a certificate."""

    subject: str
    begins_at: datetime
    expires_at: datetime
    hash: CertificateHash
    fingerprint: str


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
    return CertificateFacts(
        certificate.subject.rfc4514_string(),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        named,
        certificate.fingerprint(hashes.SHA256()).hex(),
    )


def serial_of(written: str) -> str:
    """The number of a certificate in one spelling: hexadecimal, small letters, no leading zeros."""
    return written.strip().lower().removeprefix("0x").lstrip("0") or "0"


def check_signer(certificate_pem: str, makers: Sequence[x509.Certificate], now: datetime) -> x509.Certificate:
    """Whether a certificate may sign firmware: valid now and, if `makers` are known, issued below one of them.

    What lies between it and the maker's root follows it in `certificate_pem`. Raises FirmwareSignatureInvalid,
    CertificateUnreadable.
    """
    chain = read_chain(certificate_pem)
    if any(not one.not_valid_before_utc <= now <= one.not_valid_after_utc for one in chain):
        raise FirmwareSignatureInvalid("the signing certificate is not valid now")
    if makers and not _issued_below(chain, makers):
        raise FirmwareSignatureInvalid("the signing certificate is not issued by a maker that is known here")
    return chain[0]


def _issued_below(chain: Sequence[x509.Certificate], makers: Sequence[x509.Certificate]) -> bool:
    """Each by the next one, which is an authority, and the last by a root (or it is the root itself)."""
    for below, above in pairwise(chain):
        if not _is_authority(above) or not issued_by(below, above):
            return False
    return any(chain[-1] == maker or issued_by(chain[-1], maker) for maker in makers)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def issued_by(below: x509.Certificate, above: x509.Certificate) -> bool:
    """Whether `above` signed `below`."""
    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def read_chain(pem: str) -> list[x509.Certificate]:
    """All certificates in `pem`, at least one. Raises CertificateUnreadable."""
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise CertificateUnreadable("not a certificate in PEM form") from error


def check_firmware(
    file: Path, certificate_pem: str, signature: str, now: datetime, makers: Sequence[x509.Certificate] = ()
) -> None:
    """Whether a file is what its maker signed (A00.FR.706; RSA-PSS or ECDSA over SHA-256).

    Raises FirmwareSignatureInvalid, CertificateUnreadable; OSError.
    """
    certificate = check_signer(certificate_pem, makers, now)
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
