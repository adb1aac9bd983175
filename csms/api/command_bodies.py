"""Bodies of commands: read and checked by the commands' own types."""

from __future__ import annotations

import re

import msgspec

from csms.api.problems import Refused
from csms.model.command import Command

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
