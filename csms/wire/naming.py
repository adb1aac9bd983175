"""Our structures as OCPP writes them, and back: snake_case with units to camelCase without, unless a name differs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from msgspec import Struct

from csms.wire.times import format_time

Names = Mapping[str, str]
"""Our name to the one of OCPP, where the rule does not lead there."""

_UNIT = re.compile(r"_(s|w|wh|a|hz|percent)$")
_HUMP = re.compile(r"_([a-z0-9])")


def camel(name: str) -> str:
    """`response_time_s` is `responseTime`."""
    return _HUMP.sub(lambda found: found[1].upper(), _UNIT.sub("", name))


def written(value: Any, names: Names) -> Any:
    """A structure as JSON members; what is None is left out."""
    if isinstance(value, Struct):
        members = ((name, getattr(value, name)) for name in value.__struct_fields__)
        return {names.get(name) or camel(name): written(item, names) for name, item in members if item is not None}
    if isinstance(value, tuple):
        return [written(item, names) for item in value]
    if isinstance(value, datetime):
        return format_time(value)
    return value.value if isinstance(value, Enum) else value
