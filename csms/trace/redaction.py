"""Takes secrets out of a frame before anybody keeps it. Pure.

A frame without any word that could announce a secret is left as it is; that is a look at its bytes. All others are read
and written anew, so what is left of them is what was understood:

    a value whose name says password, secret, key ...            hidden, also as a configuration key or a variable
    cards and customers (idTag, idToken, customerIdentifier)      shortened or hashed, as set; key codes hidden
    addresses                                                     without user, password, query and tokens in the path
    configuration, device model, network profiles, file transfer, and whatever speaks of passwords or secrets
                                                                  besides: any text that reads like a key is hidden
    error texts                                                   without what they quote
    JSON in a text (`data` of DataTransfer)                       looked at in the same way

What cannot be read, or is no frame of OCPP-J, and has such a word in it, is not kept beyond its type and action.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import orjson

from csms.trace.sensitive import (
    HIDDEN,
    KEY,
    KEY_CODE,
    NAME,
    SURE,
    clean_path,
    clean_urls,
    plain_name,
    plain_text,
    without_quotations,
    wordy,
)

STRICT_WORDS = (
    "configuration",
    "variable",
    "networkprofile",
    "connectiondata",
    "firmware",
    "diagnostics",
    "getlog",
    "remotelocation",
    "notifyreport",
)
"""Messages that carry settings or addresses of files, by words of their actions and keys."""

MARKERS = (
    *STRICT_WORDS,
    *("pass", "pwd", "secret", "key", "token", "idtag", "credential", "pin", "psk", "://", "basicauth", "private"),
    *("customer", "\\", "\0"),
)
"""Without any of these (in lower case) there is nothing to hide. A backslash may spell any of them in JSON."""

KNOWN_ACTIONS = (
    *("ChangeConfiguration", "GetConfiguration", "SetVariables", "GetVariables", "NotifyReport", "SetNetworkProfile"),
    *("UpdateFirmware", "SignedUpdateFirmware", "GetDiagnostics", "GetLog", "PublishFirmware", "DataTransfer"),
    *("Authorize", "StartTransaction", "StopTransaction", "RemoteStartTransaction", "RequestStartTransaction"),
    *("TransactionEvent", "SendLocalList", "ReserveNow", "BootNotification", "StatusNotification", "MeterValues"),
    *("NotifyEvent", "CustomerInformation", "NotifyCustomerInformation", "SignCertificate", "CertificateSigned"),
)
"""What may stay of a frame that cannot be read."""

_CARDS = frozenset({"idtag", "parentidtag", "idtoken", "groupidtoken", "additionalidtoken", "customeridentifier"})
_NAMES = frozenset({"key", "name", "unknownkey"})
_TOLD = frozenset(
    {"type", "status", "attributetype", "attributestatus", "reasoncode", "readonly", "mutability", "datatype", "unit"}
    | {"variablecharacteristics"}
)
"""Beside a hidden value these stay."""
_PUBLIC = frozenset({"signature", "signingcertificate", "certificate", "certificatechain", "csr", "publickey"})
_PUBLIC_TEXT = re.compile(r"-----BEGIN CERTIFICATE[\s\S]*|[A-Za-z0-9+/\s]{64,}={0,2}\s*")
_IDS = frozenset({"transactionid"})
_NAME_LENGTH_MAX = 64
_CUSTOMER_DATA = "NotifyCustomerInformation"
_SHAPES: Mapping[int, tuple[tuple[type, ...], ...]] = {
    2: ((int, str, str, dict),),
    3: ((int, str, dict),),
    4: ((int, str, str, str, dict), (int, str, str, str), (int, str, str)),
}


class Cards(StrEnum):
    """What is kept of the number of a card."""

    LAST4 = "last4"
    HASH = "hash"
    WHOLE = "whole"


def card_writer(mode: Cards, key: bytes = b"") -> Callable[[str], str]:
    """How the number of a card is written; `key` makes the hashes of one installation its own."""
    if mode is Cards.WHOLE:
        return lambda number: number
    if mode is Cards.HASH:
        return lambda number: "#" + hashlib.blake2b(number.encode(), key=key[:64], digest_size=8).hexdigest()
    return lambda number: HIDDEN + (number[-4:] if len(number) >= 8 else "")


class _Unknown(Exception):
    """The frame cannot be understood."""


class Redactor:
    """Redacts frames; holds nothing but its settings."""

    def __init__(self, card: Callable[[str], str] | None = None) -> None:
        self._card = card or card_writer(Cards.LAST4)

    def frame(self, frame: str | bytes, action: str = "") -> str:
        """What may be kept of a frame; `action` as it is known of the call that an answer belongs to."""
        text = frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
        low = f"{action} {text}".lower()
        is_error = text.lstrip().startswith("[") and text.lstrip(" \t\r\n[").startswith("4")
        if not is_error and not any(marker in low for marker in MARKERS):
            return text
        try:
            items = _read(text)
            words = low + _words(items) if "\\" in text else low
            strict = SURE.search(words) is not None or any(word in words for word in STRICT_WORDS)
            return _write(_Walk(self._card, strict).frame(items, action))
        except (_Unknown, RecursionError):
            return _head(text)

    def unreadable(self, frame: str | bytes) -> str:
        """What may be kept of a frame that is no OCPP-J."""
        text = frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
        low = text.lower()
        return _head(text) if any(marker in low for marker in MARKERS) else plain_text(text)

    def event(self, text: str) -> str:
        """What may be kept of the facts of an event: a JSON object of ours with texts of a peer in it."""
        facts = orjson.loads(text)
        kept = {key: _event_text(value) if isinstance(value, str) else value for key, value in facts.items()}
        return orjson.dumps(kept).decode()


class _Walk:
    """One frame."""

    def __init__(self, card: Callable[[str], str], strict: bool) -> None:
        self._card, self._strict = card, strict

    def frame(self, items: list[Any], action: str) -> list[Any]:
        kind, unique_id, *rest = items
        head = [kind, unique_id if len(str(unique_id)) <= 64 else HIDDEN]
        if kind == 3:
            return [*head, self._value(rest[0], "")]
        if kind == 2:
            payload = self._value(rest[1], "")
            if _CUSTOMER_DATA in (rest[0], action) and "data" in payload:
                payload["data"] = HIDDEN
            return [*head, rest[0] if len(rest[0]) <= 64 and wordy(rest[0]) else HIDDEN, payload]
        self._strict = True
        texts = [without_quotations(text) for text in rest[:2]]
        return [*head, *(plain_text(text) for text in texts), *(self._value(details, "") for details in rest[2:])]

    def _value(self, value: Any, key: str) -> Any:
        if isinstance(value, str):
            return self._text(value, key)
        if isinstance(value, dict):
            return self._object(value, key)
        if isinstance(value, list):
            return [self._value(item, key) for item in value]
        return self._card(str(value)) if key in _CARDS and isinstance(value, int | float) else value

    def _object(self, value: dict[str, Any], parent: str) -> dict[str, Any]:
        hides, typed = _names_a_secret(value), _is_key_code(value)
        network = parent == "vpn" or ("key" in value and not {"value", "readonly"} & value.keys())
        out: dict[str, Any] = {}
        for key, item in value.items():
            low = key.lower()
            if (
                _is_secret_key(key)
                or (network and low == "key" and not isinstance(item, list))
                or (typed and low in _CARDS)
            ):
                item = _hidden(item)
            elif hides and low not in _NAMES and low not in ("component", "variable"):
                item = self._value(item, low) if low in _TOLD else _hidden(item)
            else:
                item = self._value(item, low)
            out[plain_name(key) if self._strict else key] = item
        return out

    def _text(self, text: str, key: str) -> str:
        if key in _CARDS:
            return self._card(text) if text else text
        if text.startswith(("{", "[")):
            return self._inner(text)
        if self._strict and key in _NAMES:
            return plain_name(text)
        if "PRIVATE KEY" in text:
            return HIDDEN
        if key in _IDS or (key in _PUBLIC and _PUBLIC_TEXT.fullmatch(text)):
            return text
        if self._strict:
            return plain_text(text)
        return plain_text(text) if "://" in text else text

    def _inner(self, text: str) -> str:
        """JSON in a text; what is none is no JSON that we could clean."""
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            return plain_text(text) if self._strict or any(marker in text.lower() for marker in MARKERS) else text
        return orjson.dumps(self._value(value, "")).decode()


def _is_key_code(value: Mapping[str, Any]) -> bool:
    """Somebody typed it, like a password: no part of it may be kept (2.0.1 C04.FR.04)."""
    return str(value.get("type", "")).casefold() == KEY_CODE


def _read(text: str) -> list[Any]:
    """The elements of a frame whose shape is known. Raises _Unknown."""
    try:
        items = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        raise _Unknown from None
    if not isinstance(items, list) or not items or isinstance(items[0], bool) or not isinstance(items[0], int):
        raise _Unknown
    types = tuple(str if place == 1 and type(item) is int else type(item) for place, item in enumerate(items))
    if types not in _SHAPES.get(items[0], ()):
        raise _Unknown
    return items


def _write(items: list[Any]) -> str:
    try:
        return orjson.dumps(items).decode()
    except (TypeError, ValueError):
        raise _Unknown from None


def _head(text: str) -> str:
    """Type and action of a frame that cannot be read, and how long it was."""
    kind = text.lstrip()[:4].replace(" ", "")[:2]
    start = kind if kind in ("[2", "[3", "[4") else "["
    action = next((action for action in KNOWN_ACTIONS if f'"{action}"' in text), "")
    return f'{start},{HIDDEN},"{action}",{HIDDEN} ({len(text)})' if action else f"{start},{HIDDEN} ({len(text)})"


def _names_a_secret(value: Mapping[str, Any]) -> bool:
    """Whether an object is about a setting that is a secret."""
    for key, item in value.items():
        low = key.lower()
        if low == "variable" and isinstance(item, dict):
            item = item.get("name")
        named = NAME if low in (*_NAMES, "variable") else SURE
        if (
            isinstance(item, str)
            and len(item) <= _NAME_LENGTH_MAX
            and item[:1] not in ("{", "[")
            and named.search(item)
        ):
            return True
    return False


def _is_secret_key(key: str) -> bool:
    low = key.lower()
    return low not in _CARDS and low not in _PUBLIC and KEY.search(key) is not None


def _hidden(value: Any) -> Any:
    """Nothing is left but whether there was something."""
    if value is None or isinstance(value, bool) or value == "":
        return value
    if isinstance(value, dict):
        return {
            key if wordy(key) else HIDDEN: item if key.lower() in _TOLD and not isinstance(item, dict | list) else
            _hidden(item)
            for key, item in value.items()
        }  # fmt: skip
    return [_hidden(item) for item in value] if isinstance(value, list) else HIDDEN


def _words(value: Any) -> str:
    """Action and all keys in lower case, for a text that spells them with escapes."""
    if isinstance(value, dict):
        return " ".join(f"{key.lower()} {_words(item)}" for key, item in value.items())
    if isinstance(value, list):
        return " ".join(_words(item) for item in value)
    return value.lower() if isinstance(value, str) and len(value) <= 64 else ""


def _event_text(text: str) -> str:
    if SURE.search(text):
        return HIDDEN
    return clean_urls(text) if "://" in text else clean_path(text) if text.startswith("/") else text
