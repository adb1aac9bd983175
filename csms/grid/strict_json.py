"""A JSON reader for statements that decide over power: no key twice, no NaN, no huge integer, bounded depth.

Ordinary readers let the last duplicate win and accept NaN, so two parties could read one statement differently.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

BODY_BYTES_MAX = 256 * 1024
DEPTH_MAX = 8
INTEGER_DIGITS_MAX = 18


class Malformed(ValueError):
    """The bytes are not one JSON object as we accept it; the text says why."""


def read_object(raw: bytes) -> dict[str, Any]:
    """One JSON object; raises Malformed."""
    if len(raw) > BODY_BYTES_MAX:
        raise Malformed(f"more than {BODY_BYTES_MAX} bytes")
    try:
        value = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_no_key_twice, parse_constant=_no_constant, parse_int=_integer
        )
    except Malformed:
        raise
    except (ValueError, RecursionError):
        raise Malformed("not JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    _bounded(value, DEPTH_MAX)
    _plain_text(value)
    return value


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Malformed("a name stands twice")
    return result


def _no_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is no JSON number")


def _integer(text: str) -> int:
    if len(text) > INTEGER_DIGITS_MAX:
        raise Malformed("an integer has too many digits")
    return int(text)


def _bounded(value: Any, depth_left: int) -> None:
    if depth_left == 0:
        raise Malformed(f"nested deeper than {DEPTH_MAX}")
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict | list):
            _bounded(item, depth_left - 1)


def _plain_text(value: dict[str, Any]) -> None:
    """Half surrogates and NUL cannot be stored."""
    text = json.dumps(value, ensure_ascii=False)
    if "\\u0000" in text or (not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text)):
        raise Malformed("a text holds characters that cannot be stored")
