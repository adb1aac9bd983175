"""Which constraints a request schema sets, and which of them the damaged messages have broken: the reach of a proof."""

from __future__ import annotations

from collections.abc import Iterator

import jsonschema_rs

from csms.model.station import Protocol
from tests.support.examples import Json, Schema, resolved, schema_of

KEYWORDS = ("type", "enum", "maxLength", "minItems", "maxItems", "minimum", "maximum", "multipleOf")
Place = tuple[str, ...]


def constraints(schema: Schema, root: Schema, path: Place = ()) -> Iterator[Place]:
    """Path and keyword of each; a missing property has the path that it would have."""
    schema = resolved(schema, root)
    yield from ((*path, keyword) for keyword in KEYWORDS if keyword in schema and path)
    if schema.get("type") == "object" and schema.get("additionalProperties") is False:
        yield (*path, "additionalProperties")
    yield from ((*path, name, "required") for name in schema.get("required", ()))
    for name, below in schema.get("properties", {}).items():
        yield from constraints(below, root, (*path, name))
    if "items" in schema:
        yield from constraints(schema["items"], root, (*path, "*"))


class Reach:
    """The constraints of one request that were broken at least once."""

    def __init__(self, protocol: Protocol, action: str) -> None:
        root = schema_of(protocol, action)
        self.all = set(constraints(root, root))
        self._broken: set[Place] = set()
        self._validator = jsonschema_rs.Draft4Validator(dict(root), validate_formats=False)

    def add(self, payload: Json) -> None:
        """Note what this payload breaks."""
        for fault in self._validator.iter_errors(payload):
            path = tuple(part if isinstance(part, str) else "*" for part in fault.instance_path)
            if isinstance(fault.kind, jsonschema_rs.ValidationErrorKind.Required):
                path = (*path, fault.kind.property)
            self._broken.add((*path, str(fault.schema_path[-1])))

    @property
    def missed(self) -> list[str]:
        """The constraints that no message has broken."""
        return sorted("/".join(place) for place in self.all - self._broken)
