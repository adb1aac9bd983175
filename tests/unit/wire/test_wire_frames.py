"""Frames: what is read, what is refused, and how each refusal is answered in each version."""

from __future__ import annotations

import json

import pytest

from csms.model.bounds import FRAME_BYTES_MAX, JSON_DEPTH_MAX
from csms.model.errors import PeerError, RpcErrorCode
from csms.model.station import Protocol
from csms.wire.frames import (
    Call,
    Error,
    FrameError,
    Result,
    answer_to_bad_frame,
    decode,
    encode_call,
    encode_error,
    encode_refusal,
    encode_result,
)


def refused(text: str | bytes) -> FrameError:
    with pytest.raises(FrameError) as caught:
        decode(text)
    return caught.value


@pytest.mark.req("1.6J:4.2.1", "1.6J:4.2.2", "1.6J:4.2.3", "2.0.1J:4.2.1", "2.0.1J:4.2.2", "2.0.1J:4.2.3")
def test_the_three_frames() -> None:
    assert decode('[2,"a1","Heartbeat",{}]') == Call("a1", "Heartbeat", {})
    assert decode(b'[3,"a1",{"currentTime":"2026-01-01T00:00:00Z"}]') == Result(
        "a1", {"currentTime": "2026-01-01T00:00:00Z"}
    )
    assert decode('[4,"a1","NotImplemented","no",{"x":1}]') == Error("a1", "NotImplemented", "no", {"x": 1})


def test_frames_are_written_without_blanks() -> None:
    assert encode_call(Call("1", "Reset", {"type": "Soft"})) == b'[2,"1","Reset",{"type":"Soft"}]'
    assert encode_result(Result("1", {})) == b'[3,"1",{}]'
    assert encode_error(Error("1", "GenericError", "x", {})) == b'[4,"1","GenericError","x",{}]'


@pytest.mark.req("RB-27")
def test_pretty_printed_json_is_read() -> None:
    assert decode('[\n  2 ,\n  "7" , "Heartbeat" ,\n  { }\n]\n') == Call("7", "Heartbeat", {})


def test_a_null_payload_is_an_empty_one() -> None:
    assert decode('[2,"1","Heartbeat",null]') == Call("1", "Heartbeat", {})
    assert decode('[3,"1",null]') == Result("1", {})


@pytest.mark.req("HP-D2", "2.0.1J:4.1.6")
@pytest.mark.parametrize("action", ['["x"]', "null", "{}", "7", '""', '"' + "a" * 65 + '"'])
def test_an_action_that_is_no_name(action: str) -> None:
    fault = refused(f'[2,"1",{action},{{}}]')
    assert (fault.unique_id, fault.code) == ("1", RpcErrorCode.RPC_FRAMEWORK_ERROR)


@pytest.mark.req("HP-D3")
@pytest.mark.parametrize("depth", [100_000, 1_100, JSON_DEPTH_MAX + 1])
def test_deep_nesting_is_refused(depth: int) -> None:
    assert refused("[" * depth).unique_id == "-1"
    assert refused("[" * depth + "]" * depth).unique_id == "-1"
    assert refused('{"a":' * depth + "1" + "}" * depth).unique_id == "-1"


def test_wide_frames_are_not_deep() -> None:
    payload = {"list": [{"a": [1]} for _ in range(200)]}
    assert decode(json.dumps([2, "1", "NotifyReport", payload])) == Call("1", "NotifyReport", payload)


def test_nesting_up_to_the_bound_is_read() -> None:
    levels = JSON_DEPTH_MAX - 2
    text = '[2,"1","DataTransfer",{"data":' + "[" * levels + "]" * levels + "}]"
    assert isinstance(decode(text), Call)
    assert refused(text.replace("[[", "[[[", 1).replace("]]", "]]]", 1)).code is RpcErrorCode.RPC_FRAMEWORK_ERROR


