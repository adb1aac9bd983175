"""Numbers that nobody can guess and that never come twice: a keyed permutation of the 31-bit numbers above 0.

OCPP 1.6 has the central system number transactions. Numbers drawn at random would meet again some day; counted ones let
anybody who has one name those of others. This one needs no search for a number that is free.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

NUMBER_MAX = 2**31 - 1
KEY_BYTES = 32
_HALF_BITS = 16
_HALF = (1 << _HALF_BITS) - 1
_ROUNDS = 4


class Scrambler:
    """A permutation; whoever does not know the key cannot tell it from chance."""

    def __init__(self, key: bytes | None = None) -> None:
        """Without a key: one that dies with the process."""
        self._key = key or secrets.token_bytes(KEY_BYTES)

    def number(self, count: int) -> int:
        """What stands for `count`. Raises ValueError unless that is 1 to NUMBER_MAX."""
        if not 1 <= count <= NUMBER_MAX:
            raise ValueError(f"{count} is no number from 1 to {NUMBER_MAX}")
        number = self._permuted(count)
        while not 1 <= number <= NUMBER_MAX:  # of a permutation of 32 bits; its cycle comes back to where we began
            number = self._permuted(number)
        return number

    def _permuted(self, number: int) -> int:
        """A balanced Feistel network."""
        left, right = number >> _HALF_BITS, number & _HALF
        for turn in range(_ROUNDS):
            data = bytes((turn,)) + right.to_bytes(2, "big")
            mixed = hashlib.blake2b(data, digest_size=2, key=self._key).digest()
            left, right = right, left ^ int.from_bytes(mixed, "big")
        return left << _HALF_BITS | right


def kept_key(file: Path) -> bytes:
    """The key in a file of the owner's alone (0600); made when there is none. Raises OSError."""
    with suppress(FileNotFoundError):
        key = file.read_bytes()
        if len(key) == KEY_BYTES:
            return key
    key = secrets.token_bytes(KEY_BYTES)
    draft = file.with_name(file.name + ".partial")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
        written.write(key)
        written.flush()
        os.fsync(written.fileno())
    draft.replace(file)
    return key
