"""The signed and encrypted envelope of every call (section 3).

Sealing and opening are pure; the moment, the sequence number and the replay cache are handed in. `check_request` does
the checks of section 3.3 in their order up to the decrypted JSON object; the schema of the object is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from csms.model.clock import Clock
from csms.model.errors import CsmsError
from csms.province import strict_json
from csms.province.crypto import DecryptFailed, Secrets, Suite, same
from csms.province.replay import Freshness, ReplayCache, replay_key

ZONE = ZoneInfo("Asia/Shanghai")
STAMP_FORMAT = "%Y%m%d%H%M%S"
SEQ_MAX = 9999

OK = 0
BUSY = -1
SIGNATURE_WRONG = 4001
TOKEN_WRONG = 4002
ENVELOPE_INCOMPLETE = 4003
BUSINESS_INVALID = 4004
SYSTEM_ERROR = 500

HTTP_OK = 200
HTTP_BAD_REQUEST = 400
HTTP_UNAUTHORIZED = 401

REQUEST_FIELDS = ("OperatorID", "Data", "TimeStamp", "Seq", "Sig")


class SeqExhausted(CsmsError):
    """9,999 requests were made in this second; the next one waits for the next second."""

    code = "province_seq_exhausted"


class ResponseInvalid(ValueError):
    """A peer's response cannot be read or its signature is wrong: it acknowledges nothing."""


@dataclass(frozen=True, slots=True)
class Codec:
    """The suite and secrets of one partner and direction. `older`: secrets that still count while the partner changes
    to the new ones; what comes sealed with them is answered with them."""

    suite: Suite
    secrets: Secrets
    older: tuple[Secrets, ...] = ()

    def each(self) -> Iterator[Codec]:
        """One codec for each set of secrets, the newest first."""
        yield Codec(self.suite, self.secrets)
        yield from (Codec(self.suite, secrets) for secrets in self.older)


@dataclass(frozen=True, slots=True)
class Stamp:
    """TimeStamp (local time of the platform) and Seq of one request."""

    timestamp: str
    seq: str


@dataclass(frozen=True, slots=True)
class Request:
    """The five fields of a request envelope."""

    operator_id: str
    data: str
    timestamp: str
    seq: str
    sig: str

    @property
    def signed_text(self) -> str:
        """What the MAC covers: the fields without separators (section 3.1)."""
        return self.operator_id + self.data + self.timestamp + self.seq

    def to_wire(self) -> bytes:
        """The JSON body."""
        return strict_json.write(
            {
                "OperatorID": self.operator_id,
                "Data": self.data,
                "TimeStamp": self.timestamp,
                "Seq": self.seq,
                "Sig": self.sig,
            }
        )


@dataclass(frozen=True, slots=True)
class Response:
    """The fields of a response envelope; `operator_id` stands outside the MAC."""

    ret: int
    msg: str
    data: str
    sig: str
    operator_id: str | None = None

    @property
    def signed_text(self) -> str:
        """What the MAC covers (section 3.2)."""
        return f"{self.ret}{self.msg}{self.data}"

    def to_wire(self) -> bytes:
        """The JSON body."""
        body: dict[str, Any] = {"Ret": self.ret, "Msg": self.msg, "Data": self.data, "Sig": self.sig}
        if self.operator_id is not None:
            body["OperatorID"] = self.operator_id
        return strict_json.write(body)


class SeqAllocator:
    """TimeStamp and Seq that are never used twice by this process.

    A clock that steps back by less than the replay window does not bring used numbers back: the later second goes on.
    `after` is a second that another process of the same operator may have used.
    """

    def __init__(self, clock: Clock, after: datetime | None = None, hold_s: float = 300.0) -> None:
        self._clock = clock
        self._second = after.replace(microsecond=0) if after else None
        self._used = SEQ_MAX if after else 0
        self._hold_s = hold_s

    def next(self) -> Stamp:
        """The next stamp; raises SeqExhausted for the 10,000th in one second."""
        self._advance(self._clock.now().replace(microsecond=0))
        if self._second is None or self._used >= SEQ_MAX:
            raise SeqExhausted("9999 requests in one second")
        self._used += 1
        return Stamp(format_stamp(self._second), f"{self._used:04d}")

    def _advance(self, now: datetime) -> None:
        held = self._second is not None and 0 <= (self._second - now).total_seconds() <= self._hold_s
        if not held:
            self._second, self._used = now, 0


