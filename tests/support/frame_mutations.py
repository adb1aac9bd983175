"""Damage to whole frames: their elements, their text, their bytes; and the stream of damaged messages of one action."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from csms.model.bounds import FRAME_BYTES_MAX
from csms.model.station import Protocol
from tests.support.examples import Examples, Json, actions
from tests.support.mutations import WRONG_TYPES, PayloadMutator

Data = str | bytes

SHARES = (("payload", 70), ("envelope", 18), ("text", 12))
"""Which damage in how many of a hundred messages."""

EXAMPLE_USES = 8
"""Damaged messages made of one valid one."""

IDS: tuple[Json, ...] = (
    "", "x", "-1", "x" * 35, "x" * 36, "x" * 37, "é" * 36, "x" * 5000, "a\0b", 0, 7, -1, 2**63, 2**64, 10**40, 1.5, 1.0,
    None, True, [], ["x"], {}, {"id": 1},
)  # fmt: skip
TYPES: tuple[Json, ...] = (0, 1, 3, 4, 5, 6, -2, 2.0, 3.0, 4.0, 2.5, "2", "3", None, True, False, [2], {"2": 2}, 2**64)
ACTIONS: tuple[Json, ...] = ("", "x" * 64, "x" * 65, "x" * 5000, "Nonsense", "../Reset", 5, None, True, [], ["x"], {})
RAW: tuple[Data, ...] = ("", " ", "[", "]", "[]", "{}", "null", "2", '"2"', "[2]", "[[]]", b"\xff", b"\x00", "\ufeff[]")
BITS = ("\\x", "\\u12", "\\ud800", "\\", "\x00", "\x1f", "\n", "\x7f", "\ufeff", ",", ":", "}", "]", '"', "/*c*/", "'")
VALUES = (
    "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "01", "+1", "1.", ".5", "0x10", "1_0", "True", "nul", "9" * 400,
    "9" * 4400, '"\\ud800"', '"\\ud83d\\ude00"', '"\\u0000"', "1E2", "-0", "-0.0", "1.00", "[]", "1" + "0" * 25,
)  # fmt: skip
WRITINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "utf-8")


def written(frame: Json) -> str:
    """The text as stations write it: no spaces, signs beyond ASCII as they are."""
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


class FrameMutator:
    """Damages frames of one request."""

    def __init__(self, protocol: Protocol, rng: Random) -> None:
        self._rng, self._known = rng, actions(protocol)

    def envelope(self, frame: list[Json]) -> list[Json]:
        """One or two elements wrong, missing or too many."""
        ways: tuple[Callable[[list[Json]], None], ...] = (
            self._type, self._id, self._id, self._action, self._payload, self._shorten, self._extend, self._order,
        )  # fmt: skip
        for way in self._rng.choices(ways, k=self._rng.choice((1, 1, 1, 2))):
            way(frame)
        return frame

    def _put(self, frame: list[Json], position: int, value: Json) -> None:
        if position < len(frame):
            frame[position] = value

    def _type(self, frame: list[Json]) -> None:
        value = self._rng.choice(TYPES)
        self._put(frame, 0, value)
        if value in (3, 4) and self._rng.random() < 0.7:
            code: list[Any] = ["GenericError", "text"] if value == 4 else []
            frame[2:] = [*code, *frame[3:]]

    def _id(self, frame: list[Json]) -> None:
        self._put(frame, 1, self._rng.choice(IDS))

    def _action(self, frame: list[Json]) -> None:
        known = self._rng.choice(self._known)
        spelled = frame[2] if len(frame) > 2 and isinstance(frame[2], str) else known
        near = (known, known, f"{spelled}Response", f"{spelled}Request", spelled.lower(), spelled + " ")
        self._put(frame, 2, self._rng.choice((*ACTIONS, *near)))

    def _payload(self, frame: list[Json]) -> None:
        whole = frame[3:4]
        self._put(frame, 3, self._rng.choice((None, None, *WRONG_TYPES, whole, written(whole))))

    def _shorten(self, frame: list[Json]) -> None:
        if frame:
            del frame[self._rng.randrange(len(frame))]

    def _extend(self, frame: list[Json]) -> None:
        frame.insert(self._rng.randint(0, len(frame)), self._rng.choice(WRONG_TYPES))

    def _order(self, frame: list[Json]) -> None:
        self._rng.shuffle(frame)

    def text(self, text: str) -> Data:
        """Damage below the elements."""
        ways = (
            self._cut, self._insert, self._insert, self._literal, self._literal, self._twice, self._deep, self._bytes,
            self._spaced, self._flip, self._raw,
        )  # fmt: skip
        return self._rng.choice(ways)(text)

    def _cut(self, text: str) -> Data:
        return text[: self._rng.randrange(len(text))]

    def _insert(self, text: str) -> Data:
        position = self._rng.randint(0, len(text))
        return text[:position] + self._rng.choice(BITS) + text[position:]

    def _literal(self, text: str) -> Data:
        """A value that JSON does not have, or writes oddly, after one of the colons."""
        head, colon, tail = self._split(text, ":")
        end = min((n for n in (tail.find(","), tail.find("}")) if n >= 0), default=len(tail))
        return head + colon + self._rng.choice(VALUES) + tail[end:] if colon else self._insert(text)

    def _split(self, text: str, sign: str) -> tuple[str, str, str]:
        found = [n for n, letter in enumerate(text) if letter == sign]
        cut = self._rng.choice(found) if found else len(text)
        return text[:cut], text[cut : cut + 1], text[cut + 1 :]

    def _twice(self, text: str) -> Data:
        """A property a second time; the last one counts."""
        head, brace, tail = self._split(text, "{")
        value = written(self._rng.choice(WRONG_TYPES))
        key = tail[: tail.find(":")] if tail.startswith('"') and ":" in tail else '"twice"'
        return head + brace + f"{key}:{value}" + ("" if tail.startswith("}") else ",") + tail

    def _deep(self, text: str) -> Data:
        levels = self._rng.choice((1, 14, 16, 17, 18, 19, 20, 21, 30, 300, 1500, 5000))
        head, brace, tail = self._split(text, "{")
        if self._rng.random() < 0.2:
            return "[" * levels
        comma = "" if tail.startswith("}") else ","
        return head + brace + '"deep":' + "[" * levels + "]" * levels + comma + tail

    def _bytes(self, text: str) -> Data:
        data = bytearray(text.encode(self._rng.choice(WRITINGS), "replace"))
        if self._rng.random() < 0.5:
            data[self._rng.randrange(len(data))] = self._rng.choice((0x80, 0xC0, 0xED, 0xFF, 0x00))
        return bytes(data)

    def _spaced(self, text: str) -> Data:
        """Spaces that JSON knows, and some that it does not."""
        space = self._rng.choice((" ", "\n", "\r\n", "\t ", "\f", "\u00a0", "\u2003"))
        return self._rng.choice((space + text, text + space, text.replace(",", f",{space}", 1), text + " " * 65_536))

    def _flip(self, text: str) -> Data:
        position = self._rng.randrange(len(text))
        return text[:position] + chr(ord(text[position]) ^ (1 << self._rng.randrange(7))) + text[position + 1 :]

    def _raw(self, text: str) -> Data:
        return self._rng.choice((*RAW, text + text, text + "]", text.replace('"', "'"), text.encode()))


def valid(protocol: Protocol, action: str, count: int, *, ordinary: bool = False) -> Iterator[str]:
    """`count` valid messages of a request; the same ones every time."""
    examples = Examples(protocol, action, Random(f"valid/{protocol}/{action}"), ordinary=ordinary)
    for number in range(count):
        yield _whole(examples, action, number)


def _whole(examples: Examples, action: str, number: int) -> str:
    """The next message that a frame can hold; the longest ones of 2.1 are longer than any frame."""
    while True:
        text = written([2, f"id-{number}", action, examples.payload()])
        if len(text.encode()) <= FRAME_BYTES_MAX:
            return text


def damaged(protocol: Protocol, action: str, count: int, seed: str = "") -> Iterator[tuple[str, Data]]:
    """`count` damaged messages of a request with the kind of damage; the same ones for the same seed."""
    rng = Random(f"{seed}/{protocol}/{action}")
    examples, frames = Examples(protocol, action, rng), FrameMutator(protocol, rng)
    payloads = PayloadMutator(examples.root, rng)
    kinds, weights = [kind for kind, _ in SHARES], [weight for _, weight in SHARES]
    whole = ""
    for number in range(count):
        if number % EXAMPLE_USES == 0:
            whole = _whole(examples, action, number)
        (kind,) = rng.choices(kinds, weights)
        data: Data = whole
        while data == whole:
            data = _damage(kind, whole, payloads, frames)
        yield kind, data


def _damage(kind: str, whole: str, payloads: PayloadMutator, frames: FrameMutator) -> Data:
    if kind == "text":
        return frames.text(whole)
    frame = json.loads(whole)
    if kind == "envelope":
        return written(frames.envelope(frame))
    payloads.damage(frame[3])
    return written(frame)
