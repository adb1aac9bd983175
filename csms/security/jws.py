"""Detached JSON Web Signatures (RFC 7515, appendix F): `header..signature`, about bytes that both sides have.

The algorithm is that of the key, never that of the header alone; ES256, ES384, EdDSA (Ed25519) and PS256 are known.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from msgspec import Struct

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
SIGNATURE_LENGTH_MAX = 4096
RSA_BITS_MIN = 2048
KEYS_TAKEN = f"keys are P-256, P-384, Ed25519, or RSA of at least {RSA_BITS_MIN} bits"
CURVES: dict[str, tuple[str, int, Callable[[], hashes.HashAlgorithm]]] = {
    "secp256r1": ("ES256", 32, hashes.SHA256),
    "secp384r1": ("ES384", 48, hashes.SHA384),
}
CERTIFICATE = "-----BEGIN CERTIFICATE-----"


class _Header(Struct):
    alg: str
    crit: Any = None
    b64: bool = True


class BadSignature(ValueError):
    """Nobody whose key is known signed this; the text says why."""


@dataclass(frozen=True, slots=True)
class _Parts:
    algorithm: str
    signed: bytes
    signature: bytes


def verify(signature: str, payload: bytes, keys: Sequence[PublicKey]) -> None:
    """Raises BadSignature unless one of the keys signed the payload."""
    parts = _parts(signature, payload)
    fitting = [key for key in keys if algorithm_of(key) == parts.algorithm]
    if not fitting:
        raise BadSignature(f"no key that is known signs with {parts.algorithm[:20]!r}")
    if not any(_signed_by(key, parts) for key in fitting):
        raise BadSignature("it was not signed by a key that is known")


def sign(payload: bytes, key: PrivateKey) -> str:
    """The detached signature."""
    header = _encoded(json.dumps({"alg": algorithm_of(key.public_key())}).encode())
    return f"{header}..{_encoded(_raw_signature(key, f'{header}.{_encoded(payload)}'.encode()))}"


def algorithm_of(key: PublicKey) -> str:
    """Raises ValueError for a key that is not strong enough, or of another kind."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "EdDSA"
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS_MIN:
        return "PS256"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
        return CURVES[key.curve.name][0]
    raise ValueError(KEYS_TAKEN)


def read_keys(path: Path) -> list[PublicKey]:
    """The public keys of a PEM file, or those of its certificates. Raises OSError, ValueError."""
    raw = path.read_bytes()
    if CERTIFICATE.encode() in raw:
        found: list[Any] = [one.public_key() for one in x509.load_pem_x509_certificates(raw)]
    else:
        found = [load_pem_public_key(raw)]
    for key in found:
        algorithm_of(key)
    return found


def read_private_key(path: Path) -> PrivateKey:
    """From a PEM file without a password. Raises OSError, ValueError."""
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except TypeError as fault:
        raise ValueError(str(fault)) from None
    if not isinstance(key, PrivateKey):
        raise ValueError(KEYS_TAKEN)
    algorithm_of(key.public_key())
    return key


def _parts(signature: str, payload: bytes) -> _Parts:
    if len(signature) > SIGNATURE_LENGTH_MAX or signature.count(".") != 2:
        raise BadSignature("a signature is written header..signature")
    header, between, raw = signature.split(".")
    if between:
        raise BadSignature("what is signed stands beside the signature, not in it")
    try:
        said = msgspec.json.decode(_decoded(header), type=_Header)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise BadSignature(f"its header: {fault}") from None
    if said.crit is not None or not said.b64:
        raise BadSignature("its header wants what is not known here")
    return _Parts(said.alg, f"{header}.{_encoded(payload)}".encode("ascii", "replace"), _decoded(raw))


def _signed_by(key: PublicKey, parts: _Parts) -> bool:
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(parts.signature, parts.signed)
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(parts.signature, parts.signed, _pss(), hashes.SHA256())
        else:
            _, size, digest = CURVES[key.curve.name]
            key.verify(_der(parts.signature, size), parts.signed, ec.ECDSA(digest()))
    except (InvalidSignature, ValueError):
        return False
    return True


def _raw_signature(key: PrivateKey, signed: bytes) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(signed)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(signed, _pss(), hashes.SHA256())
    _, size, digest = CURVES[key.curve.name]
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(digest())))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _pss() -> padding.PSS:
    return padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)


def _der(raw: bytes, size: int) -> bytes:
    """Raises ValueError for another length."""
    if len(raw) != 2 * size:
        raise ValueError("a signature of another length")
    return encode_dss_signature(int.from_bytes(raw[:size], "big"), int.from_bytes(raw[size:], "big"))


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> bytes:
    """Raises BadSignature."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError):
        raise BadSignature("it is not written in base64url") from None
    if _encoded(raw) != text:
        raise BadSignature("it is not written in base64url")
    return raw
