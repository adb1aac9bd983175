"""Random values of msgspec types: every field in or out, bounds kept; for commands, whose types are their own rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any

import msgspec
from msgspec import Struct, inspect

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NUMBER_MAX = 10**6
CANDIDATES = ("23:30", "2026-03-01", "Daily", "https://example.org/a", "0123456789abcdef" * 2, "")
"""Texts of which each pattern takes one."""


def example(kind: type[Struct], rng: Random) -> Struct:
    """A value of `kind`; raises ValueError where its fields do not go together."""
    return msgspec.convert(_struct(_known(kind), rng), kind, strict=False)


@cache
def _known(kind: type[Struct]) -> Any:
    return inspect.type_info(kind)


def _struct(kind: Any, rng: Random) -> dict[str, Any]:
    richness = rng.choice((0.0, 0.15, 0.5, 1.0))
    kept = [field for field in kind.fields if field.required or rng.random() < richness]
    return {field.name: _value(field.type, rng) for field in kept}


def _value(kind: Any, rng: Random) -> Any:
    if isinstance(kind, inspect.UnionType):
        return _value(rng.choice([t for t in kind.types if not isinstance(t, inspect.NoneType)]), rng)
    return _MAKERS[type(kind)](kind, rng)


def _bounds(kind: Any) -> tuple[float, float]:
    low = kind.ge if kind.ge is not None else kind.gt + 1 if kind.gt is not None else -NUMBER_MAX
    high = kind.le if kind.le is not None else kind.lt - 1 if kind.lt is not None else NUMBER_MAX
    return low, high


def _integer(kind: Any, rng: Random) -> int:
    low, high = _bounds(kind)
    return rng.choice((int(low), int(high), rng.randint(int(low), int(min(high, low + 100)))))


def _number(kind: Any, rng: Random) -> float:
    low, high = _bounds(kind)
    return rng.choice((low, high, round(rng.uniform(max(low, -1000), min(high, 1000)), 1)))


def _text(kind: Any, rng: Random) -> str:
    if kind.pattern is not None:
        return rng.choice([text for text in CANDIDATES if re.search(kind.pattern, text)])
    length = rng.choice((kind.min_length or 0, kind.max_length or 20, 5))
    return "x" * max(kind.min_length or 0, min(length, kind.max_length or 20))


def _many(kind: Any, rng: Random) -> list[Any]:
    least = kind.min_length or 0
    return [_value(kind.item_type, rng) for _ in range(least + rng.choice((0, 0, 1, 2)))][: kind.max_length]


_MAKERS: dict[type, Callable[[Any, Random], Any]] = {
    inspect.StructType: _struct,
    inspect.IntType: _integer,
    inspect.FloatType: _number,
    inspect.StrType: _text,
    inspect.BoolType: lambda kind, rng: rng.random() < 0.5,
    inspect.DateTimeType: lambda kind, rng: NOW,
    inspect.LiteralType: lambda kind, rng: rng.choice(list(kind.values)),
    inspect.EnumType: lambda kind, rng: rng.choice(list(kind.cls)),
    inspect.VarTupleType: _many,
    inspect.DictType: lambda kind, rng: {_value(kind.key_type, rng): _value(kind.value_type, rng)},
    inspect.AnyType: lambda kind, rng: "any",
}
