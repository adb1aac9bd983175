"""Demand response over MQTT: what an operator may say on a feeder's topic, and who judges it.

{"id": "DR-1", "invitation": {...}}    {"id": "DR-1", "clearing": {...}}    {"id": "DR-1", "cancel": true}
{"id": "DR-1", "appeal": 1, "answer": {...}}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from csms.grid.mqtt_payloads import BadPayload
from csms.grid.peer import Peer
from csms.grid.statement import BOUNDS
from csms.wire.strict_json import JsonRefused, read_object

KINDS = ("invitation", "clearing", "cancel", "answer")
ID_LENGTH_MAX = 48


@dataclass(frozen=True, slots=True)
class Word:
    """`kind`: invitation, clearing, cancel or answer; `appeal`: the number of the one that is answered."""

    event_id: str
    kind: str
    body: Mapping[str, Any] = field(default_factory=dict)
    appeal: int = 0


class ResponseDesk(Protocol):
    """Where words about events are judged (csms.response, by way of csms.app)."""

    async def said(self, word: Word, peer: Peer, feeder_id: str) -> Mapping[str, Any]:
        """The answer, plain: `accepted`, and `event` or `code` and `text`. Raises StoreUnavailable: then there is
        none."""
        ...


def read_word(raw: bytes) -> Word:
    """Raises BadPayload."""
    try:
        body = read_object(raw, BOUNDS)
    except JsonRefused as fault:
        raise BadPayload(str(fault)) from None
    event_id, kinds = body.get("id"), [name for name in KINDS if name in body]
    if not isinstance(event_id, str) or not 0 < len(event_id) <= ID_LENGTH_MAX:
        raise BadPayload(f"an id of 1 to {ID_LENGTH_MAX} characters is needed")
    if len(kinds) != 1 or set(body) - {"id", "appeal", kinds[0]}:
        raise BadPayload(f"an id and one of {', '.join(KINDS)}")
    (kind,) = kinds
    number = body.get("appeal", 0)
    if not isinstance(number, int) or isinstance(number, bool) or (kind == "answer") is (number < 1):
        raise BadPayload("an answer goes with the number of its appeal")
    said = body[kind]
    if kind == "cancel":
        if said is not True:
            raise BadPayload("cancel is true")
        return Word(event_id, kind)
    if not isinstance(said, dict):
        raise BadPayload(f"{kind} is an object")
    return Word(event_id, kind, said, number)
