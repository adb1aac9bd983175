"""Crypto suites of the interchange interface (sections 3 and 7 of the interface specification).

A suite encrypts `Data` and signs the envelope. Secrets are used as their raw bytes, not hex-decoded. The fixed IV and
HMAC-MD5 are what the peers demand; TLS is the protection. A suite is proved by a known answer before it is used, so a
crypto library without a primitive stops the start and never falls back to the other suite.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, algorithms, modes
from cryptography.hazmat.primitives.hmac import HMAC

from csms.model.errors import CsmsError

KEY_BYTES = 16
BLOCK_BYTES = 16
_PADDING = [bytes([size]) * size for size in range(BLOCK_BYTES + 1)]


class SuiteUnavailable(CsmsError):
    """The crypto library of this machine lacks a primitive that the partner's suite needs."""

    code = "crypto_suite_unavailable"


class SecretInvalid(CsmsError):
    """A partner's secret cannot be used."""

    code = "partner_secret_invalid"


class DecryptFailed(ValueError):
    """`Data` is not base64 of a whole, correctly padded ciphertext."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """The four secrets of one partner and direction; none of them shows in a repr."""

    operator_secret: str = field(repr=False)
    data_secret: bytes = field(repr=False)
    data_secret_iv: bytes = field(repr=False)
    sig_secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Raises SecretInvalid for a key or IV that is not 16 bytes, or an empty signing secret."""
        for name in ("data_secret", "data_secret_iv"):
            if len(getattr(self, name)) != KEY_BYTES:
                raise SecretInvalid(f"{name} must be {KEY_BYTES} bytes")
        if not self.sig_secret or not self.operator_secret:
            raise SecretInvalid("operator_secret and sig_secret must not be empty")

    @classmethod
    def of(cls, operator_secret: str, data_secret: str, data_secret_iv: str, sig_secret: str) -> Secrets:
        """From the texts of a configuration; their UTF-8 bytes are the keys."""
        return cls(operator_secret, data_secret.encode(), data_secret_iv.encode(), sig_secret.encode())


class Suite(Protocol):
    """What the envelope needs of a crypto suite."""

    @property
    def name(self) -> str:
        """Name in a platform profile."""
        ...

    def encrypt(self, plain: bytes, secrets: Secrets) -> str:
        """Base64 of the padded ciphertext."""
        ...

    def decrypt(self, data: str, secrets: Secrets) -> bytes:
        """The plain bytes; raises DecryptFailed."""
        ...

    def sign(self, text: str, secrets: Secrets) -> str:
        """Upper-case hex MAC over the UTF-8 bytes of `text`."""
        ...


@dataclass(frozen=True, slots=True)
class CbcSuite:
    """A block cipher in CBC mode with PKCS7 padding, and a keyed hash."""

    name: str
    cipher: Callable[[bytes], BlockCipherAlgorithm]
    mac: Callable[[bytes, bytes], bytes]

    def encrypt(self, plain: bytes, secrets: Secrets) -> str:
        """Base64 of the padded ciphertext of `plain`."""
        encryptor = _cipher(self.cipher, secrets.data_secret, secrets.data_secret_iv).encryptor()
        return b64encode(encryptor.update(plain + _PADDING[-len(plain) % BLOCK_BYTES or BLOCK_BYTES])).decode("ascii")

    def decrypt(self, data: str, secrets: Secrets) -> bytes:
        """The plain bytes of `data`; raises DecryptFailed."""
        try:
            decryptor = _cipher(self.cipher, secrets.data_secret, secrets.data_secret_iv).decryptor()
            return _unpadded(decryptor.update(b64decode(data.encode("ascii"), validate=True)) + decryptor.finalize())
        except (Base64Error, ValueError) as fault:
            raise DecryptFailed(str(fault)) from None

    def sign(self, text: str, secrets: Secrets) -> str:
        """Upper-case hex MAC over the UTF-8 bytes of `text`."""
        return self.mac(secrets.sig_secret, text.encode()).hex().upper()


@lru_cache(maxsize=64)
def _cipher(cipher: Callable[[bytes], BlockCipherAlgorithm], key: bytes, iv: bytes) -> Cipher[modes.CBC]:
    return Cipher(cipher(key), modes.CBC(iv))


def _unpadded(padded: bytes) -> bytes:
    """PKCS7; only for what was signed, so that how long it takes tells nobody anything. Raises ValueError."""
    size = padded[-1] if padded else 0
    if not 1 <= size <= BLOCK_BYTES or not padded.endswith(_PADDING[size]):
        raise ValueError("the padding is wrong")
    return padded[:-size]


def hmac_md5(key: bytes, message: bytes) -> bytes:
    """HMAC-MD5 (RFC 2104)."""
    keyed = _md5_keyed(key).copy()
    keyed.update(message)
    return keyed.digest()


def hmac_sm3(key: bytes, message: bytes) -> bytes:
    """HMAC with SM3 (GB/T 32905)."""
    keyed = _sm3_keyed(key).copy()
    keyed.update(message)
    return keyed.finalize()


@lru_cache(maxsize=64)
def _md5_keyed(key: bytes) -> hmac.HMAC:
    """Finding the hash and mixing the key in costs more than the hash of an order."""
    return hmac.new(key, digestmod="md5")


@lru_cache(maxsize=64)
def _sm3_keyed(key: bytes) -> HMAC:
    return HMAC(key, hashes.SM3())


def same(left: str, right: str) -> bool:
    """Whether two MACs or tokens are equal, in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


AES_MD5 = CbcSuite("aes128cbc-hmacmd5", algorithms.AES, hmac_md5)
SM4_SM3 = CbcSuite("sm4cbc-hmacsm3", algorithms.SM4, hmac_sm3)
SUITES = {suite.name: suite for suite in (AES_MD5, SM4_SM3)}

_PROBE = "hello world!"
_PROBE_KEY = "1234567890abcdef"
_PROBE_SECRETS = Secrets.of(_PROBE_KEY, _PROBE_KEY, _PROBE_KEY, _PROBE_KEY)
_ANSWERS = {
    AES_MD5.name: ("cmljobIKHDAcF9uf3mgs/w==", "63C7FF3508302212EB89CF3283C1650A"),
    SM4_SM3.name: ("ccdt7jTKGlnwRZ6cxqEdJQ==", "C57B53EB6E6C5EDC1C5BA4A54853E34E488A60F0C9FA4C658132671AF62A579B"),
}


def require_suite(name: str) -> Suite:
    """The suite of that name after a known-answer test; raises SuiteUnavailable."""
    suite = SUITES.get(name)
    if suite is None:
        raise SuiteUnavailable(f"no crypto suite {name!r}; there are {', '.join(SUITES)}")
    try:
        _prove(suite)
    except (UnsupportedAlgorithm, ValueError) as fault:
        raise SuiteUnavailable(f"{name} cannot run with the crypto library of this machine: {fault}") from None
    return suite


def _prove(suite: Suite) -> None:
    answer = suite.encrypt(_PROBE.encode(), _PROBE_SECRETS), suite.sign(_PROBE, _PROBE_SECRETS)
    if answer != _ANSWERS[suite.name]:
        raise ValueError("the known-answer test gave another value")
