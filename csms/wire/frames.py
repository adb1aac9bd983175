"""OCPP-J frames: bytes of a peer to a `Frame` or a `FrameError`, never anything else, and back.

OCPP 2.1 has two message types more than the versions before it: the refusal of an answer, and the message that nobody
answers. Where 1.6 or 2.0.1 was negotiated they are unknown types.

Message ids are kept as text for look-ups; an id that came as a number (tolerated, HP-D6) is a `NumericId`, which is
written as a number again, so that the peer finds its own id in the answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
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

CALL, RESULT, ERROR, RESULT_ERROR, SEND = 2, 3, 4, 5, 6
_RESULT_HEAD = b"[%d," % RESULT
NOT_READ = 0
"""Stands for the type of a frame whose own type is unknown or cannot be read."""

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


class NoId(str):
    """Stands for a message id that cannot be read; another one may read the same."""

    __slots__ = ()


UNREADABLE_ID = NoId("-1")
"""The id of an answer to a frame whose own id cannot be read (OCPP-J 2.0.1 part 4, 4.2.3)."""


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


@dataclass(frozen=True, slots=True)
class ResultError:
    """The refusal of an answer (2.1 part 4, 4.2.3); members as in `Error`. Nobody answers it."""

    unique_id: str
    code: str
    description: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Send:
    """A message that is not answered, neither by a result nor by an error (2.1 part 4, 4.2.4)."""

    unique_id: str
    action: str
    payload: dict[str, Any]


Frame = Call | Result | Error | ResultError | Send


class FrameError(PeerError):
    """A frame that cannot be read; `unique_id` is "-1" when not even that can.

    `message_type` tells who answers: a broken request its refusal, a broken answer nobody before 2.1 (or two peers
    could answer for ever), what is not answered when it is whole nobody at all.
    """

    def __init__(
        self, code: RpcErrorCode, description: str, unique_id: str = UNREADABLE_ID, message_type: int = NOT_READ
    ) -> None:
        super().__init__(code, description)
        self.unique_id = unique_id
        self.message_type = message_type

    @property
    def is_reply(self) -> bool:
        """Whether a CALLRESULT or a CALLERROR is broken."""
        return self.message_type in (RESULT, ERROR)


def decode(text: str | bytes, protocol: Protocol = Protocol.OCPP201) -> Frame:
    """Read one frame; raises FrameError and nothing else, whatever the bytes are."""
    items = _parse(text)
    if not isinstance(items, list) or not items:
        raise FrameError(RpcErrorCode.RPC_FRAMEWORK_ERROR, "a frame is a JSON array with 3 to 5 elements")
    readers = _READERS_21 if protocol is Protocol.OCPP21 else _READERS
    message_type = items[0] if type(items[0]) is int and items[0] in readers else NOT_READ
    unique_id = _unique_id(items, message_type)
    if message_type == NOT_READ:
        *others, last = map(str, readers)
        words = f"message types are {', '.join(others)} and {last}"
        raise FrameError(RpcErrorCode.MESSAGE_TYPE_NOT_SUPPORTED, words, unique_id)
    if _has_name_twice(text, items):
        raise FrameError(RpcErrorCode.FORMAT_VIOLATION, "a name stands twice in an object", unique_id, message_type)
    return readers[message_type](unique_id, items)


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


def _has_name_twice(text: str | bytes, value: object) -> bool:
    """Whether two readers could take an object for different ones. Where nothing is lost, every quotation mark belongs
    to a name or a text that was read; only if one does not, it is looked for how that comes.
    """
    data = text if isinstance(text, bytes) else text.encode()
    if data.count(b'"') == 2 * _texts(value):
        return False
    try:
        json.loads(data, object_pairs_hook=_object)
    except _NameTwice:
        return True
    except (ValueError, RecursionError):  # not what the other reader could not read, too
        return False
    return False


class _NameTwice(Exception):
    """A name stands twice in an object."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NameTwice
    return found


def _texts(value: object) -> int:
    """How many names and texts there are."""
    if isinstance(value, str):
        return 1
    if isinstance(value, dict):
        return len(value) + sum(map(_texts, value.values()))
    return sum(map(_texts, value)) if isinstance(value, list) else 0


def _deeper_than(value: object, levels: int) -> bool:
    """Whether lists and objects are nested more than `levels` deep; looks no deeper than that."""
    if isinstance(value, dict):
        return levels == 0 or any(_deeper_than(item, levels - 1) for item in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_deeper_than(item, levels - 1) for item in value)
    return False


def _unique_id(items: list[Any], message_type: int) -> str:
    """The message id; raises FrameError with id "-1" when there is none that may be echoed."""
    value = items[1] if len(items) > 1 else None
    if isinstance(value, int) and not isinstance(value, bool):
        value = NumericId(value)
    if not isinstance(value, str) or len(value) > UNIQUE_ID_LENGTH_MAX:
        text = f"a message id is a text of at most {UNIQUE_ID_LENGTH_MAX} characters"
        raise FrameError(RpcErrorCode.RPC_FRAMEWORK_ERROR, text, message_type=message_type)
    return value


def _call(unique_id: str, items: list[Any]) -> Call:
    return Call(unique_id, *_request(unique_id, items, "CALL", CALL))


def _send(unique_id: str, items: list[Any]) -> Send:
    return Send(unique_id, *_request(unique_id, items, "SEND", SEND))


