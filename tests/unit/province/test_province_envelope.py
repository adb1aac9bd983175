"""The order of checks of section 3.3, replay, Seq, and what makes a response worthless."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from csms.model.clock import ManualClock, ScaledClock
from csms.province.crypto import AES_MD5, SM4_SM3, Secrets
from csms.province.envelope import (
    Codec,
    Door,
    Opened,
    Refused,
    Request,
    ResponseInvalid,
    SeqAllocator,
    SeqExhausted,
    check_request,
    format_stamp,
    open_response,
    parse_stamp,
    seal_request,
    seal_response,
    wall_slack,
)
from csms.province.replay import Freshness, ReplayCache

KEY = "1234567890abcdef"
OTHER = Secrets.of(KEY, "fedcba0987654321", KEY, KEY)
AES = Codec(AES_MD5, Secrets.of(KEY, KEY, KEY, KEY))
SM4 = Codec(SM4_SM3, AES.secrets)
OPERATOR = "123456789"
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def request(body: bytes = b'{"a":1}', at: datetime = NOW, codec: Codec = AES) -> Request:
    return seal_request(codec, OPERATOR, body, SeqAllocator(ManualClock(at)).next())


def door(codec: Codec = AES, token: bool = True, replay: ReplayCache | None = None) -> Door:
    return Door({OPERATOR: codec}, NOW, ReplayCache() if replay is None else replay, lambda _: token)


def ret_of(raw: bytes, at_door: Door | None = None) -> int | None:
    decision = check_request(raw, at_door or door())
    return decision.ret if isinstance(decision, Refused) else 0


@pytest.mark.parametrize("codec", [AES, SM4], ids=["aes", "sm4"])
def test_a_right_request_is_opened(codec: Codec) -> None:
    decision = check_request(request(codec=codec).to_wire(), door(codec))
    assert isinstance(decision, Opened)
    assert decision.body == {"a": 1}


@pytest.mark.parametrize("codec", [AES, SM4], ids=["aes", "sm4"])
@pytest.mark.parametrize("name", ["data", "timestamp", "seq", "sig"])
def test_one_changed_byte_anywhere_is_4001(codec: Codec, name: str) -> None:
    sealed = request(codec=codec)
    text = getattr(sealed, name)
    for place, byte in enumerate(text):
        changed = text[:place] + ("A" if byte != "A" else "B") + text[place + 1 :]
        assert ret_of(replace(sealed, **{name: changed}).to_wire(), door(codec)) == 4001


def test_changed_msg_or_data_makes_a_response_worthless() -> None:
    sealed = seal_response(AES, 0, "好", b'{"Status":0}')
    for changed in (
        replace(sealed, msg="坏"),
        replace(sealed, ret=1),
        replace(sealed, data=""),
        replace(sealed, sig="0" * 32),
    ):
        with pytest.raises(ResponseInvalid, match="signature"):
            open_response(AES, changed.to_wire(), OPERATOR)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"<html>", "cannot be read"),
        (b'{"Ret":"0","Msg":"","Data":"","Sig":""}', "wrong type"),
        (b'{"Ret":0,"Msg":"","Data":""}', "lacks"),
        (b'{"Ret":true,"Msg":"","Data":"","Sig":""}', "wrong type"),
        (b'{"Ret":0,"Msg":"","Data":"","Sig":"01F821ACCE0EEF0DAB5C0AECA797F378","OperatorID":5}', "no text"),
        (b'{"Ret":0,"Msg":"","Data":"","Sig":"01F821ACCE0EEF0DAB5C0AECA797F378","OperatorID":"999999999"}', "another"),
    ],
)
def test_unusable_responses(raw: bytes, words: str) -> None:
    with pytest.raises(ResponseInvalid, match=words):
        open_response(AES, raw, OPERATOR)


def test_the_operator_in_a_response_may_be_missing_null_or_ours() -> None:
    for extra in ("", ',"OperatorID":null', ',"OperatorID":"123456789"'):
        raw = '{"Ret":0,"Msg":"","Data":null,"Sig":"01F821ACCE0EEF0DAB5C0AECA797F378"' + extra + "}"
        assert open_response(AES, raw.encode(), OPERATOR)[1] == {}


def test_data_of_a_response_that_does_not_decrypt() -> None:
    sealed = seal_response(Codec(AES_MD5, OTHER), 0, "", b'{"Status":0}')
    with pytest.raises(ResponseInvalid, match="data of the response"):
        open_response(AES, sealed.to_wire(), OPERATOR)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"a":1,"a":2}', b'{"a":NaN}', b"\xff", b"[" * 5000])
def test_what_is_not_strict_json_is_http_400_without_a_body(raw: bytes) -> None:
    assert check_request(raw, door()) == Refused(400, None, check_request(raw, door()).reason)  # type: ignore[union-attr]


def test_a_body_over_the_limit_is_http_400() -> None:
    refused = check_request(request().to_wire(), replace(door(), bytes_max=50))
    assert isinstance(refused, Refused)
    assert refused.http_status == 400


@pytest.mark.parametrize("name", ["Data", "TimeStamp", "Seq", "Sig"])
@pytest.mark.parametrize("value", [None, 1])
def test_a_missing_or_mistyped_envelope_field_is_4003(name: str, value: object) -> None:
    fields = json.loads(request().to_wire())
    fields[name] = value
    refused = check_request(json.dumps(fields).encode(), door())
    assert isinstance(refused, Refused)
    assert (refused.ret, refused.operator_id) == (4003, OPERATOR)


def test_without_an_operator_nothing_can_be_signed() -> None:
    fields = json.loads(request().to_wire())
    del fields["OperatorID"]
    refused = check_request(json.dumps(fields).encode(), door())
    assert isinstance(refused, Refused)
    assert (refused.ret, refused.operator_id) == (4003, None)


def test_an_unknown_operator_is_http_401() -> None:
    refused = check_request(request().to_wire(), replace(door(), codecs={}))
    assert isinstance(refused, Refused)
    assert (refused.http_status, refused.ret) == (401, None)


def test_the_mac_is_checked_before_everything_it_protects() -> None:
    """A wrong MAC does not touch the replay cache, and neither token nor data is looked at."""
    cache = ReplayCache()
    broken = replace(request(b"no json"), sig="0" * 32)
    assert ret_of(broken.to_wire(), door(token=False, replay=cache)) == 4001
    assert len(cache) == 0


def test_a_wrong_token_is_4002_and_comes_before_the_data() -> None:
    assert ret_of(request(b"no json").to_wire(), door(token=False)) == 4002
    assert ret_of(request().to_wire(), replace(door(), token_valid=None)) == 0


def test_data_that_is_no_json_object_or_does_not_decrypt_is_4004() -> None:
    assert ret_of(request(b"no json").to_wire()) == 4004
    assert ret_of(request(b"[1]").to_wire()) == 4004
    assert ret_of(request(codec=Codec(AES_MD5, OTHER)).to_wire()) == 4004


def test_a_replay_is_rejected() -> None:
    at_door, raw = door(), request().to_wire()
    assert ret_of(raw, at_door) == 0
    assert ret_of(raw, at_door) == 4001


@pytest.mark.parametrize(("offset_s", "ret"), [(-301, 4001), (-300, 0), (0, 0), (300, 0), (301, 4001)])
def test_the_edges_of_the_window(offset_s: int, ret: int) -> None:
    assert ret_of(request(at=NOW + timedelta(seconds=offset_s)).to_wire()) == ret


def test_a_malformed_stamp_with_a_right_mac_is_4003() -> None:
    for stamp, seq in (
        ("20261301000000", "0001"),
        ("2026", "0001"),
        (format_stamp(NOW), "1"),
        (format_stamp(NOW), "x001"),
    ):
        bare = replace(request(), timestamp=stamp, seq=seq)
        signed = replace(bare, sig=AES_MD5.sign(bare.signed_text, AES.secrets))
        assert ret_of(signed.to_wire()) == 4003


def test_a_full_replay_store_rejects_and_forgets_only_what_is_out_of_the_window() -> None:
    cache = ReplayCache(keys_max=2)
    assert cache.take("a", NOW, NOW) is Freshness.FRESH
    assert cache.take("b", NOW + timedelta(seconds=300), NOW) is Freshness.FRESH
    assert cache.take("c", NOW, NOW) is Freshness.FULL
    later = NOW + timedelta(seconds=300)
    assert cache.take("a", NOW, later) is Freshness.REPLAYED
    assert cache.take("c", later, later + timedelta(seconds=1)) is Freshness.FRESH
    assert ret_of(request().to_wire(), door(replay=ReplayCache(keys_max=0))) == -1


def test_stamps_are_local_time_and_read_back() -> None:
    assert format_stamp(NOW) == "20260101200000"
    assert parse_stamp("20260101200000") == NOW
    assert parse_stamp("２０２６０１０１２００００００") is None


def test_seq_restarts_each_second_and_the_10000th_is_refused() -> None:
    clock = ManualClock(NOW)
    allocator = SeqAllocator(clock)
    stamps = [allocator.next() for _ in range(9999)]
    assert (stamps[0].seq, stamps[-1].seq) == ("0001", "9999")
    with pytest.raises(SeqExhausted):
        allocator.next()
    clock.advance(1)
    assert allocator.next().seq == "0001"


def test_a_clock_that_steps_back_brings_no_number_back() -> None:
    clock = ManualClock(NOW)
    allocator = SeqAllocator(clock)
    seen = {allocator.next() for _ in range(3)}
    clock.time = NOW - timedelta(seconds=2)
    seen |= {allocator.next() for _ in range(3)}
    assert len(seen) == 6
    clock.time = NOW - timedelta(hours=1)
    assert allocator.next().timestamp == format_stamp(clock.time)


def test_a_restarted_process_leaves_the_second_of_its_start_alone() -> None:
    clock = ManualClock(NOW + timedelta(milliseconds=400))
    allocator = SeqAllocator(clock, after=clock.now())
    with pytest.raises(SeqExhausted):
        allocator.next()
    clock.advance(0.6)
    assert allocator.next().seq == "0001"


def test_a_fast_clock_does_not_turn_transport_time_into_age() -> None:
    assert wall_slack(300.0, ScaledClock()) == 300.0
    assert wall_slack(300.0, ScaledClock(speed=288.0)) == 8640.0
    assert wall_slack(300.0, ManualClock()) == 300.0
