"""Strict JSON, both ways (section 6): bounded size and depth, no key twice, no NaN, no half surrogate.

Numbers with a fraction are read as Decimal, so that the number of decimals can be judged as it was written.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from csms.wire.strict_json import Bounds, JsonRefused, read, read_object

__all__ = ["BODY_BYTES_MAX", "JsonRefused", "bounded", "canonical", "parse", "parse_object", "write"]

BODY_BYTES_MAX = 2 * 1024 * 1024
"""Size of a request or response (section 6)."""

BOUNDS = Bounds(BODY_BYTES_MAX, depth_max=64, exact=True)


async def bounded(chunks: AsyncIterable[bytes]) -> bytes:
    """A body up to one byte more than is allowed, which is enough to refuse it."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return bytes(body[: BODY_BYTES_MAX + 1])
    return bytes(body)


def parse(raw: bytes | str, bytes_max: int = BODY_BYTES_MAX) -> Any:
    """Read one JSON value; raises JsonRefused."""
    return read(raw, _bounds(bytes_max))


def parse_object(raw: bytes | str, bytes_max: int = BODY_BYTES_MAX) -> dict[str, Any]:
    """Read one JSON object; raises JsonRefused."""
    return read_object(raw, _bounds(bytes_max))


def _bounds(bytes_max: int) -> Bounds:
    return BOUNDS if bytes_max == BODY_BYTES_MAX else replace(BOUNDS, bytes_max=bytes_max)


def write(value: Any) -> bytes:
    """Compact UTF-8 JSON in the order of the keys; raises ValueError for what JSON cannot say."""
    return _ENCODER.encode(value).encode()


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


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_number)
