"""Bodies of command routes: the commands themselves, read, checked and described by their own types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from csms.api.problems import Refused
from csms.model.command import Command
from csms.model.commands import COMMANDS

_REF = "#/components/schemas/{name}"
_PLACE = re.compile(r" - at `(?:key in )?\$\.?(?P<place>[^`]*)`$")


def read_command(kind: type[Command], body: bytes) -> Command:
    """The command in a JSON body, `{}` when it is empty. Raises Refused (422) with the place and the reason."""
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.DecodeError as fault:
        raise _refusal(str(fault)) from None
    except RecursionError:
        raise _refusal("nested too deeply") from None


def _refusal(words: str) -> Refused:
    found = _PLACE.search(words)
    place = (found["place"] if found else "") or "body"
    reason = _PLACE.sub("", words)
    error = {"field": place, "reason": reason}
    return Refused(422, "invalid_request", f"{place}: {reason}", errors=[error])


def schema_of(kind: type[Command]) -> dict[str, Any]:
    """The body of a route, for OpenAPI."""
    reference = {"$ref": _REF.format(name=kind.__name__)}
    return {"requestBody": {"required": False, "content": {"application/json": {"schema": reference}}}}


def components() -> Mapping[str, Any]:
    """The schemas of all commands by name, for OpenAPI."""
    _, found = msgspec.json.schema_components(COMMANDS.values(), ref_template=_REF)
    return found
