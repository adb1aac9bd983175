"""Demand response over MQTT: what an operator may say on a feeder's topic.

{"id": "DR-1", "invitation": {...}}    {"id": "DR-1", "clearing": {...}}    {"id": "DR-1", "cancel": true}
{"id": "DR-1", "appeal": 1, "answer": {...}}
"""

from __future__ import annotations

from csms.grid.mqtt_payloads import BadPayload
from csms.grid.responses import Word
from csms.grid.statement import BOUNDS
from csms.wire.strict_json import JsonRefused, read_object

KINDS = ("invitation", "clearing", "cancel", "answer")
ID_LENGTH_MAX = 48


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
