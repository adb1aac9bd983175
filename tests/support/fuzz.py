"""Seeded damage to bytes: what a parser is given that must accept it or refuse it by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

WORDS = (
    b"NaN", b"-Infinity", b"1e999", b"-0", b"9" * 400, b"null", b"true", b'"\\ud800"', b'"\\u0000"', b"\\u0061",
    b"[" * 60, b"]" * 60, b"{" * 30, b'{"a":1,"a":2}', b'"', b"\\", b",", b":", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf",
    b"\r\n", b"\r\n\r\n", b"\n", b"\t", b"%00", b"%2e%2e/", b"%ff", b"%", b"/", b"?", b"#", b"..", b" ", b"=", b"====",
    b"Basic ", b"basic", b"18446744073709551616", b"-9223372036854775809", b"1000000", b"9999-12-31T23:59:59+23:59",
    b"0001-01-01T00:00:00-23:59", b"\xc3\x28", b"\xf0\x9f\x94\x8c", b"x" * 3000,
)  # fmt: skip
"""What has broken parsers before."""

Damage = Callable[[Random, bytearray, Sequence[bytes]], None]


def _flip(rng: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _byte(rng: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.randrange(256)


def _insert(rng: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.choice(WORDS)


def _replace(rng: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    begin = rng.randrange(len(data) + 1)
    data[begin : begin + rng.randrange(1, 12)] = rng.choice(WORDS)


def _remove(rng: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    begin = rng.randrange(len(data) + 1)
    del data[begin : begin + rng.randrange(1, 20)]


def _repeat(rng: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    begin = rng.randrange(len(data) + 1)
    part = bytes(data[begin : begin + rng.randrange(1, 40)])
    data[begin:begin] = part * rng.choice((1, 2, 50))


def _cut(rng: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _splice(rng: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    other = rng.choice(corpus)
    data[rng.randrange(len(data) + 1) :] = other[rng.randrange(len(other) + 1) :]


def _noise(rng: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    data[:] = rng.randbytes(rng.randrange(64))


WAYS: tuple[Damage, ...] = (_flip, _byte, _insert, _insert, _replace, _replace, _remove, _repeat, _cut, _splice)


def inputs(corpus: Sequence[bytes], many: int, seed: int) -> list[bytes]:
    """The corpus as it is, then damaged; the same for the same seed."""
    rng = Random(seed)
    made = list(corpus)
    while len(made) < many:
        data = bytearray(rng.choice(corpus))
        for way in (_noise,) if rng.random() < 0.02 else rng.choices(WAYS, k=rng.choice((1, 1, 1, 2, 4))):
            way(rng, data, corpus)
        made.append(bytes(data))
    return made[:many]
