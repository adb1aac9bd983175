"""Messages on the wire, both ways, by the tables of a platform profile.

`render` turns canonical values into what the platform wants to read; `check` finds what is wrong with what a peer sent
(defect codes of section 18.2); `read` gives canonical names to a message that was found right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from csms.province.profile import FieldRule, Kind, PlatformProfile

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
DATE_FORMAT = "%Y-%m-%d"
LIST_MAX = 10_000
"""Items of one list that are looked at; 2 MiB hold fewer objects."""

DQ_MISSING = "DQ_MISSING"
DQ_TYPE = "DQ_TYPE"
DQ_DECIMALS = "DQ_DECIMALS"
DQ_ENUM = "DQ_ENUM"
DQ_LENGTH = "DQ_LENGTH"
DQ_UNKNOWN_KEY = "DQ_UNKNOWN_KEY"
DQ_RANGE = "DQ_RANGE"

NUMBER_MAX = 10**12
"""No quantity of the interface is near it; beyond it sums and database columns are in danger."""

_FORMS = {
    "time": (re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}", re.ASCII), TIME_FORMAT),
    "date": (re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII), DATE_FORMAT),
    "hhmmss": (re.compile(r"\d{6}", re.ASCII), "%H%M%S"),
}


@dataclass(frozen=True, slots=True)
class Defect:
    """One fault of one field; `field` is its path on the wire."""

    code: str
    field: str

    def __str__(self) -> str:
        return f"{self.code} {self.field}"


def render_body(profile: PlatformProfile, kind: Kind, values: Mapping[str, Any]) -> dict[str, Any]:
    """The whole request body of an interface; ready for JSON and for a database column."""
    interface = profile.interfaces[kind]
    message = render(profile, interface.message, values)
    return {interface.root: message} if interface.root else message


def render_reply(profile: PlatformProfile, kind: Kind, values: Mapping[str, Any]) -> dict[str, Any]:
    """The body of an operator's answer to a query."""
    return render(profile, profile.interfaces[kind].reply, values)


