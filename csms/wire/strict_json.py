"""A JSON reader for peers whose words have consequences: no key twice, no NaN, bounded size and depth, whole texts.

Ordinary readers let the last duplicate win and accept NaN, so two parties could read one statement differently.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from math import isinf
from typing import Any, NoReturn


class JsonRefused(ValueError):
    """The bytes are not JSON as we accept it; the text says why."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a reader accepts. `exact`: numbers with a fraction become Decimal, so that they can be judged as written."""

    bytes_max: int
    depth_max: int
    integer_digits_max: int | None = None
    exact: bool = False
    nul: bool = True


def read(raw: bytes | str, bounds: Bounds) -> Any:
    """One JSON value; raises JsonRefused."""
    if len(raw) > bounds.bytes_max:
        raise JsonRefused(f"more than {bounds.bytes_max} bytes")
    try:
        text = raw.decode("utf-8") if isinstance(raw, bytes) else raw
        value = _decoder(bounds.integer_digits_max, bounds.exact).decode(text)
    except JsonRefused:
        raise
    except InvalidOperation:
        raise JsonRefused("a number out of all bounds") from None
    except (ValueError, RecursionError) as fault:
        raise JsonRefused(f"not JSON in UTF-8: {type(fault).__name__}") from None
    if not _is_plain(text, bounds, from_bytes=isinstance(raw, bytes)):
        _check(value, bounds, bounds.depth_max)
    return value


@cache
def _decoder(integer_digits_max: int | None, exact: bool) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_no_key_twice,
        parse_constant=_no_constant,
        parse_float=_exact if exact else None,
        parse_int=_integer(integer_digits_max) if integer_digits_max is not None else None,
    )


def _is_plain(text: str, bounds: Bounds, *, from_bytes: bool) -> bool:
    """Whether `_check` has nothing to find: too few brackets to be deep, and no escape that makes an odd character
    (UTF-8 itself has no half surrogates, and JSON no control characters)."""
    return from_bytes and text.count("[") + text.count("{") <= bounds.depth_max and "\\u" not in text


def read_object(raw: bytes | str, bounds: Bounds) -> dict[str, Any]:
    """One JSON object; raises JsonRefused."""
    value = read(raw, bounds)
    if not isinstance(value, dict):
        raise JsonRefused("not a JSON object")
    return value


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise JsonRefused("a name stands twice")
    return result


def _no_constant(name: str) -> NoReturn:
    raise JsonRefused(f"{name} is no JSON number")


def _exact(text: str) -> Decimal:
    """A number that no float holds is refused: what is read exactly is summed up and written down as a float later."""
    if isinf(float(text)):
        raise JsonRefused("a number out of all bounds")
    return Decimal(text)


def _integer(digits_max: int | None) -> Callable[[str], int]:
    def integer(text: str) -> int:
        if digits_max is not None and len(text) > digits_max:
            raise JsonRefused("an integer has too many digits")
        return int(text)

    return integer


def _check(value: Any, bounds: Bounds, depth_left: int) -> None:
    """Depth, and texts that can be stored."""
    if isinstance(value, str):
        _whole_text(value, bounds)
    elif isinstance(value, dict | list):
        if depth_left == 0:
            raise JsonRefused(f"nested deeper than {bounds.depth_max}")
        for item in value.values() if isinstance(value, dict) else value:
            _check(item, bounds, depth_left - 1)
        for key in value if isinstance(value, dict) else ():
            _whole_text(key, bounds)


def _whole_text(text: str, bounds: Bounds) -> None:
    if not bounds.nul and "\x00" in text:
        raise JsonRefused("a text holds a character that cannot be stored")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise JsonRefused("half a surrogate pair")
