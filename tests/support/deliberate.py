"""Where we judge a frame otherwise than the `ocpp` package and mean to; one predicate for each reason, by name.

A reason also says where our reading must have ended, so that it excuses nothing else in the same frame."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from csms.model.bounds import ACTION_LENGTH_MAX, FRAME_BYTES_MAX, JSON_DEPTH_MAX, UNIQUE_ID_LENGTH_MAX
from tests.support.stock import Stage, Verdict

Items = list[Any]


def _no_json(token: str) -> float:
    raise ValueError(f"{token} is not JSON")


def is_rfc_8259(data: str | bytes) -> bool:
    """JSON in UTF-8 by the book: no NaN, no half surrogate pair, no byte order mark, no number beyond a double."""
    try:
        text = data.decode() if isinstance(data, bytes) else data
        value = json.loads(text, parse_constant=_no_json)
        return all(_is_plain(leaf) for leaf in leaves(value))
    except (ValueError, RecursionError):
        return False


def _is_plain(leaf: object) -> bool:
    """A finite number, or a text that can be written in UTF-8 (else UnicodeEncodeError, a ValueError)."""
    if isinstance(leaf, str):
        leaf.encode()
    return not isinstance(leaf, float) or math.isfinite(leaf)


def leaves(value: object) -> Iterator[object]:
    """Every key and every value that is neither list nor object."""
    if isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def depth(value: object) -> int:
    """How deep lists and objects are nested."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


def _call(items: Items) -> bool:
    return items[:1] == [2] and len(items) == 4


def _bad_id(items: Items) -> bool:
    value = items[1] if len(items) > 1 else ""
    if isinstance(value, str):
        return len(value) > UNIQUE_ID_LENGTH_MAX
    return isinstance(value, bool) or not isinstance(value, int)


def _wide(value: object) -> bool:
    return isinstance(value, int) and not -(2**63) <= value < 2**64


def _answer_shape(items: Items) -> bool:
    """Beyond what `unpack` looks at: a fourth element, or a payload that its later validation would refuse."""
    return items[:1] == [3] and (len(items) == 4 or (len(items) == 3 and not isinstance(items[2], dict | None)))


def _empty_instead(items: Items) -> bool:
    return _call(items) and items[3] is None


def _no_object(items: Items) -> bool:
    return _call(items) and items[3] is not None and not isinstance(items[3], dict)


@dataclass(frozen=True, slots=True)
class Reason:
    """When a difference is meant, and where our reading must then have ended; `code` of the package if it matters."""

    applies: Callable[[Items], bool]
    ours: tuple[Stage, ...] = (Stage.UNREADABLE,)
    stock_code: str = ""

    def holds(self, items: Items, stock: Verdict, ours: Verdict) -> bool:
        """Whether this explains the two verdicts."""
        return ours.stage in self.ours and self.stock_code in ("", stock.code) and self.applies(items)


UNPARSED: Mapping[str, Callable[[str | bytes, Verdict], bool]] = {
    "HP-D3 nested too deep to read": lambda data, stock: stock.code == "RecursionError",
    "integer of more than 4300 digits": lambda data, stock: stock.code == "ValueError",
    "not JSON by RFC 8259 in UTF-8": lambda data, stock: not is_rfc_8259(data),
    "a name stands twice in an object": lambda data, stock: is_doubled(data),
    "frame above 64 KiB": lambda data, stock: _size(data) > FRAME_BYTES_MAX,
}
"""Judged by the text alone; ours is unreadable for each of them."""

PARSED: Mapping[str, Reason] = {
    "HP-D3 nested deeper than 20": Reason(lambda items: depth(items) > JSON_DEPTH_MAX),
    "message type written 2.0": Reason(lambda items: isinstance(items[0], float)),
    "HP-D6 message id": Reason(_bad_id),
    "integer beyond 64 bits": Reason(lambda items: any(map(_wide, leaves(items))), (Stage.UNREADABLE, Stage.REFUSED)),
    "HP-D2 action no text": Reason(lambda items: _call(items) and not isinstance(items[2], str)),
    "action empty or above 64 characters": Reason(
        lambda items: _call(items) and not 0 < len(items[2]) <= ACTION_LENGTH_MAX, stock_code="NotSupported"
    ),
    "null payload is an empty one": Reason(_empty_instead, (Stage.REFUSED, Stage.ACCEPTED)),
    "payload no object goes before unknown action": Reason(_no_object, stock_code="NotSupported"),
    "unknown action is NotImplemented": Reason(_call, (Stage.REFUSED,), "NotSupported"),
    "limit too large for the package's decimals": Reason(_call, (Stage.REFUSED, Stage.ACCEPTED), "InvalidOperation"),
    "RB-20 CALLERROR of 3 elements": Reason(lambda items: items[:1] == [4] and len(items) == 3, (Stage.REPLY,)),
    "answer with a fourth element or no object": Reason(_answer_shape),
}
"""Judged by the elements."""

NAMES = (*UNPARSED, *PARSED)


def is_doubled(data: str | bytes) -> bool:
    """Readers differ in which of the two counts, so none may (attack class 6)."""
    doubled = []

    def look(pairs: list[tuple[str, object]]) -> dict[str, object]:
        doubled.extend([len(pairs)] if len(dict(pairs)) < len(pairs) else [])
        return dict(pairs)

    json.loads(data, object_pairs_hook=look)
    return bool(doubled)


def _size(data: str | bytes) -> int:
    return len(data if isinstance(data, bytes) else data.encode())


def reason(data: str | bytes, stock: Verdict, ours: Verdict) -> str | None:
    """The name of the difference between these verdicts; None for one that nobody meant."""
    for name, applies in UNPARSED.items():
        if applies(data, stock):
            return name if ours.stage is Stage.UNREADABLE else None
    items = json.loads(data)
    if not isinstance(items, list) or not items:
        return None
    return next((name for name, reason in PARSED.items() if reason.holds(items, stock, ours)), None)
