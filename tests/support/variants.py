"""Every way to write one message: each optional field alone and missing, each word of each enumeration, lists at their
bounds. Made of one whole message, so whatever its schema has is somewhere in them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any

from csms.model.bounds import FRAME_BYTES_MAX
from csms.model.station import Protocol
from tests.support.examples import Examples, Json, Schema, resolved

Payload = dict[str, Any]
Way = tuple[str, ...]
"""The keys to a value; `*` is every element of a list."""

LIST_MAX = 20
"""Lists with a higher bound are made of three elements instead: a thousand are a matter of frames, not of fields."""

RANDOM = 10
"""Payloads drawn at random beside the systematic ones, with texts and numbers at their bounds."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A payload, and what is special about it; `rich`: one of the many that are nearly the whole message."""

    name: str
    payload: Payload
    rich: bool = False


@dataclass(frozen=True, slots=True)
class Spot:
    """A value in a message: the way to it, its schema, whether it may be left out."""

    way: Way
    schema: Schema
    optional: bool

    @property
    def text(self) -> str:
        """The way as it is shown."""
        return "/".join(self.way)

    @property
    def choices(self) -> tuple[Json, ...]:
        """All that the value can be, when that is a handful."""
        if self.schema.get("type") == "boolean":
            return (True, False)
        return tuple(self.schema.get("enum", ()))


class Variants:
    """Of one message of a version: a request, or `…Response`."""

    def __init__(self, protocol: Protocol, name: str) -> None:
        self._examples = Examples(protocol, name, Random(f"variants/{protocol}/{name}"), ordinary=True)
        self._loose = Examples(protocol, name, Random(f"loose/{protocol}/{name}"))
        self._root = self._examples.root
        self._whole = self._examples.whole()
        self.spots = list(spots(self._whole, self._root, self._root))

    def all(self) -> list[Variant]:
        """Each payload once; all pass the schema strictly."""
        found: dict[str, Variant] = {}
        for variant in self._each():
            text = json.dumps(variant.payload, sort_keys=True)
            assert len(text) < FRAME_BYTES_MAX - 200, variant.name
            found.setdefault(text, variant)
        return list(found.values())

    def loose(self) -> list[Variant]:
        """Some at random, with times that are none and the signs that break things: still by the schema."""
        drawn = (self._loose.payload() for _ in range(RANDOM))
        return [Variant("drawn", payload) for payload in drawn if len(json.dumps(payload)) < FRAME_BYTES_MAX - 200]

    def _each(self) -> Iterator[Variant]:
        yield Variant("required fields", self._lean(()))
        yield Variant("all fields", self._whole)
        for spot in self.spots:
            if spot.optional:
                yield Variant(f"{spot.text} alone", self._lean(spot.way))
                yield Variant(f"all but {spot.text}", without(self._whole, spot.way), rich=True)
            for choice in spot.choices:
                yield Variant(f"{spot.text} = {choice}, alone", put(self._lean(spot.way), spot.way, choice))
                yield Variant(f"{spot.text} = {choice}", put(self._whole, spot.way, choice), rich=True)
            if spot.schema.get("type") == "array":
                yield from self._lists(spot)

    def _lists(self, spot: Spot) -> Iterator[Variant]:
        least, most = spot.schema.get("minItems", 0), spot.schema.get("maxItems", LIST_MAX + 1)
        for count in {least, most if most <= LIST_MAX else 3}:
            yield Variant(f"{count} of {spot.text}", resized(self._lean((*spot.way, "*")), spot.way, count))

    def _lean(self, way: Way) -> Payload:
        """The required fields, and those that lie on a way."""
        lean: Payload = _lean(self._whole, self._root, self._root, way)
        return lean


def spots(value: Json, schema: Schema, root: Schema, way: Way = ()) -> Iterator[Spot]:
    """Every value in a message once; of a list the first element stands for all; what has no schema is one value."""
    schema = resolved(schema, root)
    if not schema:
        return
    if isinstance(value, dict):
        for key in sorted(value):
            below = resolved(schema.get("properties", {}).get(key, {}), root)
            yield Spot((*way, key), below, key not in schema.get("required", ()))
            yield from spots(value[key], below, root, (*way, key))
    elif isinstance(value, list) and value:
        below = resolved(schema.get("items", {}), root)
        yield Spot((*way, "*"), below, optional=False)
        yield from spots(value[0], below, root, (*way, "*"))


def _lean(value: Json, schema: Schema, root: Schema, way: Way) -> Json:
    schema = resolved(schema, root)
    first, rest = (way[0], way[1:]) if way else ("", ())
    if isinstance(value, dict):
        required, known = schema.get("required", ()), schema.get("properties", {})
        kept = [key for key in value if key in required or key == first]
        return {key: _lean(value[key], known.get(key, {}), root, rest if key == first else ()) for key in kept}
    if isinstance(value, list):
        return [_lean(item, schema.get("items", {}), root, rest) for item in value[: max(1, schema.get("minItems", 0))]]
    return value


def _holders(value: Json, way: Way) -> Iterator[tuple[Any, Any]]:
    """What holds the values at the end of a way, each with its key."""
    keys = range(len(value)) if way[0] == "*" else [way[0]] if way[0] in value else []
    for key in keys:
        if len(way) == 1:
            yield value, key
        else:
            yield from _holders(value[key], way[1:])


def put(payload: Payload, way: Way, value: Json) -> Payload:
    """The payload with another value at the end of a way."""
    changed = deepcopy(payload)
    for holder, key in _holders(changed, way):
        holder[key] = deepcopy(value)
    return changed


def without(payload: Payload, way: Way) -> Payload:
    """The payload without what is at the end of a way."""
    changed = deepcopy(payload)
    for holder, key in list(_holders(changed, way)):
        del holder[key]
    return changed


def resized(payload: Payload, way: Way, count: int) -> Payload:
    """The payload with `count` elements in the list at the end of a way."""
    changed = deepcopy(payload)
    for holder, key in _holders(changed, way):
        items = holder[key]
        holder[key] = [deepcopy(items[number % len(items)]) for number in range(count)] if items else []
    return changed


def at_home(payload: Json, facts: dict[str, Json]) -> Json:
    """The payload with what `facts` names, wherever a value of that type stands that is more than an empty text."""
    if isinstance(payload, list):
        return [at_home(item, facts) for item in payload]
    if not isinstance(payload, dict):
        return payload
    known = {key for key, value in payload.items() if key in facts and value != "" and type(value) is type(facts[key])}
    return {key: deepcopy(facts[key]) if key in known else at_home(value, facts) for key, value in payload.items()}
