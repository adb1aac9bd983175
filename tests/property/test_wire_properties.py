"""Whatever bytes come in, reading them gives a frame or a FrameError; what is written is read back the same."""

from __future__ import annotations

import json
import string
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.model.bounds import ERROR_DESCRIPTION_LENGTH_MAX, METER_REGISTER_WH_MAX, UNIQUE_ID_LENGTH_MAX
from csms.model.ids import is_station_id
from csms.model.station import Protocol
from csms.wire.calls import Match, PendingCalls
from csms.wire.frames import (
    Call,
    Error,
    Frame,
    FrameError,
    Result,
    ResultError,
    Send,
    answer_to_bad_frame,
    decode,
    encode_call,
    encode_error,
    encode_result,
    encode_result_error,
    encode_send,
)
from csms.wire.handshake import station_id_from_path
from csms.wire.meter_values import ZONE_MAX, read_samples
from csms.wire.times import format_time, parse_time

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))
OBJECTS = st.dictionaries(TEXT, JSON, max_size=4)
IDS = st.text(string.printable, max_size=UNIQUE_ID_LENGTH_MAX)
NAMES = st.text(string.ascii_letters, min_size=1, max_size=30)
WORDS = st.text(string.printable, max_size=ERROR_DESCRIPTION_LENGTH_MAX)
FRAMES = (
    st.builds(Call, IDS, NAMES, OBJECTS)
    | st.builds(Result, IDS, OBJECTS)
    | st.builds(Error, IDS, NAMES, WORDS, OBJECTS)
    | st.builds(ResultError, IDS, NAMES, WORDS, OBJECTS)
    | st.builds(Send, IDS, NAMES, OBJECTS)
)


def written(frame: Frame) -> bytes:
    match frame:
        case Call():
            return encode_call(frame)
        case Result():
            return encode_result(frame)
        case Error():
            return encode_error(frame)
        case ResultError():
            return encode_result_error(frame)
        case Send():
            return encode_send(frame)


def read(data: str | bytes) -> Frame | FrameError:
    """Only the two outcomes that are allowed, in every version; each bad frame can also be answered."""
    found: Frame | FrameError
    for protocol in Protocol:
        try:
            found = decode(data, protocol)
        except FrameError as fault:
            answer = answer_to_bad_frame(protocol, fault)
            assert answer is None or isinstance(decode(answer, protocol), Error | ResultError)
            found = fault
    return found


@given(FRAMES)
def test_what_is_written_is_read_back(frame: Frame) -> None:
    assert decode(written(frame), Protocol.OCPP21) == frame


@pytest.mark.req("HP-D5")
@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes(data: str | bytes) -> None:
    read(data)


@pytest.mark.req("HP-D2", "HP-D5", "HP-D6")
@given(st.lists(JSON, max_size=6) | JSON)
def test_any_json(value: Any) -> None:
    read(json.dumps(value))


@given(st.sampled_from([2, 3, 4, 5, 6]), st.lists(JSON, max_size=5))
def test_any_array_of_a_known_type(message_type: int, rest: list[Any]) -> None:
    read(json.dumps([message_type, *rest]))


@pytest.mark.req("RB-26")
@given(FRAMES, st.data())
def test_cut_and_damaged_frames(frame: Frame, data: st.DataObject) -> None:
    raw = bytearray(written(frame))
    at = data.draw(st.integers(0, len(raw) - 1))
    read(bytes(raw[:at]))
    raw[at] = data.draw(st.integers(0, 255))
    read(bytes(raw))


@pytest.mark.req("HP-D3")
@given(st.integers(1, 30_000), st.sampled_from(["[", '{"a":', '[{"b":[']))
def test_any_depth(depth: int, opening: str) -> None:
    assert isinstance(read(opening * depth), FrameError)


@given(st.text(max_size=60))
def test_any_path(path: str) -> None:
    for tried in (path, f"/ocpp/{path}", f"/ocpp/{path}/"):
        station_id = station_id_from_path(tried)
        assert station_id is None or is_station_id(station_id)


@given(st.integers(-1900 * 365, 7900 * 365), st.integers(0, 86_399_999_999), st.integers(-14 * 60, 14 * 60))
def test_times_are_read_back_to_the_millisecond(days: int, micros: int, offset_min: int) -> None:
    moment = NOW + timedelta(days=days, microseconds=micros)
    back = parse_time(format_time(moment.astimezone(timezone(timedelta(minutes=offset_min)))))
    assert back is not None
    assert timedelta(0) <= moment - back < timedelta(milliseconds=1)


@pytest.mark.req("HP-D7")
@given(JSON | st.text("0123456789-+:.TZ /W", max_size=30))
def test_any_time(value: object) -> None:
    moment = parse_time(value)
    assert moment is None or moment.utcoffset() == timedelta(0)


SAMPLED = st.dictionaries(
    st.sampled_from(["value", "measurand", "unit", "phase", "context", "location", "format", "unitOfMeasure"]),
    JSON
    | st.sampled_from(["kWh", "L1", "Voltage.L1", "1.5", "1e308", "-7"])
    | st.just({"unit": "kW", "multiplier": 12}),
)
VALUES = st.lists(
    st.fixed_dictionaries({"timestamp": JSON, "sampledValue": st.lists(SAMPLED | JSON, max_size=4) | JSON})
)


@pytest.mark.req("SR-02", "RB-42")
@given(VALUES | JSON)
def test_any_meter_values(values: object) -> None:
    for sample in read_samples({"meterValue": values}, "meterValue", NOW):
        assert sample.time.utcoffset() == timedelta(0)
        assert abs(sample.value) <= METER_REGISTER_WH_MAX
        assert sample.trusted_time or NOW <= sample.time <= NOW + ZONE_MAX
        assert "\0" not in sample.measurand + sample.unit + sample.phase + sample.context + sample.location


@pytest.mark.req("HP-D1")
@given(st.lists(st.tuples(st.sampled_from(["start", "answer", "expire", "close"]), st.integers(0, 5), st.floats(0, 9))))
def test_an_answer_never_ends_another_call(steps: list[tuple[str, int, float]]) -> None:
    pending = PendingCalls(timeout_s=5)
    now_s = 0.0
    for step, number, passed_s in steps:
        now_s += passed_s
        waiting = pending.outstanding
        if step == "start" and waiting is None:
            pending.start(str(number), "Reset", now_s)
        elif step == "answer":
            outcome = pending.resolve(Result(str(number), {}))
            assert (outcome.match is Match.ANSWERED) == (waiting is not None and waiting.unique_id == str(number))
            assert outcome.call is None or outcome.call.unique_id == str(number)
        elif step == "expire":
            expired = pending.expire(now_s)
            assert (expired is not None) == (waiting is not None and now_s >= waiting.deadline_s)
        elif step == "close":
            assert pending.close() is waiting