def format_stamp(moment: datetime) -> str:
    """`yyyyMMddHHmmss` in Asia/Shanghai."""
    return moment.astimezone(ZONE).strftime(STAMP_FORMAT)


@lru_cache(maxsize=1024)
def parse_stamp(text: str) -> datetime | None:
    """The UTC-aware moment of a TimeStamp, None if it is none."""
    if len(text) != 14 or not (text.isascii() and text.isdigit()):
        return None
    try:
        year, month, day = int(text[:4]), int(text[4:6]), int(text[6:8])
        return datetime(year, month, day, int(text[8:10]), int(text[10:12]), int(text[12:]), tzinfo=ZONE)
    except ValueError:
        return None


def seal_request(codec: Codec, operator_id: str, body: bytes, stamp: Stamp) -> Request:
    """Encrypt and sign `body` (UTF-8 JSON)."""
    data = codec.suite.encrypt(body, codec.secrets)
    sig = codec.suite.sign(operator_id + data + stamp.timestamp + stamp.seq, codec.secrets)
    return Request(operator_id, data, stamp.timestamp, stamp.seq, sig)


def seal_response(codec: Codec, ret: int, msg: str, body: bytes, operator_id: str | None = None) -> Response:
    """Encrypt `body` (empty stays empty) and sign the response."""
    data = codec.suite.encrypt(body, codec.secrets) if body else ""
    bare = Response(ret, msg, data, "", operator_id)
    return replace(bare, sig=codec.suite.sign(bare.signed_text, codec.secrets))


def open_response(codec: Codec, raw: bytes, operator_id: str) -> tuple[Response, dict[str, Any]]:
    """The verified response and its decrypted object (empty for empty Data); raises ResponseInvalid.

    `operator_id` is ours: a response that names another one is not for us.
    """
    return read_response(codec, raw, operator_id)[:2]


def read_response(codec: Codec, raw: bytes, operator_id: str) -> tuple[Response, dict[str, Any], Secrets]:
    """The same with the secrets that it was signed with."""
    response = _read_response(raw)
    signer = _signer(codec, response)
    if signer is None:
        raise ResponseInvalid("the signature of the response is wrong")
    if response.operator_id not in (None, "", operator_id):
        raise ResponseInvalid("the response names another operator")
    if not response.data:
        return response, {}, signer.secrets
    try:
        plain = signer.suite.decrypt(response.data, signer.secrets)
        return response, strict_json.parse_object(plain), signer.secrets
    except (DecryptFailed, strict_json.JsonRefused) as fault:
        raise ResponseInvalid(f"the data of the response cannot be read: {fault}") from None


def _read_response(raw: bytes) -> Response:
    try:
        body = strict_json.parse_object(raw)
    except strict_json.JsonRefused as fault:
        raise ResponseInvalid(f"the response cannot be read: {fault}") from None
    ret, msg, data, sig = body.get("Ret"), body.get("Msg", ""), body.get("Data", ""), body.get("Sig")
    operator_id = body.get("OperatorID")
    texts = (msg or "", data or "", sig)
    if type(ret) is not int or not all(isinstance(text, str) for text in texts):
        raise ResponseInvalid("the response lacks Ret or Sig, or a field has the wrong type")
    if not isinstance(operator_id, str | None):
        raise ResponseInvalid("OperatorID is no text")
    return Response(ret, str(msg or ""), str(data or ""), str(sig), operator_id)


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that is not taken: HTTP status, Ret (None: empty body) and why. `operator_id` if its keys can sign;
    `codec` if its own signature was right."""

    http_status: int
    ret: int | None
    reason: str
    operator_id: str | None = None
    request: Request | None = None
    codec: Codec | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A request that passed steps 1 to 7 up to its JSON object; `codec` has the secrets that it came with."""

    request: Request
    body: dict[str, Any]
    replay_key: str
    codec: Codec

    @property
    def stamped_at(self) -> datetime:
        """Its TimeStamp."""
        moment = parse_stamp(self.request.timestamp)
        assert moment is not None  # else it was refused
        return moment


