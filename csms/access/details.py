"""What of a request may stand in the audit log: no secret, no whole card number, nothing long. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from csms.model.device import is_secret
from csms.trace.sensitive import HIDDEN, KEY, KEY_CODE, NAME, clean_urls, wordy

TEXT_LENGTH_MAX = 120
ITEMS_MAX = 50
DEPTH_MAX = 6
BODY_BYTES_MAX = 64 * 1024

_FREE = frozenset({"data", "value", "payload"})
"""Texts that may hold anything."""

_CARDS = frozenset({"id_token", "tokens", "group_id", "parent_id_token"})


def plain(text: str) -> str:
    """A short text that every database takes."""
    short = text if len(text) <= TEXT_LENGTH_MAX else text[:TEXT_LENGTH_MAX] + "…"
    return short.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def detail_of(body: bytes) -> Any:
    """A JSON body without its secrets; None for an empty one, its length for what is no JSON or too much."""
    if not body:
        return None
    if len(body) > BODY_BYTES_MAX:
        return {"bytes": len(body)}
    try:
        return _value(orjson.loads(body), "", DEPTH_MAX)
    except (orjson.JSONDecodeError, RecursionError):
        return {"bytes": len(body)}


def _value(value: Any, key: str, depth: int) -> Any:
    if isinstance(value, str):
        return _text(value, key)
    if isinstance(value, dict):
        return _object(value, key, depth)
    if isinstance(value, list):
        kept = [_value(item, key, depth - 1) for item in value[:ITEMS_MAX]] if depth > 0 else []
        return [*kept, f"… {len(value)}"] if len(kept) < len(value) else kept
    return value


def _object(value: Mapping[str, Any], parent: str, depth: int) -> dict[str, Any]:
    """Beside a secret all texts are hidden: one of them may be it, under a name that was mistyped. Of a message as OCPP
    writes it only the names of its fields stay.
    """
    if depth <= 0:
        return {"…": len(value)}
    if isinstance(value.get("action"), str) and isinstance(value.get("payload"), dict):
        return {"action": plain(value["action"]), "payload": [plain(key) for key in list(value["payload"])[:ITEMS_MAX]]}
    hides = any(_is_secret(key, parent) for key in value)
    typed = str(value.get("token_type", "")).casefold() == KEY_CODE
    kept: dict[str, Any] = {}
    for key, item in list(value.items())[:ITEMS_MAX]:
        secret = _is_secret(key, parent) or (typed and key in _CARDS) or (hides and isinstance(item, str))
        hidden = item not in (None, "") and secret
        kept[plain(key)] = HIDDEN if hidden else _value(item, key, depth - 1)
    if len(kept) < len(value):
        kept["…"] = len(value)
    return kept


def _is_secret(key: str, parent: str) -> bool:
    if key in _CARDS:
        return False
    return is_secret(key) or KEY.search(key) is not None or (parent == "values" and NAME.search(key) is not None)


def _text(text: str, key: str) -> str:
    if key in _CARDS:
        return HIDDEN + (text[-4:] if len(text) >= 8 else "")
    if key in _FREE or text.startswith(("{", "[")):
        return f"({len(text)})"
    if "-----BEGIN" in text:
        return "(PEM)"
    if "://" in text:
        return plain(clean_urls(text))
    return plain(text) if wordy(text[:TEXT_LENGTH_MAX]) else HIDDEN
