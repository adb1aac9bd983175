"""The two message types of OCPP-J 2.1: read and written there, unknown in the versions before it."""

from __future__ import annotations

import pytest

from csms.model.errors import PeerError, RpcErrorCode
from csms.model.station import Protocol
from csms.wire.frames import (
    RESULT,
    RESULT_ERROR,
    SEND,
    FrameError,
    NumericId,
    ResultError,
    Send,
    answer_to_bad_frame,
    decode,
    encode_result_error,
    encode_send,
    refuse_answer,
)

V21 = Protocol.OCPP21


def refused(text: str, protocol: Protocol = V21) -> FrameError:
    with pytest.raises(FrameError) as caught:
        decode(text, protocol)
    return caught.value


def test_a_message_without_an_answer_is_read_and_written() -> None:
    text = '[6,"19223201","NotifyPeriodicEventStream",{"id":123}]'
    send = Send("19223201", "NotifyPeriodicEventStream", {"id": 123})
    assert decode(text, V21) == send
    assert encode_send(send) == text.encode()


def test_the_refusal_of_an_answer_is_read_and_written() -> None:
    text = '[5,"1","FormatViolation","no such tariff",{"tariff":"T"}]'
    refusal = ResultError("1", "FormatViolation", "no such tariff", {"tariff": "T"})
    assert decode(text, V21) == refusal
    assert encode_result_error(refusal) == text.encode()
    assert encode_result_error(ResultError("1", "GenericError", "x" * 300)).count(b"x") == 255


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('[5,"1","GenericError"]', ResultError("1", "GenericError")),
        ('[5,"1",7,null,"why"]', ResultError("1", "GenericError", "", {"text": "why"})),
        ('[6,7,"NotifyPeriodicEventStream",null]', Send(NumericId(7), "NotifyPeriodicEventStream", {})),
    ],
)
def test_tolerant_like_with_the_others(text: str, read: object) -> None:
    assert decode(text, V21) == read


@pytest.mark.parametrize("protocol", [Protocol.OCPP16, Protocol.OCPP201])
@pytest.mark.parametrize("text", ['[5,"1","GenericError","",{}]', '[6,"1","Heartbeat",{}]'])
def test_older_versions_do_not_know_them(protocol: Protocol, text: str) -> None:
    fault = refused(text, protocol)
    assert (fault.code, fault.description) == (
        RpcErrorCode.MESSAGE_TYPE_NOT_SUPPORTED,
        "message types are 2, 3 and 4",
    )
    assert answer_to_bad_frame(protocol, fault) is not None


@pytest.mark.parametrize(
    "text", ['[6,"1"]', '[6,"1","Heartbeat",[]]', '[6,"1","",{}]', '[6,null,"Heartbeat",{}]', '[5,"1"]', "[5]", "[6]"]
)
def test_broken_ones_are_answered_by_nobody(text: str) -> None:
    fault = refused(text)
    assert fault.message_type in (RESULT_ERROR, SEND)
    assert not fault.is_reply
    assert answer_to_bad_frame(V21, fault) is None


@pytest.mark.parametrize("text", ['[3,"1",[]]', '[3,"1"]', '[3,"1",{},{}]'])
def test_a_broken_answer_is_refused_in_2_1_alone(text: str) -> None:
    fault = refused(text)
    assert (fault.message_type, fault.is_reply) == (RESULT, True)
    answer = answer_to_bad_frame(V21, fault)
    assert answer is not None
    assert answer.startswith(b'[5,"1","')
    assert answer_to_bad_frame(Protocol.OCPP201, refused(text, Protocol.OCPP201)) is None


def test_a_broken_answer_without_an_id_refuses_nothing() -> None:
    assert answer_to_bad_frame(V21, refused("[3,{},{}]")) is None
    assert answer_to_bad_frame(V21, refused('[4,{},"GenericError"]')) is None


def test_an_answer_is_refused_in_the_words_of_2_1() -> None:
    fault = PeerError(RpcErrorCode.TYPE_CONSTRAINT_VIOLATION, "status: 7 is no text")
    assert refuse_answer(V21, "9", fault) == b'[5,"9","TypeConstraintViolation","status: 7 is no text",{}]'
    assert refuse_answer(Protocol.OCPP201, "9", fault) is None


@pytest.mark.parametrize("kind", ["7", "0", "5.0", "6.0", '"6"', "true"])
def test_all_other_types_stay_unknown(kind: str) -> None:
    fault = refused(f'[{kind},"1","Heartbeat",{{}}]')
    assert fault.code is RpcErrorCode.MESSAGE_TYPE_NOT_SUPPORTED
    assert fault.description == "message types are 2, 3, 4, 5 and 6"
