"""Whatever bytes come in from outside: acceptance or a named refusal, never another exception.

Some 2,000 inputs in `make test`, 60,000 in `make fuzz`, the same ones for the same seed. Damaged messages over live
connections are in tests/conformance/test_mutated_frames.py.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from csms import ocpp16, ocpp21, ocpp201
from csms.access.details import detail_of
from csms.charging.feeder import Feeder, FeederTree
from csms.gateway.server import Gateway, GatewaySettings
from csms.gateway.socket import Limits
from csms.gateway.wire import Wire
from csms.grid.decide import Known, decide
from csms.grid.heartbeat import read_heartbeat
from csms.grid.peer import Peer, SourceRule
from csms.grid.statement import BadStatement
from csms.model.authentication import SecurityProfile
from csms.model.clock import ScaledClock
from csms.model.errors import PeerError
from csms.model.ids import is_station_id
from csms.province import strict_json as province_json
from csms.province.crypto import AES_MD5, Secrets
from csms.province.envelope import Codec as Sealing
from csms.province.envelope import (
    Door,
    Opened,
    Refused,
    Request,
    ResponseInvalid,
    Stamp,
    check_request,
    format_stamp,
    open_response,
    seal_request,
    seal_response,
)
from csms.province.messages import check_body
from csms.province.profile import PUSHED, QUERIES, load_profile
from csms.province.replay import ReplayCache
from csms.security.addresses import address_behind, address_of
from csms.security.basic import PASSWORD_BYTES_MAX, canonical, read_basic
from csms.wire.codec import Codec
from csms.wire.frames import Call, FrameError, Send, answer_to_bad_frame, decode
from csms.wire.handshake import station_id_from_path
from csms.wire.strict_json import Bounds, JsonRefused, read
from csms.wire.times import parse_time
from tests.support.examples import Examples, actions
from tests.support.frame_mutations import written
from tests.support.fuzz import inputs
from tests.support.raw_socket import REQUEST
from tests.support.station_port import NotedStations

INPUTS = int(os.environ.get("CSMS_FUZZ", "2000"))
SEED = int(os.environ.get("CSMS_FUZZ_SEED", "1"))
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TREE = FeederTree([Feeder("T1", 250_000)], UTC)
BOUNDS = Bounds(4096, depth_max=8, integer_digits_max=18, nul=False)
CODECS = {t.protocol: Codec(t) for t in (module.translator(UTC) for module in (ocpp16, ocpp201, ocpp21))}
LIMIT_CODES = {"malformed", "bad_unit", "bad_sign", "not_finite", "unknown_limit", "below_floor"}
LIMIT_CODES |= {"window_order", "window_past", "beyond_horizon", "too_many_blocks"}


@dataclass(frozen=True)
class Target:
    """`judge` says how an input ended: "accepted" or the name of a refusal; whatever it raises is a finding.

    `whole`: nothing is refused.
    """

    corpus: Sequence[bytes]
    judge: Callable[[bytes], str]
    share: float = 1.0
    whole: bool = False


def path(data: bytes) -> str:
    found = station_id_from_path(data.decode("latin-1"))
    if found is None:
        return "no station id"
    assert is_station_id(found)
    return "accepted"


def basic(data: bytes) -> str:
    found = read_basic([line.decode("latin-1") for line in data.split(b"\n")])
    if found is None:
        return "no credentials"
    assert b":" not in found.user
    assert 0 < len(found.password) <= PASSWORD_BYTES_MAX
    assert canonical(canonical(found.password)) is not None
    return "accepted"


def forwarded(data: bytes) -> str:
    lines = [line.decode("latin-1") for line in data.split(b"\n")]
    found = address_behind("127.0.0.1:5", lines, frozenset({"127.0.0.1"}))
    assert address_of(data.decode("latin-1")) is not None
    return "nobody is believed" if found == "127.0.0.1" else "accepted"


def frame(data: bytes) -> str:
    outcomes = []
    for protocol, codec in CODECS.items():
        hot, refused, twice = codec.decode_hot(data, NOW), "", False
        try:
            found = decode(data, protocol)
            if isinstance(found, Call):
                codec.decode_call(found, NOW)
            elif isinstance(found, Send):
                codec.decode_send(found, NOW)
        except FrameError as fault:
            refused, twice = fault.code.value, "stands twice" in fault.description
            answer = answer_to_bad_frame(protocol, fault)
            assert answer is None or decode(answer, protocol)
        except PeerError as fault:
            refused = fault.code.value
        assert hot is None or not refused or twice, "what is read in one go is read in the general way, too"
        outcomes.append(refused or "accepted")
    return "accepted" if "accepted" in outcomes else outcomes[0]


def json_text(data: bytes) -> str:
    try:
        value = read(data, BOUNDS)
    except JsonRefused as fault:
        return str(fault).partition(":")[0][:24]
    assert _depth(value) <= BOUNDS.depth_max
    return "accepted"


def _depth(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)


def province(data: bytes) -> str:
    try:
        province_json.parse_object(data)
    except JsonRefused:
        return "refused"
    return "accepted"


def envelope(data: bytes) -> str:
    """An envelope of the interchange interface, damaged as a whole."""
    return judged(data, PARTNER)


def sealed(data: bytes) -> str:
    """A rightly signed envelope whose content is damaged."""
    return judged(seal_request(PARTNER, OPERATOR, data, STAMP).to_wire(), PARTNER)


def signed(data: bytes) -> str:
    """Rightly signed, but `Data` is no ciphertext."""
    request = Request(OPERATOR, data.decode("latin-1"), STAMP.timestamp, STAMP.seq, "")
    sig = PARTNER.suite.sign(request.signed_text, PARTNER.secrets)
    return judged(replace(request, sig=sig).to_wire(), PARTNER)


def judged(raw: bytes, codec: Sealing) -> str:
    replays = ReplayCache()
    taken = [check_request(raw, Door({OPERATOR: codec}, NOW, replays, lambda _: True)) for _ in range(2)]
    first, second = taken
    if isinstance(first, Opened):
        assert isinstance(second, Refused), "the same envelope twice"
        assert second.reason == "replayed"
        profile = load_profile("tcec102-2016")
        found = {check_body(profile, kind, first.body) == [] for kind in (*QUERIES, *PUSHED)}
        return "accepted" if True in found else "defects"
    assert (first.http_status, first.ret) in REFUSALS
    return first.reason.partition(":")[0][:20]


def answer(data: bytes) -> str:
    """What a partner answers, damaged."""
    try:
        open_response(PARTNER, data, OPERATOR)
    except ResponseInvalid:
        return "refused"
    return "accepted"


def limit(data: bytes) -> str:
    decision = decide(data, Peer("house"), "T1", "L1", Known(lambda *key: None, TREE, SourceRule("house")), NOW)
    assert decision.accepted == (decision.limit is not None)
    if decision.accepted:
        assert decision.limit is not None
        assert 0 <= decision.limit.power_w <= 10**10
        return "accepted"
    assert decision.code in LIMIT_CODES, decision.code
    return decision.code


def beat(data: bytes) -> str:
    try:
        read_heartbeat(data)
    except BadStatement as fault:
        return fault.code
    return "accepted"


def moment(data: bytes) -> str:
    found = parse_time(data.decode("latin-1"))
    assert found is None or found.tzinfo is not None
    return "accepted" if found is not None else "no time"


def audit(data: bytes) -> str:
    return "accepted" if detail_of(data) is not None else "no detail"


def _requests() -> list[bytes]:
    """What stations say: one request of each kind in each version, and some that only central systems send."""
    made = []
    for protocol, codec in CODECS.items():
        for action in actions(protocol):
            payload = Examples(protocol, action, Random(SEED)).payload()
            try:
                codec.decode_call(Call("id-1", action, payload), NOW)
            except PeerError:
                if len(made) % 10:
                    continue
            made.append(written([2, "id-1", action, payload]).encode())
    return made


STATEMENTS = (
    b'{"id":"L1","version":1,"value_w":50000}',
    b'{"version":2,"value_w":1e4,"valid_from":"2026-03-01T12:00:00Z","valid_to":"2026-03-02T12:00:00+08:00"}',
    b'{"version":3,"cancel":true,"reason":"over"}',
    b'{"version":4,"value_w":0,"unit":"W","direction":"import","priority":1,"issued_at":"2026-03-01T11:00:00Z"}',
    b'{"version":5,"blocks":[{"start":"2026-03-01T12:00:00Z","value_w":1},{"start":"2026-03-01T13:00:00Z","value_w":2}]}',
)
BEATS = (
    b'{"limits":[{"feeder":"T1","id":"L1","version":3}]}',
    b'{"limits":[],"sent_at":"2026-03-01T12:00:00Z"}',
    b"{}",
)
OPERATOR = "123456789"
KEY = "1234567890abcdef"
PARTNER = Sealing(AES_MD5, Secrets.of(KEY, KEY, KEY, KEY), (Secrets.of(KEY, KEY[::-1], KEY, KEY[::-1]),))
STAMP = Stamp(format_stamp(NOW), "0001")
REFUSALS = {(400, None), (401, None), (200, 4001), (200, 4003), (200, 4004)}
QUERY_BODIES = (
    b'{"LastQueryTime":"","PageNo":1,"PageSize":10}',
    b'{"StationIDs":["00000000000000000001"]}',
    b'{"StationID":"1","StartTime":"2026-01-01","EndTime":"2026-01-02"}',
    b'{"StartChargeSeq":"123456789202601010000000001","ConnectorID":"1","QRCode":""}',
    b'{"ConnectorStatusInfo":{"ConnectorID":"1","Status":3}}',
    '{"StationName":"日照市充电站"}'.encode(),
)
TARGETS = {
    "whole envelopes": Target(
        tuple(seal_request(PARTNER, OPERATOR, body, STAMP).to_wire() for body in QUERY_BODIES), envelope, share=0.5
    ),
    "sealed bodies": Target(QUERY_BODIES, sealed),
    "signed data": Target((PARTNER.suite.encrypt(b"{}", PARTNER.secrets).encode(), b""), signed, share=0.5),
    "answers": Target((seal_response(PARTNER, 0, "ok", b'{"Status":0}').to_wire(),), answer, share=0.5),
    "paths": Target((b"/ocpp/CP-1", b"/ocpp/CP%201", b"/ocpp/a/b/", b"/ocpp/%E6%A1%A9?x=1#y"), path),
    "Basic": Target(
        tuple(b"Basic " + base64.b64encode(told) for told in (b"CP-1:password-16-long", b"CP-1:" + bytes(range(20)))),
        basic,
    ),
    "X-Forwarded-For": Target((b"203.0.113.5", b"203.0.113.5, 127.0.0.1\n::1", b"2001:db8::1,10.0.0.1"), forwarded),
    "frames": Target(
        (*_requests(), b'[3,"a",{}]', b'[4,"a","GenericError","",{}]', b'[5,"a","x","",{}]'), frame, share=4.0
    ),
    "JSON": Target((*STATEMENTS, b'[[[[{"a":[1,2.5,-3e10,"\\u00e9"]}]]]]'), json_text),
    "envelopes": Target(
        (b'{"OperatorID":"123456789","Data":"x","TimeStamp":"20260301120000","Seq":"0001"}',), province
    ),
    "limits": Target(STATEMENTS, limit, share=2.0),
    "heartbeats": Target(BEATS, beat),
    "times": Target((b"2026-03-01T12:00:00Z", b"2026/03/01 12:00:00 +0800", b"2026-03-01"), moment),
    "bodies in the audit log": Target((*STATEMENTS, b'{"password":"x","a":[{"b":null}]}'), audit, whole=True),
}
HANDSHAKES = 1.5
WHOLE = sum(target.share for target in TARGETS.values()) + HANDSHAKES


def tell(name: str, outcomes: Counter[str]) -> None:
    sys.stdout.write(f"fuzz {name}: {outcomes.total()} inputs, {dict(outcomes.most_common(9))}\n")


@pytest.mark.parametrize("name", TARGETS)
def test_it_is_accepted_or_refused_by_name(name: str) -> None:
    target = TARGETS[name]
    many = max(round(INPUTS * target.share / WHOLE), len(target.corpus) + 50)
    outcomes = Counter[str]()
    for number, data in enumerate(inputs(target.corpus, many, SEED)):
        try:
            outcomes[target.judge(data)] += 1
        except Exception as fault:
            raise AssertionError(f"{name}, seed {SEED}, input {number}: {data[:300]!r}") from fault
    tell(name, outcomes)
    assert outcomes["accepted"] > 0
    assert target.whole or len(outcomes) > 1


class FakeTransport(asyncio.Transport):
    """A link to nobody: keeps what is written, and whether it was closed."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire, self.written, self.closed = wire, bytearray(), False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 5) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def write(self, data: Any) -> None:
        self.written += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self.closed:
            self.closed = True
            self._wire.connection_lost(None)


