"""The form of a segment file: blocks one after the other, each with a head that says whether it is worth opening. Pure.

    head       magic, sizes, first and last time, how many notes, number of the first one in its segment
    stations   a digest of 4 bytes for each station
    checksum   of head and stations
    payload    zstandard with a checksum of its own, around msgpack columns: times, kinds, stations, actions, texts

Nothing points from one block to another: a damaged one, or a tail that a crash cut off, costs its own notes only.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zlib import crc32

import msgspec
import zstandard

from csms.trace.notes import Kind, Note

MAGIC = b"\x93csmsTr\x01"
BLOCK_BYTES = 256 * 1024
"""Of notes before compression: small enough to skip finely, large enough to compress by ten."""

BLOCK_BYTES_MAX = 64 * 1024 * 1024
"""No honest block comes near; a damaged size must not make us ask for more memory."""

_HEAD = struct.Struct(">8sIIIQqq")
_CHECKSUM = struct.Struct(">I")
_LEVEL = 1

STATIONS_KEPT_MAX = 20_000
"""Digests remembered; each block asks for those of all its stations."""

Text = str | bytes


class BlockBroken(Exception):
    """These bytes are no whole block."""


class Columns(msgspec.Struct, array_like=True):
    """Notes by column, as they lie in a block."""

    at_ms: list[int]
    kinds: bytes
    stations: list[str]
    actions: list[str]
    texts: list[Any]
    """Each a `Text`; msgspec has no type for that."""

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def size(self) -> int:
        """About how many bytes they take."""
        return sum(map(len, self.texts)) + 32 * len(self)

    def note(self, place: int) -> Note:
        """One of them; bytes that are no text are shown as escapes. ValueError for a kind that is not known here."""
        text = self.texts[place]
        return Note(
            self.at_ms[place],
            Kind(self.kinds[place]),
            self.stations[place],
            self.actions[place],
            text if isinstance(text, str) else text.decode("utf-8", "backslashreplace"),
        )

    def cut(self, start: int, end: int) -> Columns:
        """Some of them, in a row."""
        part = slice(start, end)
        return Columns(self.at_ms[part], self.kinds[part], self.stations[part], self.actions[part], self.texts[part])

    def picked(self, places: Sequence[int]) -> Columns:
        """Those at these places."""
        return Columns(
            [self.at_ms[place] for place in places],
            bytes(self.kinds[place] for place in places),
            [self.stations[place] for place in places],
            [self.actions[place] for place in places],
            [self.texts[place] for place in places],
        )


@dataclass(frozen=True, slots=True)
class Head:
    """What a block says of itself; `size` is that of all its parts, `payload` where its content begins."""

    first_ms: int
    last_ms: int
    count: int
    first_number: int
    stations: frozenset[int]
    payload: int
    size: int


def joined(parts: Iterable[Columns]) -> Columns:
    """All notes in one."""
    whole = Columns([], b"", [], [], [])
    for part in parts:
        whole.at_ms += part.at_ms
        whole.kinds += part.kinds
        whole.stations += part.stations
        whole.actions += part.actions
        whole.texts += part.texts
    return whole


def pieces(notes: Columns, bytes_max: int = BLOCK_BYTES) -> Iterable[Columns]:
    """Parts that make blocks of about the right size."""
    step = len(notes) // (notes.size // bytes_max + 1) + 1
    if step >= len(notes):
        yield notes
        return
    for start in range(0, len(notes), step):
        yield notes.cut(start, start + step)


@lru_cache(maxsize=STATIONS_KEPT_MAX)
def digest(station_id: str) -> int:
    """What stands for a station in a head."""
    return crc32(station_id.encode())


class Encoder:
    """Makes blocks; for one thread, because a compressor is dear to make and cannot be shared."""

    def __init__(self) -> None:
        self._compress = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress
        self._pack = msgspec.msgpack.Encoder().encode

    def encode(self, notes: Columns, first_number: int) -> bytes:
        """A whole block of at least one note; `first_number` counts the notes before it in its segment."""
        stations = sorted(map(digest, set(notes.stations)))
        payload = self._compress(self._pack(notes))
        sizes = (len(stations), len(payload), len(notes))
        head = _HEAD.pack(MAGIC, *sizes, first_number, min(notes.at_ms), max(notes.at_ms))
        head += struct.pack(f">{len(stations)}I", *stations)
        return head + _CHECKSUM.pack(crc32(head)) + payload


HEAD_BYTES = _HEAD.size


def rest_of_head(head: bytes) -> int:
    """How many bytes still belong to a head that begins like this. Raises BlockBroken."""
    if len(head) < HEAD_BYTES or not head.startswith(MAGIC):
        raise BlockBroken("no head")
    stations, payload = _HEAD.unpack_from(head)[1:3]
    if stations * 4 > BLOCK_BYTES_MAX or payload > BLOCK_BYTES_MAX:
        raise BlockBroken("sizes that cannot be")
    return int(stations * 4 + _CHECKSUM.size)


def decode_head(head: bytes) -> Head:
    """A whole head. Raises BlockBroken."""
    size = HEAD_BYTES + rest_of_head(head)
    inner = head[: size - _CHECKSUM.size]
    if len(head) < size or _CHECKSUM.unpack_from(head, len(inner))[0] != crc32(inner):
        raise BlockBroken("the head is damaged")
    _, stations, payload, count, first_number, first_ms, last_ms = _HEAD.unpack_from(head)
    digests = struct.unpack_from(f">{stations}I", head, HEAD_BYTES)
    return Head(first_ms, last_ms, count, first_number, frozenset(digests), size, size + payload)


def decode_payload(payload: bytes) -> Columns:
    """The notes of a block. Raises BlockBroken."""
    try:
        notes = _DECODER.decode(zstandard.ZstdDecompressor().decompress(payload))
    except (zstandard.ZstdError, msgspec.DecodeError, MemoryError) as fault:
        raise BlockBroken(str(fault)) from fault
    if not all(isinstance(text, str | bytes) for text in notes.texts):
        raise BlockBroken("texts that are none")
    if {len(notes.at_ms), len(notes.stations), len(notes.actions), len(notes.texts)} != {len(notes)}:
        raise BlockBroken("columns of different lengths")
    return notes


_DECODER = msgspec.msgpack.Decoder(Columns)
