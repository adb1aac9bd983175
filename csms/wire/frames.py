"""OCPP-J frames: bytes of a peer to a `Frame` or a `FrameError`, never anything else, and back.

Message ids are kept as text for look-ups; an id that came as a number (tolerated, HP-D6) is a `NumericId`, which is
written as a number again, so that the peer finds its own id in the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from csms.model.bounds import (
    ACTION_LENGTH_MAX,
    ERROR_DESCRIPTION_LENGTH_MAX,
    FRAME_BYTES_MAX,
    JSON_DEPTH_MAX,
    UNIQUE_ID_LENGTH_MAX,
)
from csms.model.errors import PeerError, RpcErrorCode
from csms.model.station import Protocol

CALL, RESULT, ERROR = 2, 3, 4
UNREADABLE_ID = "-1"
"""The id of an answer to a frame whose own id cannot be read (OCPP-J 2.0.1 part 4, 4.2.3)."""

_CODES_16: Mapping[RpcErrorCode, str] = {
    RpcErrorCode.FORMAT_VIOLATION: "FormationViolation",
    RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
    RpcErrorCode.RPC_FRAMEWORK_ERROR: "FormationViolation",
    RpcErrorCode.MESSAGE_TYPE_NOT_SUPPORTED: "GenericError",
}
"""OCPP-J 1.6 table 7, with its spellings (errata 5.1 and 5.2 keep them). It lacks RpcFrameworkError, whose nearest is
FormationViolation (not conform the PDU structure), and MessageTypeNotSupported, left to GenericError.
"""


class NumericId(str):
    """A message id that the peer wrote as a JSON number."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A request."""

    unique_id: str
    action: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a request."""

    unique_id: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Error:
    """The refusal of a request; `code` as the peer spells it, `description` at most 255 characters."""

    unique_id: str
    code: str
    description: str = ""
    details: dict[str, Any] = field(default_factory=dict)


Frame = Call | Result | Error


class FrameError(PeerError):
    """A frame that cannot be read; `unique_id` is "-1" when not even that can.

    `is_reply` marks a broken CALLRESULT or CALLERROR: those are never answered, or two peers could answer for ever.
    """

    def __init__(
        self, code: RpcErrorCode, description: str, unique_id: str = UNREADABLE_ID, *, is_reply: bool = False
    ) -> None:
        super().__init__(code, description)
        self.unique_id = unique_id
        self.is_reply = is_reply


def decode(text: str | bytes) -> Frame:
    """Read one frame; raises FrameError and nothing else, whatever the bytes are."""
    items = _parse(text)
    if not isinstance(items, list) or not items:
        raise FrameError(RpcErrorCode.RPC_FRAMEWORK_ERROR, "a frame is a JSON array with 3 to 5 elements")
    message_type = items[0]
    is_reply = message_type in (RESULT, ERROR)
    unique_id = _unique_id(items, is_reply=is_reply)
    if isinstance(message_type, bool) or not isinstance(message_type, int) or not CALL <= message_type <= ERROR:
        raise FrameError(RpcErrorCode.MESSAGE_TYPE_NOT_SUPPORTED, "message types are 2, 3 and 4", unique_id)
    if message_type == CALL:
        return _call(unique_id, items)
    return _result(unique_id, items) if message_type == RESULT else _error(unique_id, items)


def _parse(text: str | bytes) -> object:
    try:
        data = text if isinstance(text, bytes) else text.encode()
        if len(data) > FRAME_BYTES_MAX:
            raise FrameError(RpcErrorCode.RPC_FRAMEWORK_ERROR, f"a frame has at most {FRAME_BYTES_MAX} bytes")
        value = orjson.loads(data)
    except (orjson.JSONDecodeError, UnicodeEncodeError, RecursionError):
        raise FrameError(RpcErrorCode.RPC_FRAMEWORK_ERROR, "the frame is not valid JSON in UTF-8") from None
    brackets = data.count(b"[") + data.count(b"{")
    if brackets > JSON_DEPTH_MAX and _deeper_than(value, JSON_DEPTH_MAX):
        raise FrameError(RpcErrorCode.RPC_FRAMEWORK_ERROR, f"a frame is nested at most {JSON_DEPTH_MAX} deep")
    return value


def _deeper_than(value: object, levels: int) -> bool:
    """Whether lists and objects are nested more than `levels` deep; looks no deeper than that."""
    if isinstance(value, dict):
        return levels == 0 or any(_deeper_than(item, levels - 1) for item in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_deeper_than(item, levels - 1) for item in value)
    return False


def _unique_id(items: list[Any], *, is_reply: bool) -> str:
    """The message id; raises FrameError with id "-1" when there is none that may be echoed."""
    value = items[1] if len(items) > 1 else None
    if isinstance(value, int) and not isinstance(value, bool):
        value = NumericId(value)
    if not isinstance(value, str) or len(value) > UNIQUE_ID_LENGTH_MAX:
        text = f"a message id is a text of at most {UNIQUE_ID_LENGTH_MAX} characters"
        raise FrameError(RpcErrorCode.RPC_FRAMEWORK_ERROR, text, is_reply=is_reply)
    return value


def _call(unique_id: str, items: list[Any]) -> Call:
    if len(items) != 4:
        raise FrameError(RpcErrorCode.RPC_FRAMEWORK_ERROR, "a CALL has 4 elements", unique_id)
    action = items[2]
    if not isinstance(action, str) or not 0 < len(action) <= ACTION_LENGTH_MAX:
        text = f"an action is a text of 1 to {ACTION_LENGTH_MAX} characters"
        raise FrameError(RpcErrorCode.RPC_FRAMEWORK_ERROR, text, unique_id)
    return Call(unique_id, action, _payload(unique_id, items[3], is_reply=False))


def _result(unique_id: str, items: list[Any]) -> Result:
    if len(items) != 3:
        raise FrameError(RpcErrorCode.RPC_FRAMEWORK_ERROR, "a CALLRESULT has 3 elements", unique_id, is_reply=True)
    return Result(unique_id, _payload(unique_id, items[2], is_reply=True))


def _payload(unique_id: str, value: object, *, is_reply: bool) -> dict[str, Any]:
    """An object; null stands for an empty one (OCPP-J 1.6, table 4)."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        code = RpcErrorCode.TYPE_CONSTRAINT_VIOLATION
        raise FrameError(code, "a payload is a JSON object", unique_id, is_reply=is_reply)
    return value