@dataclass(eq=False)
class Faults(logging.Handler):
    """What was logged with a traceback."""

    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(logging.ERROR)

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(f"{record.getMessage()} {record.exc_info}")


@pytest.fixture
def faults() -> Iterator[Faults]:
    handler, logger = Faults(), logging.getLogger("csms")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


HEADERS = REQUEST.replace(
    b"\r\n\r\n", b"\r\nAuthorization: Basic Q1AtMTpwYXNzd29yZA==\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"
)
SHAKES = (REQUEST, HEADERS, REQUEST.replace(b"/ocpp/CP-1", b"/other"), REQUEST.replace(b"ocpp1.6", b"ocpp9"))


async def test_whatever_is_said_instead_of_a_handshake_gets_an_answer_or_a_cut(faults: Faults) -> None:
    ports = {SecurityProfile.OPEN: 0, SecurityProfile.PASSWORD: 0}
    settings = GatewaySettings(host="127.0.0.1", ports=ports, limits=Limits(close_s=0.01))
    gateway = Gateway(settings, ScaledClock(), NotedStations({"CP-1"}))
    await gateway.start()
    listeners = list(gateway._listeners.values())
    outcomes = Counter[str]()
    many = max(round(INPUTS * HANDSHAKES / WHOLE), 60)
    for number, data in enumerate(inputs(SHAKES, many, SEED)):
        wire = Wire(listeners[number % 2])
        transport = FakeTransport(wire)
        wire.connection_made(transport)
        wire.data_received(data)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        status = bytes(transport.written).split(b" ", 2)
        outcomes[status[1].decode() if len(status) > 2 else "cut" if transport.closed else "waits"] += 1
        assert not faults.seen, f"seed {SEED}, input {number}: {data!r}: {faults.seen}"
        transport.abort()
    tell("handshakes", outcomes)
    assert {"101", "404", "cut"} <= set(outcomes)
    assert set(outcomes) <= {"101", "400", "401", "404", "405", "426", "431", "500", "505", "cut", "waits"}
    assert outcomes["500"] == 0
    assert gateway.counters()["handshakes_in_progress"] == 0
    await gateway.stop("over")
