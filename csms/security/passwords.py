"""Passwords of stations: made at random, kept only as salted hashes (A01.FR.07, A01.FR.08)."""

from __future__ import annotations

import hashlib
import hmac
import secrets

LENGTH = 20
"""Characters of a random password: as many as 1.6 takes bytes, and 120 bits (A00.FR.205 asks for 16 or more)."""

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_BLOCK, _LANES = 8, 1
COST, COST_OF_RANDOM = 2**14, 2**6
"""A password that somebody thought of is worth 50 ms to whoever tries others; one of 120 random bits cannot be guessed
at any price, so two thousand stations can come back within seconds of a restart.
"""
_SALT_BYTES = 16


def random_password() -> str:
    """Fits a 1.6 key and a 2.0.1 password alike."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(LENGTH))


def hashed(password: bytes, cost: int = COST) -> str:
    """`scrypt$cost$salt$hash`, salt and hash in hexadecimal. Takes up to 50 ms of a core: not for the event loop."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return f"scrypt${cost}${salt.hex()}${_scrypt(password, salt, cost).hex()}"


def matches(password: bytes, kept: str) -> bool:
    """Whether `kept` is the hash of this password; False for what is no hash at all."""
    try:
        scheme, cost, salt, digest = kept.split("$")
        again = _scrypt(password, bytes.fromhex(salt), int(cost))
        return scheme == "scrypt" and hmac.compare_digest(again, bytes.fromhex(digest))
    except ValueError:
        return False


def _scrypt(password: bytes, salt: bytes, cost: int) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=cost, r=_BLOCK, p=_LANES, dklen=32)