@pytest.mark.req("HP-D5", "RB-26", "1.6J:4.1.2", "2.0.1J:4.1.2", "2.0.1J:4.2.3")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        '[2,"1","GetConfiguration",{"key":["Heart',
        "{}",
        "[]",
        "7",
        "null",
        "[2]",
        '[2,null,"Heartbeat",{}]',
        '[2,1.5,"Heartbeat",{}]',
        '[2,true,"Heartbeat",{}]',
        '[2,["1"],"Heartbeat",{}]',
        '[2,"1","MeterValues",{"value":NaN}]',
        '[2,"1","MeterValues",{"value":1e999}]',
        '[2,"\\ud800","Heartbeat",{}]',
        b'[2,"\xff","Heartbeat",{}]',
        '[2,"\ud800","Heartbeat",{}]',
    ],
)
def test_unreadable_frames_have_no_id(text: str | bytes) -> None:
    fault = refused(text)
    assert (fault.unique_id, fault.code) == ("-1", RpcErrorCode.RPC_FRAMEWORK_ERROR)
    assert answer_to_bad_frame(Protocol.OCPP16, fault) is None
    answer = answer_to_bad_frame(Protocol.OCPP201, fault)
    assert answer is not None
    assert json.loads(answer)[:3] == [4, "-1", "RpcFrameworkError"]


@pytest.mark.req("HP-D5", "2.0.1J:4.4", "1.6J:4.1.3")
@pytest.mark.parametrize("message_type", ["5", "6", "1", "-2", '"2"', "2.0", "true", "null", "[2]"])
def test_unknown_message_types(message_type: str) -> None:
    fault = refused(f'[{message_type},"77",{{}}]')
    assert (fault.unique_id, fault.code) == ("77", RpcErrorCode.MESSAGE_TYPE_NOT_SUPPORTED)
    answer = answer_to_bad_frame(Protocol.OCPP201, fault)
    assert answer == b'[4,"77","MessageTypeNotSupported","message types are 2, 3 and 4",{}]'
    assert json.loads(answer_to_bad_frame(Protocol.OCPP16, fault) or b"")[2] == "GenericError"


@pytest.mark.parametrize("text", ['[2,"1","Heartbeat"]', '[2,"1","Heartbeat",{},{}]', '[2,"1"]'])
def test_calls_of_the_wrong_length_are_answered_by_their_id(text: str) -> None:
    fault = refused(text)
    assert json.loads(answer_to_bad_frame(Protocol.OCPP16, fault) or b"")[:3] == [4, "1", "FormationViolation"]
    assert json.loads(answer_to_bad_frame(Protocol.OCPP201, fault) or b"")[:3] == [4, "1", "RpcFrameworkError"]


@pytest.mark.parametrize("text", ['[2,"-1","Heartbeat"]', '[2,-1,"Heartbeat"]', '[7,"-1",{}]'])
def test_minus_one_is_an_id_like_any_other(text: str) -> None:
    answer = json.loads(answer_to_bad_frame(Protocol.OCPP16, refused(text)) or b"null")
    assert answer[:2] == [4, json.loads(text)[1]]


def test_an_answer_is_one_by_a_whole_number_alone() -> None:
    fault = refused("[3.0,null,{}]")
    assert not fault.is_reply
    assert json.loads(answer_to_bad_frame(Protocol.OCPP201, fault) or b"")[:2] == [4, "-1"]


@pytest.mark.req("2.0.1J:4.1.5")
@pytest.mark.parametrize("payload", ["[]", '"x"', "1", "false"])
def test_a_payload_is_an_object(payload: str) -> None:
    assert refused(f'[2,"1","Heartbeat",{payload}]').code is RpcErrorCode.TYPE_CONSTRAINT_VIOLATION


