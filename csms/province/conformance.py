"""Drives any platform's endpoint through a list of checks, as an operator would and would not (section 19).

Nothing of the platform is known but its address, its profile and the secrets it gave. Every check is one call or two;
what a platform does otherwise than expected is a finding with what was seen. Messages that the checks send carry an
order number of the moment, so that a platform can tell them from others; `orders` False leaves all of them out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx

from csms.model.clock import Clock
from csms.model.ids import ConnectorRef
from csms.province import strict_json
from csms.province.client import Partner
from csms.province.crypto import Secrets, require_suite
from csms.province.envelope import (
    BUSINESS_INVALID,
    ENVELOPE_INCOMPLETE,
    HTTP_BAD_REQUEST,
    HTTP_OK,
    HTTP_UNAUTHORIZED,
    SIGNATURE_WRONG,
    TOKEN_WRONG,
    Codec,
    Request,
    ResponseInvalid,
    SeqAllocator,
    Stamp,
    format_stamp,
    open_response,
    seal_request,
)
from csms.province.ids import IdTable, Names
from csms.province.mapping import priced
from csms.province.messages import render_body
from csms.province.profile import Kind
from csms.province.records import ChargeOrder, ConnectorInfo, ConnectorState, Equipment, StationInfo
from csms.province.values import connector_values, order_values, station_values

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
CONNECTOR = ConnectorRef("CONFORMANCE", 1, 1)
GUESSED = "guessed"
TOO_OLD, TOO_YOUNG = timedelta(minutes=-6), timedelta(minutes=6)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a platform answered. `ret` None: nothing that is signed; `fault`: why it could not be read."""

    http_status: int
    ret: int | None = None
    body: Mapping[str, Any] | None = None
    fault: str = ""

    def __str__(self) -> str:
        parts = (
            f"HTTP {self.http_status}" if self.http_status else "",
            "" if self.ret is None else f"Ret {self.ret}",
            self.fault,
        )
        return ", ".join(filter(None, parts))


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `name` is stable; `wanted` and `seen` are for a person."""

    name: str
    section: str
    passed: bool
    wanted: str
    seen: str


class Examination:
    """A run against one platform."""

    def __init__(self, partner: Partner, secrets: Secrets, clock: Clock, http: httpx.AsyncClient) -> None:
        self._partner = partner
        self._clock = clock
        self._http = http
        self._codec = Codec(require_suite(partner.profile.crypto.suite), secrets)
        self._seq = SeqAllocator(clock)
        self._token = ""
        self._names = Names(partner.operator_id, IdTable())
        self._moment = clock.now().replace(microsecond=0)
        self.findings: list[Finding] = []

    async def run(self, *, orders: bool = True) -> list[Finding]:
        """All checks, in their order; one that cannot be made at all is a finding, too."""
        for part in (self._tokens, self._envelopes, self._bodies, *((self._orders,) if orders else ())):
            await part()
        return self.findings

    async def _tokens(self) -> None:
        first = await self._log_in(self._codec.secrets.operator_secret)
        told = first.body or {}
        self._token = str(told.get("AccessToken", ""))
        good = told.get("SuccStat") == 0 and bool(self._token) and isinstance(told.get("TokenAvailableTime"), int)
        self._note("token", "5", good, "SuccStat 0, a token and its life", first)
        again = (await self._log_in(self._codec.secrets.operator_secret)).body or {}
        same = again.get("AccessToken") == self._token
        shown = Seen(HTTP_OK, fault="the same token" if same else "another token, which evicts the first")
        self._note("token given again", "5", same, "an unexpired token again", shown)
        wrong = await self._log_in("not the operator secret")
        refused = (wrong.body or {}).get("SuccStat") == 1 or bool(wrong.ret)
        self._note("wrong operator secret", "5", refused, "SuccStat 1, FailReason 2", wrong)

    async def _envelopes(self) -> None:
        """Section 3.3, steps 1 to 6."""
        good = self._sealed(Kind.STATION_STATUS, self._status())
        accepted = await self._post(Kind.STATION_STATUS, good.to_wire())
        self._note("a right message", "3", accepted.ret in self._successes, "Ret 0", accepted)
        await self._refused("the same envelope again", "6", good.to_wire(), None)
        for name, changed in (
            ("one character of Data", {"data": _other(good.data)}),
            ("one character of Seq", {"seq": "0000" if good.seq != "0000" else "0001"}),
            ("one character of TimeStamp", {"timestamp": str(int(good.timestamp) ^ 64)}),
            ("one character of Sig", {"sig": _other(good.sig)}),
        ):
            await self._refused(name, "3.3", replace(self._fresh(), **changed).to_wire(), SIGNATURE_WRONG)
        for field in ("Data", "TimeStamp", "Seq", "Sig"):
            fields = json.loads(self._fresh().to_wire())
            del fields[field]
            await self._refused(f"without {field}", "3.3", strict_json.write(fields), ENVELOPE_INCOMPLETE)
        for name, off in (("six minutes old", TOO_OLD), ("six minutes ahead", TOO_YOUNG)):
            stamp = Stamp(format_stamp(self._clock.now() + off), "0001")
            await self._refused(name, "6", self._sealed(Kind.STATION_STATUS, self._status(), stamp).to_wire(), None)
        await self._refused("no token", "3.3", self._fresh().to_wire(), TOKEN_WRONG, "")
        await self._refused("a wrong token", "3.3", self._fresh().to_wire(), TOKEN_WRONG, GUESSED)
        whole = self._fresh().to_wire()
        await self._unread("no JSON", whole[:-1])
        await self._unread("a key twice", whole[:-1] + b',"Seq":"0002"}')
        await self._unread("65 levels deep", whole[:-1] + b',"x":' + b"[" * 65 + b"]" * 65 + b"}")
        await self._unread("an unknown operator", whole.replace(self._partner.operator_id.encode(), b"000000000"))
        await self._unread("more than 2 MiB", whole[:-1] + b',"x":"' + b"0" * (2 * 1024 * 1024) + b'"}')

    async def _bodies(self) -> None:
        """Section 3.3, step 7, and that right messages are taken."""
        site = render_body(self._partner.profile, Kind.STATION_INFO, station_values(_site(), self._names))
        seen = await self._send(Kind.STATION_INFO, site)
        self._note("a station with a Chinese name", "11.1", seen.ret in self._successes, "Ret 0", seen)
        status = self._status()
        inner = status.get(self._partner.profile.interfaces[Kind.STATION_STATUS].root, status)
        for name, wrong in (
            ("a mandatory field missing", {key: value for key, value in inner.items() if key != "Status"}),
            ("a field of the wrong type", {**inner, "Status": "charging"}),
            ("a value out of the enumeration", {**inner, "Status": 77}),
            ("an unknown field", {**inner, "Colour": "red"}),
        ):
            root = self._partner.profile.interfaces[Kind.STATION_STATUS].root
            body = {root: wrong} if root else wrong
            raw = self._sealed(Kind.STATION_STATUS, body).to_wire()
            await self._refused(name, "18.2", raw, BUSINESS_INVALID)

    async def _orders(self) -> None:
        """Idempotency by business id (section 16)."""
        order = self._order(12_345.0)
        first = await self._send(Kind.CHARGE_ORDER, order)
        self._note("an order", "11.2", first.ret in self._successes, "Ret 0", first)
        again = await self._send(Kind.CHARGE_ORDER, order)
        allowed = self._successes | self._partner.profile.codes.ack
        self._note("the same order again", "16", again.ret in allowed, "acknowledged once more", again)
        other = await self._send(Kind.CHARGE_ORDER, self._order(54_321.0))
        self._note("the same number, other content", "16", _refuses(other, allowed), "refused, both kept", other)

    @property
    def _successes(self) -> frozenset[int]:
        return self._partner.profile.codes.success

    def _status(self) -> dict[str, Any]:
        state = ConnectorState(CONNECTOR, 1, self._clock.now())
        return render_body(self._partner.profile, Kind.STATION_STATUS, connector_values(state, self._names))

    def _order(self, energy_wh: float) -> dict[str, Any]:
        """The same session each time."""
        return render_body(self._partner.profile, Kind.CHARGE_ORDER, self._order_values(energy_wh, self._moment))

    def _order_values(self, energy_wh: float, end: datetime) -> dict[str, Any]:
        start = end - timedelta(hours=1)
        detail = priced(start, end, energy_wh, Decimal("0.66"), Decimal("0.40"))
        order = ChargeOrder(1, "CONFORMANCE", CONNECTOR, start, end, (detail,), 0, 0.0, energy_wh)
        return order_values(order, self._names, end)

    def _fresh(self) -> Request:
        return self._sealed(Kind.STATION_STATUS, self._status())

    def _sealed(self, kind: Kind, body: Mapping[str, Any], stamp: Stamp | None = None) -> Request:
        return seal_request(self._codec, self._partner.operator_id, strict_json.write(body), stamp or self._seq.next())

    async def _log_in(self, secret: str) -> Seen:
        body = {"OperatorID": self._partner.operator_id, "OperatorSecret": secret}
        return await self._post(Kind.QUERY_TOKEN, self._sealed(Kind.QUERY_TOKEN, body).to_wire(), "")

    async def _send(self, kind: Kind, body: Mapping[str, Any]) -> Seen:
        return await self._post(kind, self._sealed(kind, body).to_wire())

    async def _refused(self, name: str, section: str, raw: bytes, ret: int | None, token: str | None = None) -> None:
        """`ret` None: any refusal."""
        seen = await self._post(Kind.STATION_STATUS, raw, token)
        good = seen.ret == ret if ret is not None else _refuses(seen, self._successes)
        self._note(name, section, good, f"Ret {ret}" if ret is not None else "a refusal", seen)

    async def _unread(self, name: str, raw: bytes) -> None:
        seen = await self._post(Kind.STATION_STATUS, raw)
        self._note(name, "3.3", _refuses(seen, self._successes), "a refusal, HTTP 400 or 401", seen)

    async def _post(self, kind: Kind, raw: bytes, token: str | None = None) -> Seen:
        bearer = self._token if token is None else token
        headers = {"Content-Type": "application/json; charset=utf-8"}
        headers |= {"Authorization": f"Bearer {bearer}"} if bearer else {}
        try:
            async with self._http.stream("POST", self._partner.url(kind), content=raw, headers=headers) as answer:
                return self._read(answer.status_code, await strict_json.bounded(answer.aiter_bytes()))
        except httpx.HTTPError as fault:
            return Seen(0, fault=f"{type(fault).__name__}: {fault}".rstrip(": "))

    def _read(self, status: int, raw: bytes) -> Seen:
        if status != HTTP_OK:
            return Seen(status)
        try:
            response, body = open_response(self._codec, raw, self._partner.operator_id)
        except ResponseInvalid as fault:
            return Seen(status, _unsigned_ret(raw), fault=str(fault))
        return Seen(status, response.ret, body)

    def _note(self, name: str, section: str, passed: bool, wanted: str, seen: Seen) -> None:
        self.findings.append(Finding(name, section, passed, wanted, str(seen)))


def _refuses(seen: Seen, successes: frozenset[int]) -> bool:
    """It was refused, and the platform is still there."""
    if seen.http_status == HTTP_OK:
        return seen.ret is not None and seen.ret not in successes
    return HTTP_BAD_REQUEST <= seen.http_status < 500 or seen.http_status == HTTP_UNAUTHORIZED


def _unsigned_ret(raw: bytes) -> int | None:
    """What an answer says whose signature is wrong."""
    try:
        ret = strict_json.parse_object(raw).get("Ret")
    except strict_json.JsonRefused:
        return None
    return ret if type(ret) is int else None


def _other(text: str) -> str:
    """One character changed."""
    return ("A" if text[0] != "A" else "B") + text[1:]


def _site() -> StationInfo:
    plug = ConnectorInfo(CONNECTOR, 60_000, 150, 750, 200, 4)
    pile = Equipment("CONFORMANCE", 1, 60_000, (plug,), "Conformance", "DC60")
    return StationInfo("CONFORMANCE", "一致性测试站", "测试路1号", "371102", 119.527, 35.417, "0000-0000000", (pile,))


async def examine(partner: Partner, secrets: Secrets, clock: Clock, *, orders: bool = True) -> list[Finding]:
    """All checks against a partner's address."""
    async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, follow_redirects=False) as http:
        return await Examination(partner, secrets, clock, http).run(orders=orders)


def report(partner: Partner, findings: list[Finding], at: datetime) -> str:
    """Markdown that can be sent."""
    profile = partner.profile
    passed = sum(finding.passed for finding in findings)
    lines = [
        f"# Conformance of {partner.base_url}",
        "",
        f"{at.astimezone(profile.zone):%Y-%m-%d %H:%M:%S} {profile.clock.tz}, operator {partner.operator_id}, "
        f"profile `{profile.id}` ({profile.state}), suite `{profile.crypto.suite}`.",
        *([f"**Profile not confirmed: {profile.note}**"] if profile.flagged else []),
        "",
        f"{passed} of {len(findings)} checks passed.",
        "",
        "| check | section | wanted | seen | |",
        "| --- | --- | --- | --- | --- |",
    ]
    rows = [f"| {f.name} | {f.section} | {f.wanted} | {f.seen} | {'ok' if f.passed else '**no**'} |" for f in findings]
    return "\n".join([*lines, *rows]) + "\n"
