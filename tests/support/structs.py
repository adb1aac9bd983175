"""Random values of msgspec types: every field in or out, bounds kept; for commands, whose types are their own rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
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


TRIES = 20_000


def bodies(
    kind: type[Struct], rng: Random, seeds: Sequence[dict[str, Any]] = ()
) -> tuple[list[dict[str, Any]], set[str]]:
    """JSON objects that are values of `kind`, as few as show each optional field in and out, and each choice; and what
    none of many tries has shown, because fields that are optional by type may have to go together. `seeds`: some that
    do.
    """
    known, found = _known(kind), list(seeds)
    missing = set(_features(known)).difference(*(_shown(known, seed) for seed in seeds))
    for number in range(TRIES):
        if found and not missing:
            break
        fields = _nudged(known, deepcopy(rng.choice(found)), rng) if found and number % 2 else _struct(known, rng)
        shown = missing.intersection(_shown(known, fields))
        if shown or not found:
            with suppress(msgspec.ValidationError):
                msgspec.convert(fields, kind, strict=False)
                found.append(fields)
                missing -= shown
    return msgspec.to_builtins(found), missing


def _nudged(kind: Any, value: Any, rng: Random) -> Any:
    """A value with one place in it drawn again: what goes together stays together."""
    if isinstance(kind, inspect.StructType) and isinstance(value, dict):
        field = rng.choice(kind.fields)
        if field.name in value and rng.random() < 0.6:
            value[field.name] = _nudged(field.type, value[field.name], rng)
        elif field.name in value and not field.required and rng.random() < 0.5:
            del value[field.name]
        else:
            value[field.name] = _value(field.type, rng)
        return value
    if isinstance(kind, inspect.UnionType) and isinstance(value, dict | list):
        return _nudged(next(t for t in kind.types if not isinstance(t, inspect.NoneType)), value, rng)
    if isinstance(kind, inspect.VarTupleType) and value:
        place = rng.randrange(len(value))
        value[place] = _nudged(kind.item_type, value[place], rng)
        return value
    return _value(kind, rng)


def _features(kind: Any, way: str = "") -> Iterator[str]:
    """Everything that a value of a type can show."""
    if isinstance(kind, inspect.StructType):
        for field in kind.fields:
            if not field.required:
                yield from (f"{way}{field.name} in", f"{way}{field.name} out")
            yield from _features(field.type, f"{way}{field.name}/")
    elif isinstance(kind, inspect.UnionType):
        for member in kind.types:
            yield from _features(member, way)
    elif isinstance(kind, inspect.VarTupleType):
        yield from _features(kind.item_type, way)
    else:
        yield from (f"{way}={choice}" for choice in _choices(kind))


def _shown(kind: Any, value: Any, way: str = "") -> Iterator[str]:
    """What a value shows of its type."""
    if isinstance(kind, inspect.StructType) and isinstance(value, Mapping):
        for field in kind.fields:
            there = field.name in value
            if not field.required:
                yield f"{way}{field.name} {'in' if there else 'out'}"
            if there:
                yield from _shown(field.type, value[field.name], f"{way}{field.name}/")
    elif isinstance(kind, inspect.UnionType):
        for member in kind.types:
            yield from _shown(member, value, way)
    elif isinstance(kind, inspect.VarTupleType) and isinstance(value, list):
        for item in value:
            yield from _shown(kind.item_type, item, way)
    elif any(choice == value for choice in _choices(kind)):
        yield f"{way}={value}"


def _choices(kind: Any) -> tuple[Any, ...]:
    """What a value can be, when that is a handful."""
    if isinstance(kind, inspect.EnumType):
        return tuple(kind.cls)
    if isinstance(kind, inspect.LiteralType):
        return tuple(kind.values)
    return (True, False) if isinstance(kind, inspect.BoolType) else ()


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
