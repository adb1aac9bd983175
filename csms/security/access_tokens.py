"""Tokens of the HTTP interface: how they look, how they are made and recognised.

    csms_k3j9x2m4qa_<43 signs: 256 random bits><6 signs: checksum>

The word at the front and the checksum let scanners of code and logs find a leaked one without asking anybody; the ten
signs after it are public (lists and records name them); what follows is the secret, of which only SHA-256 is kept. A
slow hash is for words that people choose; 256 random bits cannot be tried out.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass

WORD = "csms"
FORM = re.compile(r"csms_(?P<id>[a-z2-7]{10})_(?P<secret>[0-9A-Za-z]{43})(?P<check>[0-9A-Za-z]{6})")
"""What a scanner looks for."""

_ID_SIGNS = "abcdefghijklmnopqrstuvwxyz234567"
_SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LENGTH, _CHECK_LENGTH = 43, 6
_NOBODY = hashlib.sha256(b"nobody").hexdigest()


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token when it is made: `text` is told once and kept nowhere."""

    token_id: str
    text: str
    digest: str

    def __repr__(self) -> str:
        """Without the secret."""
        return f"NewToken({self.token_id})"


def new_token() -> NewToken:
    """A token at random."""
    token_id = "".join(secrets.choice(_ID_SIGNS) for _ in range(10))
    head = f"{WORD}_{token_id}_{_written(secrets.randbits(256), _SECRET_LENGTH)}"
    text = head + _checksum(head)
    return NewToken(token_id, text, digest_of(text))


def id_of(text: str) -> str | None:
    """The public part of a token; None for what is none, also by its checksum."""
    found = FORM.fullmatch(text)
    return found["id"] if found and _checksum(text[:-_CHECK_LENGTH]) == found["check"] else None


def digest_of(text: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def matches(text: str, digest: str | None) -> bool:
    """Whether the token has this digest; takes as long for a token that nobody has (`digest` None)."""
    same = hmac.compare_digest(digest_of(text), digest or _NOBODY)
    return same and digest is not None


def _checksum(head: str) -> str:
    return _written(zlib.crc32(head.encode()), _CHECK_LENGTH)


def _written(number: int, length: int) -> str:
    signs = []
    for _ in range(length):
        number, rest = divmod(number, len(_SIGNS))
        signs.append(_SIGNS[rest])
    return "".join(reversed(signs))
