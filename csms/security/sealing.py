"""Secrets that lie in the database, sealed with a key that does not: AES-256-GCM under a key file of the owner's alone.

What a secret belongs to is sealed with it, so that one row cannot be put in the place of another.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from csms.model.errors import CsmsError

NONCE_BYTES = 12
FINGERPRINT_CHARS = 12


class SealBroken(CsmsError):
    """A sealed secret cannot be opened: the key file is another one, or the row was changed."""

    code = "seal_broken"


class Seal:
    """Seals and opens; `key` has 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._key = key

    def close(self, plain: bytes, about: str) -> str:
        """The secret as text for a column."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return b64encode(nonce + self._cipher.encrypt(nonce, plain, about.encode())).decode("ascii")

    def open(self, sealed: str, about: str) -> bytes:
        """The secret; raises SealBroken."""
        try:
            raw = b64decode(sealed, validate=True)
            return self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], about.encode())
        except (InvalidTag, ValueError):
            raise SealBroken(f"{about} cannot be unsealed with the key file of this server") from None

    def fingerprint(self, plain: bytes) -> str:
        """By which equal secrets can be told; it tells nothing else, as it needs the key."""
        return hmac.new(self._key, plain, "sha256").hexdigest()[:FINGERPRINT_CHARS]