@dataclass(frozen=True, slots=True)
class Door:
    """What a receiver knows when it checks: its partners' keys, the moment, the cache, and whose token is right."""

    codecs: Mapping[str, Codec]
    now: datetime
    replay: ReplayCache
    token_valid: Callable[[str], bool] | None
    """Given the OperatorID; None where no token is asked for (query_token)."""
    bytes_max: int = strict_json.BODY_BYTES_MAX


def check_request(raw: bytes, door: Door) -> Opened | Refused:
    """Steps 1 to 7 of section 3.3 in their order; the schema of the object and idempotency are the caller's."""
    try:
        fields = strict_json.parse_object(raw, door.bytes_max)
    except strict_json.JsonRefused as fault:
        return Refused(HTTP_BAD_REQUEST, None, str(fault))
    request = _read_request(fields, door)
    if isinstance(request, Refused):
        return request
    codec = door.codecs.get(request.operator_id)
    if codec is None:
        return Refused(HTTP_UNAUTHORIZED, None, "unknown operator", request=request)
    key = replay_key(request.operator_id, request.timestamp, request.seq, request.data, request.sig)
    signer = _signer(codec, request)
    if signer is None:
        return Refused(HTTP_OK, SIGNATURE_WRONG, "signature", request.operator_id, request)
    refusal = _check_signed(request, signer, door, key)
    return refusal or _decrypt(request, signer, key)


def _read_request(fields: dict[str, Any], door: Door) -> Request | Refused:
    lacking = [name for name in REQUEST_FIELDS if not isinstance(fields.get(name), str)]
    if lacking:
        operator = fields.get("OperatorID")
        known = operator if isinstance(operator, str) and operator in door.codecs else None
        return Refused(HTTP_OK, ENVELOPE_INCOMPLETE, f"missing {', '.join(lacking)}", known)
    return Request(fields["OperatorID"], fields["Data"], fields["TimeStamp"], fields["Seq"], fields["Sig"])


def _signer(codec: Codec, request: Request | Response) -> Codec | None:
    """With whose secrets it was signed; all are tried, so that time tells nothing."""
    text, sig = request.signed_text, request.sig
    if not codec.older:
        return codec if same(codec.suite.sign(text, codec.secrets), sig) else None
    found = [one for one in codec.each() if same(one.suite.sign(text, one.secrets), sig)]
    return found[0] if found else None


def _check_signed(request: Request, codec: Codec, door: Door, key: str) -> Refused | None:
    def refuse(ret: int, reason: str) -> Refused:
        return Refused(HTTP_OK, ret, reason, request.operator_id, request, codec)

    stamped_at = parse_stamp(request.timestamp)
    if stamped_at is None or not _is_seq(request.seq):
        return refuse(ENVELOPE_INCOMPLETE, "TimeStamp or Seq malformed")
    freshness = door.replay.take(key, stamped_at, door.now)
    if freshness is Freshness.FULL:
        return refuse(BUSY, freshness)
    if freshness is not Freshness.FRESH:
        return refuse(SIGNATURE_WRONG, freshness)
    if door.token_valid is not None and not door.token_valid(request.operator_id):
        return refuse(TOKEN_WRONG, "token")
    return None


def _is_seq(text: str) -> bool:
    return len(text) == 4 and text.isascii() and text.isdigit()


def _decrypt(request: Request, codec: Codec, key: str) -> Opened | Refused:
    try:
        body = strict_json.parse_object(codec.suite.decrypt(request.data, codec.secrets))
    except (DecryptFailed, strict_json.JsonRefused) as fault:
        return Refused(HTTP_OK, BUSINESS_INVALID, str(fault), request.operator_id, request, codec)
    return Opened(request, body, key, codec)


def wall_slack(window_s: float, clock: Clock, network_s: float = 30.0) -> float:
    """The replay window in seconds of `clock`, never shorter than `network_s` wall seconds of a real network.

    A clock that runs 288 times as fast would otherwise judge a second of transport as five minutes of age.
    """
    wall_per_second = clock.wall_s(1.0)
    return max(window_s, network_s / wall_per_second) if wall_per_second > 0 else window_s
