"""The judges themselves: each deliberate difference by a frame of its own, and planted faults are caught."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from random import Random
from typing import Any

import jsonschema_rs
import pytest

from csms import ocpp16, ocpp201
from csms.model.errors import PeerError, RpcErrorCode
from csms.model.station import Protocol
from csms.wire.codec import Codec
from csms.wire.frames import Call
from csms.wire.schemas import Validator
from tests.support.deliberate import NAMES, reason
from tests.support.equivalence import Comparison, Disagreement, Tally
from tests.support.examples import Examples, actions, schema_of
from tests.support.frame_mutations import Data, damaged, valid, written
from tests.support.stock import Stage, Stock, Verdict

V16, V201 = Protocol.OCPP16, Protocol.OCPP201
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
START = {"connectorId": 1, "idTag": "A", "meterStart": 2**64, "timestamp": "2026-03-01T11:59:00Z"}
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 1e300}]},
}


def deep(levels: int) -> str:
    return (
        '[2,"1","DataTransfer",{"vendorId":"v","customData":{"vendorId":"v","x":' + "[" * levels + "]" * levels + "}}]"
    )


Case = tuple[Data, Verdict, Verdict]
UNREADABLE, ACCEPTED, REPLY = Verdict(Stage.UNREADABLE), Verdict(Stage.ACCEPTED), Verdict(Stage.REPLY)
FRAMEWORK = Verdict(Stage.UNREADABLE, "RpcFrameworkError")
NO_OBJECT = Verdict(Stage.UNREADABLE, "TypeConstraintViolation")
WRONG_TYPE = Verdict(Stage.REFUSED, "TypeConstraintViolation")
NOT_SUPPORTED = Verdict(Stage.REFUSED, "NotSupported")


def crash(name: str) -> Verdict:
    return Verdict(Stage.CRASHED, name)


DELIBERATE: dict[str, Case] = {
    "HP-D3 nested too deep to read": ("[" * 100_000, crash("RecursionError"), FRAMEWORK),
    "integer of more than 4300 digits": ("9" * 4400, crash("ValueError"), FRAMEWORK),
    "not JSON by RFC 8259 in UTF-8": ('[2,"\\ud800","Heartbeat",{}]', ACCEPTED, FRAMEWORK),
    "a name stands twice in an object": (
        '[2,"1","BootNotification",{"chargePointVendor":"v","chargePointModel":"a","chargePointModel":"b"}]',
        ACCEPTED,
        Verdict(Stage.UNREADABLE, "FormatViolation"),
    ),
    "frame above 64 KiB": ('[2,"1","Heartbeat",{}]' + " " * 65_536, ACCEPTED, FRAMEWORK),
    "HP-D3 nested deeper than 20": (deep(20), ACCEPTED, FRAMEWORK),
    "message type written 2.0": (
        '[2.0,"1","Heartbeat",{}]',
        ACCEPTED,
        Verdict(Stage.UNREADABLE, "MessageTypeNotSupported"),
    ),
    "HP-D6 message id": (written([2, "x" * 5000, "Heartbeat", {}]), ACCEPTED, FRAMEWORK),
    "integer beyond 64 bits": (written([2, "1", "StartTransaction", START]), ACCEPTED, WRONG_TYPE),
    "HP-D2 action no text": ('[2,"1",["x"],{}]', crash("TypeError"), FRAMEWORK),
    "action empty or above 64 characters": (written([2, "1", "x" * 65, {}]), NOT_SUPPORTED, FRAMEWORK),
    "null payload is an empty one": ('[2,"1","Heartbeat",null]', WRONG_TYPE, ACCEPTED),
    "payload no object goes before unknown action": ('[2,"1","Nonsense",[]]', NOT_SUPPORTED, NO_OBJECT),
    "unknown action is NotImplemented": (
        '[2,"1","Nonsense",{}]',
        NOT_SUPPORTED,
        Verdict(Stage.REFUSED, "NotImplemented"),
    ),
    "limit too large for the package's decimals": (
        written([2, "1", "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": PROFILE}]),
        crash("InvalidOperation"),
        ACCEPTED,
    ),
    "RB-20 CALLERROR of 3 elements": ('[4,"1","GenericError"]', UNREADABLE, REPLY),
    "answer with a fourth element or no object": ('[3,"1",{},{}]', REPLY, FRAMEWORK),
}
"""Every difference that is meant: a frame, what the package makes of it, what we do. Times are HP-D7: neither looks."""

IN_201 = ("HP-D3 nested deeper than 20",)


@pytest.mark.req("HP-D2", "HP-D3", "HP-D5", "HP-D6", "RB-20")
@pytest.mark.parametrize("name", NAMES)
def test_every_deliberate_difference_has_its_frame(name: str) -> None:
    data, stock, ours = DELIBERATE[name]
    protocol = V201 if name in IN_201 else V16
    assert Stock(protocol).judge(data) == stock
    assert Comparison(protocol).ours(data).strict == ours
    assert reason(data, stock, ours) == name


SAME: list[tuple[Data, Verdict, Verdict]] = [
    ('[2,"1","Heartbeat",{}]', ACCEPTED, ACCEPTED),
    ('[2,7,"Heartbeat",{}]', ACCEPTED, ACCEPTED),
    (b'[2,"1","Heartbeat",{}]', ACCEPTED, ACCEPTED),
    ('[3,"1",{}]', REPLY, REPLY),
    ('[4,"1","GenericError","",{}]', REPLY, REPLY),
    ('[2,"1","Heartbeat",[]]', WRONG_TYPE, NO_OBJECT),
    ('[2,"1","Heartbeat",{},{}]', UNREADABLE, FRAMEWORK),
    ('[2,"1","Heartbeat"]', UNREADABLE, FRAMEWORK),
    ('[5,"1",{}]', UNREADABLE, Verdict(Stage.UNREADABLE, "MessageTypeNotSupported")),
    ("[]", UNREADABLE, FRAMEWORK),
    ("{}", UNREADABLE, FRAMEWORK),
    ("", UNREADABLE, FRAMEWORK),
    (b"\xff", UNREADABLE, FRAMEWORK),
    ("\ufeff[]", UNREADABLE, FRAMEWORK),
]


@pytest.mark.parametrize(("data", "stock", "ours"), SAME)
def test_plain_frames_are_judged_the_same(data: Data, stock: Verdict, ours: Verdict) -> None:
    assert Stock(V16).judge(data) == stock
    assert Comparison(V16).ours(data).strict == ours
    Comparison(V16).damaged(Tally("any"), [("none", data)])


def test_an_unmeant_difference_has_no_name() -> None:
    good, refused = '[2,"1","Heartbeat",{}]', Verdict(Stage.REFUSED, "ProtocolError")
    assert reason(good, ACCEPTED, refused) is None
    assert reason(good, refused, ACCEPTED) is None
    assert reason("[" * 100_000, crash("RecursionError"), ACCEPTED) is None
    assert reason('[2,"1",["x"],{}]', crash("TypeError"), ACCEPTED) is None
    assert reason('[2,null,"Heartbeat",{}]', ACCEPTED, refused) is None


def drop_required(schema: Any) -> Any:
    schema.pop("required", None)
    return schema


def widen(schema: Any) -> Any:
    schema["properties"]["status"]["enum"].append("available")
    return schema


def lengthen(schema: Any) -> Any:
    schema["properties"]["info"]["maxLength"] += 1
    return schema


@pytest.mark.parametrize("spoil", [drop_required, widen, lengthen])
def test_a_spoiled_schema_is_caught(spoil: Any) -> None:
    comparison = Comparison(V16)
    schema = spoil(json.loads(json.dumps(schema_of(V16, "StatusNotification"))))
    comparison.validator._compiled["StatusNotification"] = jsonschema_rs.Draft4Validator(schema)
    with pytest.raises(Disagreement):
        comparison.damaged(Tally("StatusNotification"), damaged(V16, "StatusNotification", 3000))


@pytest.mark.parametrize("draft", [jsonschema_rs.Draft6Validator, jsonschema_rs.Draft4Validator])
def test_a_later_draft_or_a_format_check_is_caught(draft: Any) -> None:
    comparison = Comparison(V201)
    schema = dict(schema_of(V201, "StatusNotification"))
    formats = draft is jsonschema_rs.Draft4Validator
    comparison.validator._compiled["StatusNotificationRequest"] = draft(schema, validate_formats=formats)
    with pytest.raises(Disagreement):
        comparison.damaged(Tally("StatusNotification"), damaged(V201, "StatusNotification", 1000))


def test_leniency_without_a_word_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = Comparison(V16)
    strict = comparison.validator.check_call

    def silent(action: str, payload: dict[str, Any], *, lenient: bool = False) -> tuple[()]:
        if not lenient:
            strict(action, payload)
        return ()

    monkeypatch.setattr(comparison.validator, "check_call", silent)
    with pytest.raises(Disagreement, match="without a word"):
        comparison.damaged(Tally("Authorize"), damaged(V16, "Authorize", 200))


def test_codes_are_held_to_those_of_the_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = Comparison(V16)

    def refuse(action: str, payload: dict[str, Any], *, lenient: bool = False) -> tuple[()]:
        raise PeerError(RpcErrorCode.SECURITY_ERROR)

    monkeypatch.setattr(comparison.validator, "check_call", refuse)
    with pytest.raises(Disagreement, match="SecurityError"):
        comparison.damaged(Tally("Authorize"), [("payload", '[2,"1","Authorize",{}]')])


def test_the_same_messages_come_every_time() -> None:
    assert list(damaged(V201, "TransactionEvent", 200)) == list(damaged(V201, "TransactionEvent", 200))
    assert list(damaged(V201, "TransactionEvent", 20, "other")) != list(damaged(V201, "TransactionEvent", 20))
    assert all(data not in set(valid(V16, "MeterValues", 1)) for _, data in damaged(V16, "MeterValues", 200))


@pytest.mark.parametrize("protocol", [V16, V201])
def test_both_sides_requests_are_all_there(protocol: Protocol) -> None:
    names = actions(protocol)
    assert len(names) == {V16: 39, V201: 64}[protocol]
    assert all(Validator(protocol).knows(name) for name in names)


def keys(value: object) -> set[str]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (set(value) if isinstance(value, dict) else set()).union(*map(keys, inner))


@pytest.mark.parametrize(("protocol", "action"), [(V16, "MeterValues"), (V201, "TransactionEvent")])
def test_examples_go_from_bare_to_full(protocol: Protocol, action: str) -> None:
    examples = Examples(protocol, action, Random(1))
    payloads = [examples.payload() for _ in range(200)]
    assert min(map(len, payloads)) == len(schema_of(protocol, action)["required"])
    assert max(map(len, payloads)) == len(schema_of(protocol, action)["properties"])
    assert {"sampledValue", "timestamp"} <= keys(payloads)


@pytest.mark.parametrize(("protocol", "codec"), [(V16, Codec(ocpp16.TRANSLATOR)), (V201, Codec(ocpp201.TRANSLATOR))])
def test_an_action_of_the_other_side_is_not_supported_whatever_it_holds(protocol: Protocol, codec: Codec) -> None:
    """The package, which has no handler for it then, says NotImplemented: the two codes the other way round."""
    for payload in ({}, {"type": 5}, {"type": "Soft"}, {"type": "Immediate", "colour": "red"}):
        with pytest.raises(PeerError) as caught:
            codec.decode_call(Call("1", "Reset", payload), NOW)
        assert caught.value.code is RpcErrorCode.NOT_SUPPORTED
