"""What stands in messages over MQTT (grid-limits A5): answers, states, meters, heartbeats, metered base loads. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from csms.grid.decide import LIMIT_ID_LENGTH_MAX, Decision
from csms.grid.statement import BOUNDS, POWER_MAX_W, VERSION_MAX
from csms.wire.strict_json import JsonRefused, read_object

ONLINE, OFFLINE = b"online", b"offline"


class BadPayload(ValueError):
    """A message that cannot be read."""


class Said(NamedTuple):
    """What a statement calls itself, as far as that can be read."""

    limit_id: str = ""
    version: int | None = None


class Quality(StrEnum):
    """How far a feeder's power is metered. ESTIMATED: its base load is taken from the curve; INCOMPLETE: there are
    stations that cannot be reached and may be drawing."""

    METERED = "metered"
    ESTIMATED = "estimated"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class FeederPower:
    """What flows through a feeder now, in W."""

    base_w: int
    charging_w: int
    quality: Quality


class BaseReading(NamedTuple):
    """A metered base load; `at` None: when it arrived."""

    power_w: float
    at: datetime | None


def read_said(raw: bytes) -> Said:
    """Never raises: a statement that cannot be read has no name."""
    try:
        body = read_object(raw, BOUNDS)
    except JsonRefused:
        return Said()
    limit_id, version = body.get("id"), body.get("version")
    plain = isinstance(version, int) and not isinstance(version, bool) and abs(version) <= VERSION_MAX
    return Said(limit_id if isinstance(limit_id, str) else "", version if plain else None)


def acknowledgement(said: Said, decision: Decision, feeder_id: str, now: datetime) -> bytes:
    """The answer to a statement: accepted means durable."""
    limit = decision.limit if decision.accepted else None
    document: dict[str, Any] = {
        "feeder_id": feeder_id,
        "id": said.limit_id[:LIMIT_ID_LENGTH_MAX] or None,
        "version": said.version,
        "accepted": decision.accepted,
        "at": now.isoformat(),
    }
    if limit is not None:
        document |= {"persisted_at": limit.received_at.isoformat(), "repeated": decision.repeated}
    else:
        document |= {"code": decision.code, "text": decision.text}
    return packed(document)


def feeder_power(power: FeederPower, feeder_id: str, now: datetime) -> bytes:
    """The meter of a feeder."""
    return packed(
        {
            "feeder_id": feeder_id,
            "at": now.isoformat(),
            "power_w": power.base_w + power.charging_w,
            "base_w": power.base_w,
            "charging_w": power.charging_w,
            "quality": power.quality.value,
        }
    )


def our_heartbeat(node: str, now: datetime, mode: str, agrees: bool | None) -> bytes:
    """That we are there, how the operator is taken, and whether the limits in its last heartbeat were those known here.

    `node` marks it as ours, so that no server takes it for a word of the operator.
    """
    return packed({"node": node, "sent_at": now.isoformat(), "mode": mode, "agrees": agrees})


def is_ours(raw: bytes) -> bool:
    """Whether a heartbeat is one of a central system."""
    try:
        return "node" in read_object(raw, BOUNDS)
    except JsonRefused:
        return False


def read_base(raw: bytes) -> BaseReading:
    """`{"power_w": 12000, "at": "2026-01-31T12:00:00Z"}`; negative feeds in. Raises BadPayload."""
    try:
        body = read_object(raw, BOUNDS)
    except JsonRefused as fault:
        raise BadPayload(str(fault)) from None
    if not {"power_w"} <= set(body) <= {"schema", "power_w", "at"}:
        raise BadPayload("a base load has power_w and at")
    power_w, at = body["power_w"], body.get("at")
    if not isinstance(power_w, int | float) or isinstance(power_w, bool):
        raise BadPayload("power_w is a number of watts")
    if not math.isfinite(power_w) or abs(power_w) > POWER_MAX_W:
        raise BadPayload(f"power_w is at most {POWER_MAX_W}")
    return BaseReading(float(power_w), None if at is None else _moment(at))


def packed(document: Mapping[str, Any]) -> bytes:
    """As JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _moment(text: object) -> datetime:
    try:
        moment = datetime.fromisoformat(text)  # type: ignore[arg-type]
        if moment.tzinfo is None:
            raise ValueError("no zone")
        return moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise BadPayload("at is a time with a zone, like 2026-01-31T12:00:00Z") from None
