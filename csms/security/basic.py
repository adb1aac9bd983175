"""HTTP Basic as charging stations use it: bytes in, bytes out (A00.FR.202 to 207, A00.FR.301 to 304). Pure.

A 1.6 key may be 20 random bytes, which are no text in any encoding, so the readers of HTTP libraries will not do.
"""

from __future__ import annotations

import base64
import binascii
import string
from collections.abc import Sequence
from typing import NamedTuple

SCHEME = "basic "
PASSWORD_BYTES_MAX = 128
"""Longer ones than any version of OCPP knows (64 characters of UTF-8 in 2.1) are not looked at."""

HEX_DIGITS_MIN, HEX_DIGITS_MAX = 32, 40
"""A 1.6 key of 16 to 20 bytes, written as hexadecimal digits."""

_HEX_DIGITS = frozenset(string.hexdigits.encode())


class Credentials(NamedTuple):
    """User and password of a request."""

    user: bytes
    password: bytes


def read_basic(headers: Sequence[str]) -> Credentials | None:
    """From all Authorization headers of a request; None unless there is one, of this scheme and well formed.

    The user ends at the first colon: ids of stations have none, passwords may.
    """
    if len(headers) != 1 or headers[0][: len(SCHEME)].lower() != SCHEME:
        return None
    try:
        told = base64.b64decode(headers[0][len(SCHEME) :].strip().encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    user, colon, password = told.partition(b":")
    return Credentials(user, password) if colon and 0 < len(password) <= PASSWORD_BYTES_MAX else None


def is_hex_key(password: bytes) -> bool:
    """Whether it reads as a 1.6 key in hexadecimal digits of either case (TC_085_CSMS)."""
    digits = len(password)
    return HEX_DIGITS_MIN <= digits <= HEX_DIGITS_MAX and digits % 2 == 0 and _HEX_DIGITS.issuperset(password)


def canonical(password: bytes) -> bytes:
    """One form of all in which stations send the same key: bytes, where it was written in hexadecimal digits."""
    return bytes.fromhex(password.decode("ascii")) if is_hex_key(password) else password