def render(profile: PlatformProfile, message: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """One message: the fields of its table, in their order, that have a value. What is missing `check` will say."""
    return {
        profile.wire_name(message, name): _rendered(profile, name, rule, values[name])
        for name, rule in profile.messages[message].items()
        if values.get(name) is not None
    }


def _rendered(profile: PlatformProfile, name: str, rule: FieldRule, value: Any) -> Any:
    value = profile.enum_map.get(rule.enum or name, {}).get(str(value), value)
    match rule.type:
        case "object":
            return render(profile, rule.message, value)
        case "objects":
            return [render(profile, rule.message, item) for item in value]
        case "decimal":
            return _decimal(value, rule.decimals)
        case "time" | "date" | "hhmmss":
            return _local(profile, rule.type, value)
        case "str":
            return str(value)[: rule.length]
        case "id":
            return str(value)
        case _:
            return value


def _decimal(value: Any, decimals: int) -> float:
    exact = value if isinstance(value, Decimal) else Decimal(str(value))
    return float(exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


def _local(profile: PlatformProfile, form: str, value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(profile.zone).strftime(_FORMS[form][1])
    return value.strftime(_FORMS[form][1]) if isinstance(value, date) else str(value)


def message_of(profile: PlatformProfile, kind: Kind, body: Mapping[str, Any]) -> Any:
    """The message inside a request body, None if its root is not there."""
    root = profile.interfaces[kind].root
    return body.get(root) if root else body


def check_body(profile: PlatformProfile, kind: Kind, body: Mapping[str, Any]) -> list[Defect]:
    """Everything that is wrong with a request body; numbers with a fraction as Decimal (see `strict_json`)."""
    interface = profile.interfaces[kind]
    if not interface.root:
        return list(check(profile, interface.message, body, ""))
    defects = [Defect(DQ_UNKNOWN_KEY, key) for key in body if key != interface.root]
    if interface.root not in body:
        return [Defect(DQ_MISSING, interface.root), *defects]
    return [*check(profile, interface.message, body[interface.root], interface.root), *defects]


def check(profile: PlatformProfile, message: str, value: Any, path: str) -> Iterator[Defect]:
    """The defects of one message found at `path`."""
    if not isinstance(value, Mapping):
        yield Defect(DQ_TYPE, path)
        return
    wire_names = {profile.wire_name(message, name): rule for name, rule in profile.messages[message].items()}
    for key in value.keys() - wire_names.keys():
        yield Defect(DQ_UNKNOWN_KEY, _join(path, key))
    for wire, rule in wire_names.items():
        if value.get(wire) is not None and not _says_nothing(rule, value[wire]):
            yield from _check_field(profile, rule, value[wire], _join(path, wire))
        elif rule.required:
            yield Defect(DQ_MISSING, _join(path, wire))


def _says_nothing(rule: FieldRule, value: Any) -> bool:
    return value == "" and (rule.empty or rule.type == "id")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _check_field(profile: PlatformProfile, rule: FieldRule, value: Any, path: str) -> Iterator[Defect]:
    if rule.type == "objects":
        yield from _check_list(profile, rule, value, path)
    elif rule.type == "object":
        yield from check(profile, rule.message, value, path)
    elif not _has_type(rule.type, value):
        yield Defect(DQ_TYPE, path)
    else:
        yield from _check_value(profile, rule, value, path)


def _check_list(profile: PlatformProfile, rule: FieldRule, value: Any, path: str) -> Iterator[Defect]:
    if not isinstance(value, list):
        yield Defect(DQ_TYPE, path)
        return
    if len(value) > (LIST_MAX if rule.items is None else rule.items):
        yield Defect(DQ_LENGTH, path)
    for place, item in enumerate(value[:LIST_MAX]):
        yield from check(profile, rule.message, item, f"{path}[{place}]")


def _has_type(name: str, value: Any) -> bool:
    if name == "int":
        return type(value) is int
    if name == "decimal":
        return type(value) in (int, float, Decimal)
    if name == "strings":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, str) and (name not in _FORMS or _has_form(name, value))


def _has_form(name: str, value: str) -> bool:
    pattern, form = _FORMS[name]
    if not pattern.fullmatch(value):
        return False
    try:
        datetime.strptime(value, form)  # noqa: DTZ007 - only the form is judged
    except ValueError:
        return False
    return True


def _check_value(profile: PlatformProfile, rule: FieldRule, value: Any, path: str) -> Iterator[Defect]:
    if rule.type in ("str", "id") and rule.length is not None and len(value) > rule.length:
        yield Defect(DQ_LENGTH, path)
    if rule.type == "decimal" and _decimals(value) > rule.decimals:
        yield Defect(DQ_DECIMALS, path)
    if rule.type in ("int", "decimal") and not -NUMBER_MAX < value < NUMBER_MAX:
        yield Defect(DQ_RANGE, path)
    if rule.type == "strings" and rule.items is not None and len(value) > rule.items:
        yield Defect(DQ_LENGTH, path)
    if rule.enum and not _in_enum(value, profile.enums[rule.enum]):
        yield Defect(DQ_ENUM, path)


def _in_enum(value: Any, allowed: frozenset[int]) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and len(value) <= 9 and int(value) in allowed
    return value in allowed


def _decimals(value: int | float | Decimal) -> int:
    """Digits after the point as they were written, without trailing zeros."""
    exact = value if isinstance(value, Decimal) else Decimal(str(value))
    _, digits, exponent = exact.as_tuple()
    if not exact or not isinstance(exponent, int):
        return 0
    written = "".join(map(str, digits))
    return max(0, -exponent - (len(written) - len(written.rstrip("0"))))


def read(profile: PlatformProfile, kind: Kind, body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a checked message by their canonical names (nested messages keep their wire names)."""
    name = profile.interfaces[kind].message
    found = message_of(profile, kind, body)
    if not isinstance(found, Mapping):
        return {}
    canonical = {profile.wire_name(name, field): field for field in profile.messages[name]}
    return {canonical[key]: value for key, value in found.items() if key in canonical}


def business_key(profile: PlatformProfile, kind: Kind, body: Mapping[str, Any]) -> str:
    """The business id of a message, empty if it has none."""
    value = read(profile, kind, body).get(profile.interfaces[kind].business_key)
    return value if isinstance(value, str) else ""


def answer_body(profile: PlatformProfile, kind: Kind, body: Mapping[str, Any]) -> dict[str, Any]:
    """What a platform answers to an accepted message."""
    rule, values = profile.interfaces[kind].answer, read(profile, kind, body)
    return {**{name: values[name] for name in rule.copied if name in values}, **rule.fixed}
