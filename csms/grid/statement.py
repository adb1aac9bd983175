"""A limit statement as its source wrote it, checked field by field (grid-limits A5). Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from csms.model.limit import Block, Direction
from csms.wire.canonical_json import canonical
from csms.wire.strict_json import Bounds, JsonRefused, read_object

BODY_BYTES_MAX = 256 * 1024
BOUNDS = Bounds(BODY_BYTES_MAX, depth_max=8, integer_digits_max=18, nul=False)
POWER_MAX_W = 10**10
VERSION_MAX = 10**15
REASON_LENGTH_MAX = 500
BLOCKS_MAX = 1000
PRIORITY_MAX = 1000
KNOWN = frozenset(
    {
        "schema",
        "id",
        "feeder",
        "version",
        "issued_at",
        "valid_from",
        "valid_to",
        "value_w",
        "blocks",
        "failsafe_w",
        "unit",
        "direction",
        "priority",
        "reason",
        "cancel",
        "signature",
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
    """What a source said; None where it said nothing. `value_w` is the lowest of the blocks where there are some.

    `failsafe_w`: what the feeder is held at from now on when the source is silent. `signature`: over
    `signed`, all the rest in one spelling, which then names its limit and its feeder.
    """

    version: int
    value_w: int | None
    blocks: tuple[Block, ...]
    valid_from: datetime | None
    valid_to: datetime | None
    issued_at: datetime | None
    reason: str
    cancel: bool
    direction: Direction = Direction.IMPORT
    priority: int = 0
    failsafe_w: int | None = None
    feeder_id: str | None = None
    signature: str | None = None
    signed: bytes = b""


def read_statement(raw: bytes, limit_id: str) -> Statement:
    """Raises BadStatement: malformed, bad_unit, bad_sign, not_finite, too_many_blocks, window_order, bad_signature."""
    try:
        body = read_object(raw, BOUNDS)
    except JsonRefused as fault:
        raise BadStatement("malformed", str(fault)) from None
    _check_names(body, limit_id)
    cancel = _of_type(body, "cancel", bool, False)
    blocks = _blocks(body)
    return Statement(
        version=_version(body),
        value_w=None if cancel and "value_w" not in body else _whole_value_w(body, blocks),
        blocks=blocks,
        valid_from=_moment(body, "valid_from"),
        valid_to=_moment(body, "valid_to"),
        issued_at=_moment(body, "issued_at"),
        reason=_of_type(body, "reason", str, "")[:REASON_LENGTH_MAX],
        cancel=cancel,
        direction=Direction(body.get("direction", Direction.IMPORT)),
        priority=_priority(body),
        failsafe_w=_watts(body["failsafe_w"], "failsafe_w") if body.get("failsafe_w") is not None else None,
        feeder_id=_of_type(body, "feeder", str, None),
        signature=_of_type(body, "signature", str, None),
        signed=_signed(body),
    )


def signed_part(body: Mapping[str, Any]) -> bytes:
    """What is signed of a statement: all but the signature, as RFC 8785 spells it."""
    return canonical({name: value for name, value in body.items() if name != "signature"})


def _signed(body: dict[str, Any]) -> bytes:
    if body.get("signature") is None:
        return b""
    if not {"id", "feeder"} <= set(body):
        raise BadStatement("bad_signature", "a signed statement names its id and its feeder, else it fits others")
    return signed_part(body)


def _check_names(body: dict[str, Any], limit_id: str) -> None:
    unknown = sorted(set(body) - KNOWN)
    if unknown:
        raise BadStatement("malformed", f"unknown name {unknown[0]!r}")
    if body.get("id", limit_id) != limit_id:
        raise BadStatement("malformed", "id in the body and in the address differ")
    if body.get("direction", "import") not in list(Direction):
        raise BadStatement("malformed", "the direction is import or export")
    if body.get("unit", "W") != "W":
        raise BadStatement("bad_unit", "values are in W")


def _version(body: dict[str, Any]) -> int:
    version = body.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= VERSION_MAX:
        raise BadStatement("malformed", f"version is an integer from 1 to {VERSION_MAX}")
    return version


def _priority(body: dict[str, Any]) -> int:
    priority = body.get("priority", 0)
    if not isinstance(priority, int) or isinstance(priority, bool) or not 0 <= priority <= PRIORITY_MAX:
        raise BadStatement("malformed", f"priority is an integer from 0 (the highest) to {PRIORITY_MAX}")
    return priority


def _whole_value_w(body: dict[str, Any], blocks: tuple[Block, ...]) -> int:
    if not blocks:
        return _watts(body.get("value_w"), "value_w")
    if "value_w" in body:
        raise BadStatement("malformed", "value_w or blocks, not both")
    return min(block.power_w for block in blocks)


def _blocks(body: dict[str, Any]) -> tuple[Block, ...]:
    """In the order of their beginnings, each with a moment of its own."""
    listed = _of_type(body, "blocks", list, [])
    if len(listed) > BLOCKS_MAX:
        raise BadStatement("too_many_blocks", f"a limit has at most {BLOCKS_MAX} blocks")
    if "blocks" in body and not listed:
        raise BadStatement("malformed", "blocks is a list with at least one block")
    blocks = tuple(_block(entry) for entry in listed)
    if any(later.start <= earlier.start for earlier, later in pairwise(blocks)):
        raise BadStatement("window_order", "each block begins after the one before it")
    return blocks


def _block(entry: Any) -> Block:
    if not isinstance(entry, dict) or set(entry) != {"start", "value_w"}:
        raise BadStatement("malformed", "a block is an object of start and value_w")
    start = _moment(entry, "start")
    if start is None:
        raise BadStatement("malformed", "a block has a start")
    return Block(start, _watts(entry["value_w"], "value_w"))


def _watts(value: Any, name: str) -> int:
    """Whole watts, rounded down: a limit is never read higher than it was meant."""
    if isinstance(value, str):
        raise BadStatement("bad_unit", f"{name} is a plain number of watts, not a text")
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise BadStatement("malformed", f"{name} is a number of watts")
    if not math.isfinite(value) or value > POWER_MAX_W:
        raise BadStatement("not_finite", f"{name} is at most {POWER_MAX_W}")
    if value < 0:
        raise BadStatement("bad_sign", f"{name} is not negative")
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
    if value is None and default is None:
        return None
    if not isinstance(value, kind):
        raise BadStatement("malformed", f"{name} has the wrong type")
    return value
