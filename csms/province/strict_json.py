"""Strict JSON, both ways (section 6): bounded size and depth, no key twice, no NaN, no half surrogate.

Numbers with a fraction are read as Decimal, so that the number of decimals can be judged as it was written.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

DEPTH_MAX = 64
"""Nesting that a peer may send (section 6)."""

BODY_BYTES_MAX = 2 * 1024 * 1024
"""Size of a request or response (section 6)."""


class JsonRefused(ValueError):
    """The bytes are not JSON as the interface allows it; the text says why."""


def parse(raw: bytes | str, bytes_max: int = BODY_BYTES_MAX) -> Any:
    """Read one JSON value; raises JsonRefused."""
    if len(raw) > bytes_max:
        raise JsonRefused(f"more than {bytes_max} bytes")
    try:
        text = raw.decode("utf-8") if isinstance(raw, bytes) else raw
        value = json.loads(
            text, object_pairs_hook=_no_key_twice, parse_constant=_no_constant, parse_float=_exact_number
        )
    except JsonRefused:
        raise
    except (ValueError, RecursionError) as fault:
        raise JsonRefused(f"not JSON: {type(fault).__name__}") from None
    _bounded(value, DEPTH_MAX)
    return value


def parse_object(raw: bytes | str, bytes_max: int = BODY_BYTES_MAX) -> dict[str, Any]:
    """Read one JSON object; raises JsonRefused."""
    value = parse(raw, bytes_max)
    if not isinstance(value, dict):
        raise JsonRefused("not a JSON object")
    return value


def write(value: Any) -> bytes:
    """Compact UTF-8 JSON in the order of the keys; raises ValueError for what JSON cannot say."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_number).encode()


def canonical(value: Any) -> bytes:
    """The same content gives the same bytes: sorted keys, no white space, UTF-8."""
    text = json.dumps(
        value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True, default=_number
    )
    return text.encode()


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise ValueError(f"JSON cannot say {type(value).__name__}")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise JsonRefused("a key stands twice")
    return result


def _no_constant(name: str) -> NoReturn:
    raise JsonRefused(f"{name} is no number")


def _exact_number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise JsonRefused("a number out of all bounds") from None


def _bounded(value: Any, depth_left: int) -> None:
    if isinstance(value, str):
        _whole_text(value)
    elif isinstance(value, dict | list):
        if depth_left == 0:
            raise JsonRefused(f"nested deeper than {DEPTH_MAX}")
        for item in value.values() if isinstance(value, dict) else value:
            _bounded(item, depth_left - 1)
        for key in value if isinstance(value, dict) else ():
            _whole_text(key)


def _whole_text(text: str) -> None:
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise JsonRefused("half a surrogate pair")