@pytest.mark.parametrize("text", ['[3,"1"]', '[3,"1",[]]', '[3,"1",{},{}]', '[4,"1"]', '[4,"1","a","b",{},1]', "[3]"])
def test_a_broken_answer_is_never_answered(text: str) -> None:
    fault = refused(text)
    assert fault.is_reply
    assert answer_to_bad_frame(Protocol.OCPP201, fault) is None


@pytest.mark.req("HP-D6")
def test_a_numeric_id_is_echoed_as_a_number() -> None:
    call = decode('[2,288254727,"Heartbeat",{}]')
    assert call.unique_id == "288254727"
    assert encode_result(Result(call.unique_id, {})) == b"[3,288254727,{}]"
    fault = refused('[2,42,"Heartbeat"]')
    assert (answer_to_bad_frame(Protocol.OCPP201, fault) or b"").startswith(b"[4,42,")


@pytest.mark.req("HP-D6", "1.6J:4.1.4", "2.0.1J:4.1.4")
def test_the_length_of_an_id_is_bounded() -> None:
    assert decode(json.dumps([2, "x" * 36, "Heartbeat", {}])).unique_id == "x" * 36
    assert refused(json.dumps([2, "x" * 37, "Heartbeat", {}])).unique_id == "-1"
    assert refused(json.dumps([2, "x" * 5000, "Heartbeat", {}])).unique_id == "-1"


def test_the_size_of_a_frame_is_bounded() -> None:
    assert refused(" " * (FRAME_BYTES_MAX + 1)).unique_id == "-1"
    assert refused("é" * (FRAME_BYTES_MAX // 2 + 1)).unique_id == "-1"


@pytest.mark.req("RB-20", "RB-21", "RB-22", "RB-23")
@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('[4,"1","NotSupported","why"]', Error("1", "NotSupported", "why")),
        ('[4,"1","NotSupported"]', Error("1", "NotSupported")),
        ('[4,"1","FormationViolation","","the PDU"]', Error("1", "FormationViolation", "", {"text": "the PDU"})),
        ('[4,"1","FormatViolation","",""]', Error("1", "FormatViolation")),
        ('[4,"1","Whatever","",null]', Error("1", "Whatever")),
        ('[4,"1",17,18,19]', Error("1", "GenericError")),
    ],
)
def test_sloppy_call_errors_are_read(text: str, error: Error) -> None:
    assert decode(text) == error


@pytest.mark.req("RB-22", "OA-03")
def test_long_descriptions_are_cut_both_ways() -> None:
    frame = decode(json.dumps([4, "1", "NotImplemented", "line\n" * 500, {}]))
    assert isinstance(frame, Error)
    assert len(frame.description) == 255
    assert len(json.loads(encode_error(Error("1", "GenericError", "x" * 900)))[3]) == 255


@pytest.mark.req("1.6J:4.2.3", "2.0.1J:4.3")
@pytest.mark.parametrize(
    ("code", "in_16", "in_201"),
    [
        (RpcErrorCode.FORMAT_VIOLATION, "FormationViolation", "FormatViolation"),
        (
            RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
            "OccurenceConstraintViolation",
            "OccurrenceConstraintViolation",
        ),
        (RpcErrorCode.NOT_IMPLEMENTED, "NotImplemented", "NotImplemented"),
        (RpcErrorCode.RPC_FRAMEWORK_ERROR, "FormationViolation", "RpcFrameworkError"),
        (RpcErrorCode.MESSAGE_TYPE_NOT_SUPPORTED, "GenericError", "MessageTypeNotSupported"),
    ],
)
def test_error_codes_are_spelt_by_version(code: RpcErrorCode, in_16: str, in_201: str) -> None:
    fault = PeerError(code, "text", {"key": "value"})
    assert encode_refusal(Protocol.OCPP16, "9", fault) == f'[4,"9","{in_16}","text",{{"key":"value"}}]'.encode()
    assert encode_refusal(Protocol.OCPP201, "9", fault) == f'[4,"9","{in_201}","text",{{"key":"value"}}]'.encode()
