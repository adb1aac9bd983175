"""Damage to payloads: one place at a time, chosen and measured by the schema that holds there. Seeded, no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.support.examples import Json, Schema, resolved

WRONG_TYPES: tuple[Json, ...] = (
    None, True, False, 0, 1, -1, 7, 1.0, 0.0, -2.0, 2.5, 1e22, "", "x", "1", "true", "2.5", [], [1], {}, {"a": 1},
)  # fmt: skip
NUMBERS: tuple[Json, ...] = (
    0, -1, 1, 2, 10**6, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1,
    2**64, -(2**63) - 1, 10**30, 0.05, 4.11, 21.4, -0.0, 1e-7, 1e15 + 0.1, 1e22, 1e300, 5e-324,
)  # fmt: skip
NAMES = ("", "x", "customData", "colour", "ID", "status", "self", "a b", "é", "timestamp", "transactionId", "value")


CANDIDATES = 4
"""Places drawn for one damage; the least damaged of them gets it."""

LONG_LIST, LONG_LISTS_SHARE = 20, 0.5
"""Lists with a higher bound are filled up to it only now and then: they cost hundreds of other messages."""


@dataclass(frozen=True, slots=True)
class Place:
    """One value in a payload: what holds it, under which key, its schema (empty when it has none), and its path.

    In a path the positions in lists are `*`.
    """

    holder: Any
    key: Any
    schema: Schema
    path: tuple[str, ...] = ()

    @property
    def value(self) -> Json:
        """What is there."""
        return self.holder[self.key]


def places(value: Json, schema: Schema, root: Schema, path: tuple[str, ...] = ()) -> Iterator[Place]:
    """Every value inside `value`."""
    schema = resolved(schema, root)
    if isinstance(value, dict):
        inner = [(key, schema.get("properties", {}).get(key, {})) for key in value]
    elif isinstance(value, list):
        inner = [(number, schema.get("items", {})) for number in range(len(value))]
    else:
        return
    for key, below in inner:
        way = (*path, key if isinstance(key, str) else "*")
        yield Place(value, key, resolved(below, root), way)
        yield from places(value[key], below, root, way)


class PayloadMutator:
    """Damages payloads of one schema in place; each kind of damage has a name."""

    def __init__(self, root: Schema, rng: Random) -> None:
        self._root, self._rng = root, rng
        self._used = Counter[tuple[str, ...]]()
        self._way = ""
        self._ways: tuple[Callable[[list[Place]], bool], ...] = (
            self._drop, self._drop, self._rename, self._repeat, self._add, self._add, self._retype, self._retype,
            self._retype, self._lengthen, self._empty, self._recase, self._renumber, self._renumber, self._resize,
            self._swap, self._nest,
        )  # fmt: skip

    def damage(self, payload: dict[str, Json]) -> None:
        """One to three faults, mostly one."""
        for _ in range(self._rng.choice((1, 1, 1, 1, 1, 1, 2, 2, 3))):
            found = [Place({"": payload}, "", self._root), *places(payload, self._root, self._root)]
            for way in self._rng.sample(self._ways, len(self._ways)):
                self._way = way.__name__
                if way(found):
                    break

    def _one(self, found: list[Place], fits: Callable[[Place], bool]) -> Place | None:
        """A place that fits; of a few, the one damaged least often in this way, so that deep ones get their turn.

        Drawn by path, so that the elements of a long list do not crowd out what stands once.
        """
        fitting = [place for place in found[1:] if fits(place)]
        if not fitting:
            return None
        self._rng.shuffle(fitting)
        by_path = list({place.path: place for place in fitting}.values())
        few = self._rng.sample(by_path, min(CANDIDATES, len(by_path)))
        place = min(few, key=lambda place: self._used[self._way, *place.path])
        self._used[self._way, *place.path] += 1
        return place

    def _object(self, found: list[Place]) -> dict[str, Json]:
        chosen: dict[str, Json] = self._rng.choice([p.value for p in found if isinstance(p.value, dict)])
        return chosen

    def _drop(self, found: list[Place]) -> bool:
        place = self._one(found, lambda place: True)
        if place is not None:
            del place.holder[place.key]
        return place is not None

    def _rename(self, found: list[Place]) -> bool:
        place = self._one(found, lambda place: isinstance(place.holder, dict) and place.key != "")
        if place is None:
            return False
        key = place.key
        new = self._rng.choice((key.upper(), key[0].upper() + key[1:], key + "s", " " + key, key[:-1], key + "\0"))
        place.holder[new] = place.holder.pop(key)
        return True

    def _repeat(self, found: list[Place]) -> bool:
        """A property again under another one's name."""
        place = self._one(found, lambda place: isinstance(place.holder, dict) and len(place.holder) > 1)
        if place is not None:
            place.holder[self._rng.choice(list(place.holder))] = deepcopy(place.value)
        return place is not None

    def _add(self, found: list[Place]) -> bool:
        holder = self._object(found)
        known = list(self._root.get("properties", {}))
        holder[self._rng.choice((*NAMES, *known))] = deepcopy(self._rng.choice(WRONG_TYPES))
        return True

    def _retype(self, found: list[Place]) -> bool:
        place = self._one(found, lambda place: True)
        if place is not None:
            whole = isinstance(place.value, int) and not isinstance(place.value, bool) and abs(place.value) < 2**31
            values = (*WRONG_TYPES, *((float(place.value), str(place.value)) * 3 if whole else ()))
            place.holder[place.key] = deepcopy(self._rng.choice(values))
        return place is not None

    def _lengthen(self, found: list[Place]) -> bool:
        place = self._one(found, lambda place: "maxLength" in place.schema)
        if place is not None:
            length = place.schema["maxLength"] + self._rng.choice((0, 1, 1, 1, 7, 3000))
            place.holder[place.key] = self._rng.choice(("x", "é", "🔌")) * length
        return place is not None

    def _empty(self, found: list[Place]) -> bool:
        place = self._one(found, lambda place: bool(place.value) and isinstance(place.value, str | list | dict))
        if place is not None:
            place.holder[place.key] = type(place.value)()
        return place is not None

    def _recase(self, found: list[Place]) -> bool:
        place = self._one(found, lambda place: "enum" in place.schema and isinstance(place.value, str))
        if place is not None:
            word = place.value
            choices = (word.lower(), word.upper(), word.swapcase(), word + " ", word[:-1], "Unknown", word + "\0")
            place.holder[place.key] = self._rng.choice(choices)
        return place is not None

    def _renumber(self, found: list[Place]) -> bool:
        place = self._one(found, lambda place: place.schema.get("type") in ("integer", "number"))
        if place is not None:
            near = [place.schema[bound] + step for bound in ("minimum", "maximum") if bound in place.schema
                    for step in (-1, 0, 1, -0.1, 0.1)]  # fmt: skip
            place.holder[place.key] = self._rng.choice((*NUMBERS, *near, *near))
        return place is not None

    def _resize(self, found: list[Place]) -> bool:
        place = self._one(found, lambda place: isinstance(place.value, list) and len(place.value) > 0)
        if place is None:
            return False
        most = place.schema.get("maxItems", 5)
        reachable = most < LONG_LIST or self._rng.random() < LONG_LISTS_SHARE
        count = self._rng.choice((0, len(place.value) + 1, *((most, most + 1) if reachable else ())))
        items = [self._bare(place)] if count > LONG_LIST else place.value
        place.holder[place.key] = [deepcopy(items[n % len(items)]) for n in range(count)]
        return True

    def _bare(self, place: Place) -> Json:
        """An element of a list with no more than it must have, so that a thousand of them fit into a frame."""
        item, schema = place.value[0], resolved(place.schema.get("items", {}), self._root)
        if not isinstance(item, dict):
            return item
        return {key: value for key, value in item.items() if key in schema.get("required", ())}

    def _swap(self, found: list[Place]) -> bool:
        """Two values change places, as far as neither holds the other."""
        simple = [place for place in found[1:] if not isinstance(place.value, dict | list)]
        if len(simple) < 2:
            return False
        one, other = self._rng.sample(simple, 2)
        one.holder[one.key], other.holder[other.key] = other.value, one.value
        return True

    def _nest(self, found: list[Place]) -> bool:
        """A value inside a list or an object of its own, or out of the one it is in."""
        place = self._one(found, lambda place: True)
        if place is None:
            return False
        value = place.value
        choices = [[value], {"value": value}, [value, deepcopy(value)]]
        choices += value[:1] if isinstance(value, list) else list(value.values())[:1] if isinstance(value, dict) else []
        place.holder[place.key] = self._rng.choice(choices)
        return True
