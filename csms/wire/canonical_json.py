"""JSON in one spelling, so that two parties sign and check the same bytes (RFC 8785). Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from math import isfinite
from typing import Any

PLAIN_DIGITS_MAX = 21
"""Longer numbers are written with an exponent."""
ZEROS_MAX = 6
"""So are numbers with more zeros behind the point."""


def canonical(value: Any) -> bytes:
    """What `csms.wire.strict_json` reads, written. Raises ValueError for what JSON cannot say."""
    return _text(value).encode("utf-8")


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | float):
        return _number(float(value))
    if isinstance(value, Mapping):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{_text(name)}:{_text(value[name])}" for name in names) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    raise ValueError(f"{type(value).__name__} is no JSON")


def _number(value: float) -> str:
    """As ECMAScript writes it: the fewest digits that mean this number."""
    if not isfinite(value):
        raise ValueError("no JSON number")
    if value == 0:
        return "0"
    sign, digits, power = Decimal(repr(value)).as_tuple()
    assert isinstance(power, int)
    shown = "".join(map(str, digits)).lstrip("0")
    point = len(shown) + power
    shown = shown.rstrip("0")
    return ("-" if sign else "") + _placed(shown, point)


def _placed(digits: str, point: int) -> str:
    """`digits` with the decimal point behind so many of them."""
    if len(digits) <= point <= PLAIN_DIGITS_MAX:
        return digits + "0" * (point - len(digits))
    if 0 < point <= PLAIN_DIGITS_MAX:
        return f"{digits[:point]}.{digits[point:]}"
    if -ZEROS_MAX < point <= 0:
        return f"0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{rest}e{point - 1:+d}"
