"""Frequent requests read, checked and typed in one go, straight from the bytes.

The types are made from the schemas of the `ocpp` package. What has no type here (custom data, rare keywords) is left
out of them, and a frame that uses it, or is unusual in any other way, is not read here: it goes the general way.
So this may decline whatever it likes, but what it reads means what the general way would have made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Annotated, Any, Literal

import msgspec

from csms.model.bounds import FRAME_BYTES_MAX, UNIQUE_ID_LENGTH_MAX
from csms.model.inbound import Inbound
from csms.wire.frames import CALL
from csms.wire.reading import NUMBER_MAX

Translate = Callable[[Any, datetime, tzinfo], Inbound | None]
"""A typed payload, its time of arrival and the station's local time, as a message; None: let it go the general way."""

_SILENT = frozenset(
    {"$schema", "$id", "title", "description", "comment", "javaType", "default", "format", "definitions"}
)


class HotCall(msgspec.Struct, frozen=True, gc=False):
    """A request as `csms.wire.codec.Decoded` has it, without deviations."""

    unique_id: str
    action: str
    message: Inbound
    received_at: datetime


class NoType(Exception):
    """A schema says something that has no type here."""


@dataclass(frozen=True, slots=True)
class _Entry:
    action: str
    decode: Callable[[bytes], tuple[int, str, str, Any]]
    translate: Translate


class TypedReader:
    """Reads the requests of one version that `translations` names."""

    def __init__(
        self, translations: Mapping[str, Translate], schema: Callable[[str], Mapping[str, Any]], zone: tzinfo
    ) -> None:
        """`schema` gives the JSON schema of an action's request. Raises NoType."""
        self._zone = zone
        self._entries = {
            action.encode(): _Entry(action, _decoder(action, schema(action)), translate)
            for action, translate in translations.items()
        }

    def read(self, data: bytes, received_at: datetime) -> HotCall | None:
        """The request in a frame; None for everything that is not exactly as expected.

        The word between the third quote and the fourth says which type to read; the type checks that it is the action.
        """
        words = data.split(b'"', 4)
        entry = self._entries.get(words[3]) if len(words) == 5 else None
        if entry is None or len(data) > FRAME_BYTES_MAX:
            return None
        try:
            _, unique_id, _, payload = entry.decode(data)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        message = entry.translate(payload, received_at, self._zone)
        return None if message is None else HotCall(unique_id, entry.action, message, received_at)


def _decoder(action: str, schema: Mapping[str, Any]) -> Callable[[bytes], tuple[int, str, str, Any]]:
    unique_id = Annotated[str, msgspec.Meta(max_length=UNIQUE_ID_LENGTH_MAX)]
    frame: Any = tuple.__class_getitem__((Literal[CALL], unique_id, Literal[action], payload_type(schema)))
    return msgspec.json.Decoder(frame).decode


def payload_type(schema: Mapping[str, Any]) -> Any:
    """A msgspec type that takes what `schema` takes, or less. Raises NoType.

    Absent texts become "", absent lists (), absent objects and numbers None; null is never taken.
    """
    return _type(schema, schema.get("definitions", {}), "Payload")


def _type(schema: Mapping[str, Any], definitions: Mapping[str, Any], name: str) -> Any:
    if "$ref" in schema:
        target = schema["$ref"].removeprefix("#/definitions/")
        return _type(definitions[target], definitions, target)
    make = _MAKERS.get(str(schema.get("type")))
    if make is None:
        raise NoType(f"{name}: type {schema.get('type')!r}")
    return make(schema, definitions, name)


def _only(schema: Mapping[str, Any], name: str, *keywords: str) -> None:
    """Nothing else may restrict a value than what is looked at."""
    rest = schema.keys() - _SILENT - {"type", *keywords}
    if rest:
        raise NoType(f"{name}: {', '.join(sorted(rest))}")


def _object(schema: Mapping[str, Any], definitions: Mapping[str, Any], name: str) -> Any:
    _only(schema, name, "properties", "required", "additionalProperties")
    if schema.get("additionalProperties") is not False:
        raise NoType(f"{name}: open object")
    required = schema.get("required", ())
    fields: list[Any] = []
    for key, value in schema.get("properties", {}).items():
        try:
            kind = _type(value, definitions, key)
        except NoType:
            if key in required:
                raise
            continue
        fields.append((key, kind) if key in required else (key, kind, _absent(value, definitions)))
    return msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True, frozen=True, gc=False)


def _absent(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    if "$ref" in schema:
        return _absent(definitions[schema["$ref"].removeprefix("#/definitions/")], definitions)
    return {"string": "", "array": ()}.get(schema["type"])


def _array(schema: Mapping[str, Any], definitions: Mapping[str, Any], name: str) -> Any:
    _only(schema, name, "items", "minItems", "maxItems", "additionalItems")
    bounds = msgspec.Meta(min_length=schema.get("minItems"), max_length=schema.get("maxItems"))
    return Annotated[tuple.__class_getitem__((_type(schema["items"], definitions, name), ...)), bounds]


def _string(schema: Mapping[str, Any], definitions: Mapping[str, Any], name: str) -> Any:
    _only(schema, name, "enum", "maxLength", "additionalProperties")
    if "enum" in schema:
        return Literal[tuple(schema["enum"])]
    return Annotated[str, msgspec.Meta(max_length=schema["maxLength"])] if "maxLength" in schema else str


def _integer(schema: Mapping[str, Any], definitions: Mapping[str, Any], name: str) -> Any:
    """Larger numbers than OCPP has are left to the general way."""
    _only(schema, name, "minimum", "maximum")
    low, high = schema.get("minimum", -NUMBER_MAX), schema.get("maximum", NUMBER_MAX)
    return Annotated[int, msgspec.Meta(ge=max(int(low), -NUMBER_MAX), le=min(int(high), NUMBER_MAX))]


def _number(schema: Mapping[str, Any], definitions: Mapping[str, Any], name: str) -> Any:
    _only(schema, name, "minimum", "maximum")
    return Annotated[float, msgspec.Meta(ge=schema.get("minimum"), le=schema.get("maximum"))]


def _boolean(schema: Mapping[str, Any], definitions: Mapping[str, Any], name: str) -> Any:
    _only(schema, name)
    return bool


_MAKERS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any], str], Any]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
}