def _error(unique_id: str, items: list[Any]) -> Error:
    """Lenient: 3 to 5 elements, details of any kind (RB-20 to RB-23)."""
    if not 3 <= len(items) <= 5:
        raise FrameError(RpcErrorCode.RPC_FRAMEWORK_ERROR, "a CALLERROR has 5 elements", unique_id, is_reply=True)
    code, description, details = [*items[2:], *(None, None)][:3]
    if not isinstance(code, str):
        code = RpcErrorCode.GENERIC_ERROR.value
    text = description if isinstance(description, str) else ""
    return Error(unique_id, code[:ACTION_LENGTH_MAX], text[:ERROR_DESCRIPTION_LENGTH_MAX], _details(details))


def _details(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {"text": value} if isinstance(value, str) and value else {}


def encode_call(call: Call) -> str:
    """The text of a request."""
    return _write([CALL, _written_id(call.unique_id), call.action, call.payload])


def encode_result(result: Result) -> str:
    """The text of an answer."""
    return _write([RESULT, _written_id(result.unique_id), result.payload])


def encode_written_result(unique_id: str, payload: bytes) -> str:
    """The text of an answer whose payload is JSON already."""
    return _write([RESULT, _written_id(unique_id), orjson.Fragment(payload)])


def encode_error(error: Error) -> str:
    """The text of a refusal; the description is cut to its 255 characters."""
    description = error.description[:ERROR_DESCRIPTION_LENGTH_MAX]
    return _write([ERROR, _written_id(error.unique_id), error.code, description, error.details])


def encode_refusal(protocol: Protocol, unique_id: str, fault: PeerError) -> str:
    """The CALLERROR for what a peer did wrong, with the error code as the version spells it."""
    code = _CODES_16.get(fault.code, fault.code.value) if protocol is Protocol.OCPP16 else fault.code.value
    return encode_error(Error(unique_id, code, fault.description, fault.details))


def answer_to_bad_frame(protocol: Protocol, fault: FrameError) -> str | None:
    """What to answer to a frame that could not be read; None: count it and stay silent.

    2.0.1 and later always answer, with id "-1" if need be (part 4, 4.2.3 and 4.4). 1.6 knows no such id: it answers
    when the id could be read (HP-D5). Broken answers are answered by nobody.
    """
    if fault.is_reply or (protocol is Protocol.OCPP16 and fault.unique_id == UNREADABLE_ID):
        return None
    return encode_refusal(protocol, fault.unique_id, fault)


def _written_id(unique_id: str) -> str | int:
    return int(unique_id) if isinstance(unique_id, NumericId) else unique_id


def _write(items: list[Any]) -> str:
    return orjson.dumps(items).decode()