def _request(unique_id: str, items: list[Any], name: str, message_type: int) -> tuple[str, dict[str, Any]]:
    if len(items) != 4:
        raise FrameError(RpcErrorCode.RPC_FRAMEWORK_ERROR, f"a {name} has 4 elements", unique_id, message_type)
    action = items[2]
    if not isinstance(action, str) or not 0 < len(action) <= ACTION_LENGTH_MAX:
        text = f"an action is a text of 1 to {ACTION_LENGTH_MAX} characters"
        raise FrameError(RpcErrorCode.RPC_FRAMEWORK_ERROR, text, unique_id, message_type)
    return action, _payload(unique_id, items[3], message_type)


def _result(unique_id: str, items: list[Any]) -> Result:
    if len(items) != 3:
        raise FrameError(RpcErrorCode.RPC_FRAMEWORK_ERROR, "a CALLRESULT has 3 elements", unique_id, RESULT)
    return Result(unique_id, _payload(unique_id, items[2], RESULT))


def _payload(unique_id: str, value: object, message_type: int) -> dict[str, Any]:
    """An object; null stands for an empty one (OCPP-J 1.6, table 4)."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        code = RpcErrorCode.TYPE_CONSTRAINT_VIOLATION
        raise FrameError(code, "a payload is a JSON object", unique_id, message_type)
    return value


def _error(unique_id: str, items: list[Any]) -> Error:
    return Error(unique_id, *_refusal(unique_id, items, "CALLERROR", ERROR))


def _result_error(unique_id: str, items: list[Any]) -> ResultError:
    return ResultError(unique_id, *_refusal(unique_id, items, "CALLRESULTERROR", RESULT_ERROR))


def _refusal(unique_id: str, items: list[Any], name: str, message_type: int) -> tuple[str, str, dict[str, Any]]:
    """Lenient: 3 to 5 elements, details of any kind (RB-20 to RB-23)."""
    if not 3 <= len(items) <= 5:
        raise FrameError(RpcErrorCode.RPC_FRAMEWORK_ERROR, f"a {name} has 5 elements", unique_id, message_type)
    code, description, details = [*items[2:], *(None, None)][:3]
    if not isinstance(code, str):
        code = RpcErrorCode.GENERIC_ERROR.value
    text = description if isinstance(description, str) else ""
    return code[:ACTION_LENGTH_MAX], text[:ERROR_DESCRIPTION_LENGTH_MAX], _details(details)


def _details(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {"text": value} if isinstance(value, str) and value else {}


_READERS: Mapping[int, Callable[[str, list[Any]], Frame]] = {CALL: _call, RESULT: _result, ERROR: _error}
_READERS_21 = {**_READERS, RESULT_ERROR: _result_error, SEND: _send}


def encode_call(call: Call) -> bytes:
    """The text of a request."""
    return _write([CALL, _written_id(call.unique_id), call.action, call.payload])


def encode_result(result: Result) -> bytes:
    """The text of an answer."""
    return _write([RESULT, _written_id(result.unique_id), result.payload])


def encode_written_result(unique_id: str, payload: bytes) -> bytes:
    """The text of an answer whose payload is JSON already, as it goes out."""
    return b"".join((_RESULT_HEAD, orjson.dumps(_written_id(unique_id)), b",", payload, b"]"))


def encode_send(send: Send) -> bytes:
    """The text of a message that is not answered."""
    return _write([SEND, _written_id(send.unique_id), send.action, send.payload])


def encode_error(error: Error) -> bytes:
    """The text of a refusal; the description is cut to its 255 characters."""
    return _write_refusal(ERROR, error)


def encode_result_error(error: ResultError) -> bytes:
    """The text of the refusal of an answer, cut like that of a request."""
    return _write_refusal(RESULT_ERROR, error)


def _write_refusal(message_type: int, error: Error | ResultError) -> bytes:
    description = error.description[:ERROR_DESCRIPTION_LENGTH_MAX]
    return _write([message_type, _written_id(error.unique_id), error.code, description, error.details])


def encode_refusal(protocol: Protocol, unique_id: str, fault: PeerError) -> bytes:
    """The CALLERROR for what a peer did wrong, with the error code as the version spells it."""
    code = _CODES_16.get(fault.code, fault.code.value) if protocol is Protocol.OCPP16 else fault.code.value
    return encode_error(Error(unique_id, code, fault.description, fault.details))


def refuse_answer(protocol: Protocol, unique_id: str, fault: PeerError) -> bytes | None:
    """The CALLRESULTERROR for an answer that cannot be used; None before 2.1, which has no word for it."""
    if protocol is not Protocol.OCPP21:
        return None
    return encode_result_error(ResultError(unique_id, fault.code.value, fault.description, fault.details))


def answer_to_bad_frame(protocol: Protocol, fault: FrameError) -> bytes | None:
    """What to answer to a frame that could not be read; None: count it and stay silent.

    2.0.1 and later always answer, with id "-1" if need be (part 4, 4.2.3 and 4.4). 1.6 knows no such id: it answers
    when the id could be read (HP-D5). A broken CALLRESULT is refused in 2.1 alone; what else needs no answer when it is
    whole gets none when it is broken.
    """
    unread = isinstance(fault.unique_id, NoId)
    if fault.message_type == RESULT and not unread:
        return refuse_answer(protocol, fault.unique_id, fault)
    if fault.message_type not in (CALL, NOT_READ):
        return None
    if protocol is Protocol.OCPP16 and unread:
        return None
    return encode_refusal(protocol, fault.unique_id, fault)


def _written_id(unique_id: str) -> str | int:
    return int(unique_id) if isinstance(unique_id, NumericId) else unique_id


def _write(items: list[Any]) -> bytes:
    return orjson.dumps(items)
