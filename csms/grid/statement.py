"""A limit statement as its source wrote it, checked field by field (grid-limits A5). Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from csms.wire.strict_json import Bounds, JsonRefused, read_object

BODY_BYTES_MAX = 256 * 1024
BOUNDS = Bounds(BODY_BYTES_MAX, depth_max=8, integer_digits_max=18, nul=False)
POWER_MAX_W = 10**10
VERSION_MAX = 10**15
REASON_LENGTH_MAX = 500
KNOWN = frozenset(
    {
        "schema",
        "id",
        "version",
        "issued_at",
        "valid_from",
        "valid_to",
        "value_w",
        "unit",
        "direction",
        "priority",
        "reason",
        "cancel",
    }
)
"""A name that is not known is refused: a misspelt valid_to must not become "until cancelled"."""


class BadStatement(ValueError):
    """The statement is refused; `code` is one of the reject codes of grid-limits A2."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Statement:
    """What a source said; None where it said nothing."""

    version: int
    value_w: int | None
    valid_from: datetime | None
    valid_to: datetime | None
    issued_at: datetime | None
    reason: str
    cancel: bool


def read_statement(raw: bytes, limit_id: str) -> Statement:
    """Raises BadStatement: malformed, bad_unit, bad_sign, not_finite."""
    try:
        body = read_object(raw, BOUNDS)
    except JsonRefused as fault:
        raise BadStatement("malformed", str(fault)) from None
    _check_names(body, limit_id)
    cancel = _of_type(body, "cancel", bool, False)
    return Statement(
        version=_version(body),
        value_w=None if cancel and "value_w" not in body else _value_w(body),
        valid_from=_moment(body, "valid_from"),
        valid_to=_moment(body, "valid_to"),
        issued_at=_moment(body, "issued_at"),
        reason=_of_type(body, "reason", str, "")[:REASON_LENGTH_MAX],
        cancel=cancel,
    )


def _check_names(body: dict[str, Any], limit_id: str) -> None:
    unknown = sorted(set(body) - KNOWN)
    if unknown:
        raise BadStatement("malformed", f"unknown name {unknown[0]!r}")
    if body.get("id", limit_id) != limit_id:
        raise BadStatement("malformed", "id in the body and in the address differ")
    if body.get("direction", "import") != "import":
        raise BadStatement("malformed", "only the direction import can be limited")
    if body.get("unit", "W") != "W":
        raise BadStatement("bad_unit", "values are in W")


def _version(body: dict[str, Any]) -> int:
    version = body.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= VERSION_MAX:
        raise BadStatement("malformed", f"version is an integer from 1 to {VERSION_MAX}")
    return version


def _value_w(body: dict[str, Any]) -> int:
    """Whole watts, rounded down: a limit is never read higher than it was meant."""
    value = body.get("value_w")
    if isinstance(value, str):
        raise BadStatement("bad_unit", "value_w is a plain number of watts, not a text")
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise BadStatement("malformed", "value_w is a number of watts")
    if not math.isfinite(value) or value > POWER_MAX_W:
        raise BadStatement("not_finite", f"value_w is at most {POWER_MAX_W}")
    if value < 0:
        raise BadStatement("bad_sign", "value_w is not negative")
    return math.floor(value)


def _moment(body: dict[str, Any], name: str) -> datetime | None:
    text = body.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("no zone")
        return moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise BadStatement("malformed", f"{name} is a time with a zone, like 2026-01-31T12:00:00Z") from None


def _of_type(body: dict[str, Any], name: str, kind: type, default: Any) -> Any:
    value = body.get(name, default)
    if not isinstance(value, kind):
        raise BadStatement("malformed", f"{name} has the wrong type")
    return value
