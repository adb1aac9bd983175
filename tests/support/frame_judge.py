"""What is due to a frame of a station, by OCPP-J and the published schemas alone: nothing of the product decides here.

Beside the standard the judge knows the rules of the field that the central system keeps to on purpose: what of a
message is let pass (SR-01, SR-02, RB-18, RB-28), the bounds of a frame (HP-D3, HP-D5, HP-D6).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import jsonschema_rs

from csms.model.bounds import ACTION_LENGTH_MAX, FRAME_BYTES_MAX, JSON_DEPTH_MAX, UNIQUE_ID_LENGTH_MAX
from csms.model.station import Protocol
from tests.support import official
from tests.support.deliberate import depth, is_doubled, is_rfc_8259
from tests.support.examples import Json, actions, schema_of

NOT_UTF8, TOO_BIG = 1007, 1009
"""Close codes (RFC 6455, 7.4.1)."""

RPC = frozenset({"RpcFrameworkError"})
RIGHT_CODES: Mapping[str, frozenset[str]] = {
    "type": frozenset({"TypeConstraintViolation"}),
    "integer": frozenset({"TypeConstraintViolation"}),
    "maxLength": frozenset({"TypeConstraintViolation", "PropertyConstraintViolation"}),
    "required": frozenset({"ProtocolError", "OccurrenceConstraintViolation"}),
    "minItems": frozenset({"OccurrenceConstraintViolation", "FormatViolation"}),
    "maxItems": frozenset({"OccurrenceConstraintViolation", "FormatViolation"}),
}
"""By the keyword that is broken, where table 7 of OCPP-J has a word for it; where it has two, either is right."""
OTHER_CODES = frozenset({"PropertyConstraintViolation", "FormatViolation"})
CODES_16 = {
    "FormatViolation": "FormationViolation",
    "OccurrenceConstraintViolation": "OccurenceConstraintViolation",
    "RpcFrameworkError": "FormationViolation",
    "MessageTypeNotSupported": "GenericError",
}
"""OCPP-J 1.6 has no code for the last two: not conform the PDU structure, and any other error."""

OPEN_LISTS = ("meterValue", "transactionData", "reportData", "monitor", "eventData")
OPEN_WORDS = ("errorCode", "reason", "stoppedReason", "triggerReason", "chargingState", "type")
LONG_TEXT = 2500
NUMBER_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Due:
    """What must come: a close with a code, an answer to an id, or (`answered` False) nothing at all.

    `result` tells of which action; `codes` are those of a CALLERROR, or of a CALLRESULTERROR where `kind` is 5.
    """

    answered: bool = True
    close: int = 0
    unique_id: Json = None
    result: str = ""
    codes: frozenset[str] = frozenset()
    kind: int = 4

    def fault(self, protocol: Protocol, answer: Any) -> str:
        """What is wrong with an answer; empty when it is right."""
        if not isinstance(answer, list) or len(answer) < 3 or answer[1] != self.unique_id:
            return f"answers something else: {answer}"
        if answer[0] == 3 and self.result:
            return "; ".join(official.faults(protocol.value, f"{self.result}Response", answer[2]))
        if answer[0] == self.kind and self.codes:
            return error_fault(answer, self.codes)
        return f"not what is due: {answer}"


def error_fault(answer: list[Any], codes: frozenset[str]) -> str:
    """What is wrong with a CALLERROR."""
    if len(answer) != 5 or not isinstance(answer[3], str) or not isinstance(answer[4], dict) or len(answer[3]) > 255:
        return f"no CALLERROR: {answer}"
    return "" if answer[2] in codes else f"one of {sorted(codes)} is due: {answer}"


NOTHING = Due(answered=False)


class Judge:
    """Of one version; `incoming` are the actions that a station may send."""

    def __init__(self, protocol: Protocol, incoming: Sequence[str]) -> None:
        self.protocol = protocol
        self._known, self._incoming = frozenset(actions(protocol)), frozenset(incoming)

    def due(self, data: bytes, *, text: bool) -> Due:
        """To one websocket message, sent as a text or as a binary one."""
        if text and not _is_utf8(data):
            return Due(close=NOT_UTF8)
        if len(data) > FRAME_BYTES_MAX:
            return Due(close=TOO_BIG)
        if not _is_utf8(data) or not is_rfc_8259(data.decode()):
            return self._unreadable()
        try:
            items = json.loads(data, parse_int=_number)
        except OverflowError:
            return self._unreadable()
        if not isinstance(items, list) or not items or depth(items) > JSON_DEPTH_MAX:
            return self._unreadable()
        due = self._frame(items)
        return self._doubled(items, due) if is_doubled(data) else due

    def _doubled(self, items: list[Any], due: Due) -> Due:
        """A name that stands twice may be refused (attack class 6); in frequent messages the last one counts."""
        kind = items[0] if type(items[0]) is int else 0
        if kind == 2 and due.unique_id not in (None, "-1"):
            return replace(due, codes=due.codes | self._refusal(due.unique_id, "FormatViolation").codes)
        if kind == 3 and self.protocol is Protocol.OCPP21 and len(items) > 1:
            return Due(unique_id=items[1], codes=due.codes | {"FormatViolation"}, kind=5)
        return due

    def _frame(self, items: list[Any]) -> Due:
        kind = items[0] if type(items[0]) is int else 0
        unique_id = items[1] if len(items) > 1 else None
        named = type(unique_id) is int or (isinstance(unique_id, str) and len(unique_id) <= UNIQUE_ID_LENGTH_MAX)
        if kind == 4 or (kind in (5, 6) and self.protocol is Protocol.OCPP21):
            return NOTHING
        if kind == 3:
            return self._answer(items, unique_id) if named else NOTHING
        if not named:
            return self._unreadable("RpcFrameworkError", "MessageTypeNotSupported")
        if kind != 2:
            return self._refusal(unique_id, "MessageTypeNotSupported")
        return self._call(unique_id, items)

    def _answer(self, items: list[Any], unique_id: Json) -> Due:
        """Nobody asked; one that is none may be refused from 2.1 on."""
        whole = len(items) == 3 and isinstance(items[2], dict | None)
        if whole or self.protocol is not Protocol.OCPP21:
            return NOTHING
        codes = frozenset({"RpcFrameworkError"} if len(items) != 3 else {"TypeConstraintViolation"})
        return Due(unique_id=unique_id, codes=codes, kind=5)

    def _call(self, unique_id: Json, items: list[Any]) -> Due:
        if len(items) != 4 or not isinstance(items[2], str) or not 0 < len(items[2]) <= ACTION_LENGTH_MAX:
            return self._refusal(unique_id, "RpcFrameworkError")
        action, payload = items[2], {} if items[3] is None else items[3]
        if not isinstance(payload, dict):
            return self._refusal(unique_id, "TypeConstraintViolation")
        if action not in self._known:
            return self._refusal(unique_id, "NotImplemented")
        if action not in self._incoming:
            return self._refusal(unique_id, "NotSupported")
        return self._payload(unique_id, action, payload)

    def _payload(self, unique_id: Json, action: str, payload: dict[str, Any]) -> Due:
        """Its faults that are not let pass decide; without one a result is due. What is null is absent."""
        meant = _without_nulls(payload) if any(faults(self.protocol, action, payload)) else payload
        codes = [
            RIGHT_CODES.get(keyword, OTHER_CODES)
            for keyword, path, value in faults(self.protocol, action, meant)
            if not let_pass(action, keyword, path, value)
        ]
        if codes:
            return self._refusal(unique_id, *frozenset[str]().union(*codes))
        if cannot_be(action, payload):
            return self._refusal(unique_id, "PropertyConstraintViolation", result=action)
        return Due(unique_id=unique_id, result=action)

    def _unreadable(self, *codes: str) -> Due:
        """1.6 has no id for such an answer, so there is none."""
        if self.protocol is Protocol.OCPP16:
            return NOTHING
        return Due(unique_id="-1", codes=frozenset(codes) or RPC)

    def _refusal(self, unique_id: Json, *codes: str, result: str = "") -> Due:
        spelled = {CODES_16.get(code, code) if self.protocol is Protocol.OCPP16 else code for code in codes}
        return Due(unique_id=unique_id, codes=frozenset(spelled), result=result)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _number(text: str) -> float:
    """Integers beyond 64 bits are what any reader of doubles makes of them."""
    value = int(text)
    return value if -(2**63) <= value < 2**64 else float(value)


@cache
def _schema(protocol: Protocol, action: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft4Validator(schema_of(protocol, action), validate_formats=False)


def faults(protocol: Protocol, action: str, payload: Json) -> Iterator[tuple[str, Sequence[str | int], Json]]:
    """The broken keywords of a payload, each with its place (of what is missing, where it should be) and the value."""
    for fault in _schema(protocol, action).iter_errors(payload):
        keyword, path = str(fault.schema_path[-1]), list(fault.instance_path)
        if isinstance(fault.kind, jsonschema_rs.ValidationErrorKind.Required):
            path = [*path, fault.kind.property]
        elif isinstance(fault.kind, jsonschema_rs.ValidationErrorKind.Type) and "integer" in fault.kind.types:
            keyword = "integer"
        yield keyword, path, fault.instance


def _without_nulls(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _without_nulls(below) for key, below in value.items() if below is not None}
    return [_without_nulls(below) for below in value] if isinstance(value, list) else value


def let_pass(action: str, keyword: str, path: Sequence[str | int], value: Json) -> bool:
    """Whether a fault of a message is no reason to refuse it (SR-01, SR-02)."""
    last = path[-1] if path else ""
    if last in ("timestamp", "generatedAt") or keyword in ("minimum", "maximum", "additionalProperties"):
        return True
    if path and path[0] in OPEN_LISTS and (len(path) > 1 or keyword == "minItems"):
        return True
    if keyword == "enum":
        return last in OPEN_WORDS or (action.endswith("StatusNotification") and action != "StatusNotification")
    if path in (["meterStart"], ["meterStop"]) and isinstance(value, str | int | float):
        return not isinstance(value, bool)
    if path == ["transactionId"] and keyword == "integer" and isinstance(value, str):
        return action in ("MeterValues", "StopTransaction")
    if last == "transactionId" or not path:
        return False
    whole = isinstance(value, float) and value.is_integer()
    return (keyword == "integer" and whole) or (
        keyword == "maxLength" and isinstance(value, str) and len(value) <= LONG_TEXT
    )


def cannot_be(action: str, payload: dict[str, Any]) -> bool:
    """Whether a value that the schema allows names nothing: no transaction, or a number that no station counts with."""
    name = str(payload.get("transactionInfo", {}).get("transactionId", "x"))
    if action == "TransactionEvent" and not name.strip("\0"):
        return True
    beyond = any(abs(number) > NUMBER_MAX for number in _ids(payload))
    return beyond and action not in ("MeterValues", "StopTransaction")


def _ids(value: Json) -> Iterator[float]:
    """The numbers in a payload that may count or name something; names of transactions are taken as they are."""
    if isinstance(value, dict):
        for key, below in value.items():
            if key != "transactionId" and key not in OPEN_LISTS:
                yield from _ids(below)
    elif isinstance(value, int | float):
        yield value
