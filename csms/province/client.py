"""One partner's HTTP side: sealed calls with explicit time-outs, no redirects, no proxies from the environment.

`PlatformClient.push` makes one attempt for one message: token, envelope, POST, verified answer; a refused token is
renewed and the message sent once more (4002). Every failure comes back as an `Outcome`, never as an exception.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx

from csms.model.clock import Clock
from csms.model.errors import CsmsError
from csms.province import strict_json
from csms.province.access import EVERYTHING, Access
from csms.province.crypto import Secrets, require_suite
from csms.province.envelope import (
    HTTP_OK,
    SIGNATURE_WRONG,
    Codec,
    Response,
    ResponseInvalid,
    SeqAllocator,
    SeqExhausted,
    Stamp,
    read_response,
    seal_request,
)
from csms.province.keys import KeyRing, KeysMissing
from csms.province.outbox import Outcome, Verdict, failed, judge, token_refused
from csms.province.profile import Kind, PlatformProfile
from csms.province.token import LIFE_S_MAX, Token, TokenCache

HTTP_BUSY = (429, 503)
RETRY_AFTER_S_MAX = 3600.0
"""The last step of the longest ladder: nobody keeps us away for longer by one header."""
WALL_TIMEOUT_S_MIN = 5.0

"""The network is no faster than life, however fast the clock runs."""
KEPT = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=3.0)
"""Idle connections are let go before a usual server does it (after 5 s): a call that meets the closing is lost."""
STAMP_TRIES = 5
"""Seconds to wait for a free sequence number; each second has 9,999."""


class PartnerInvalid(CsmsError):
    """A partner's settings cannot be used."""

    code = "partner_invalid"


class CallFailed(Exception):
    """A call brought no usable answer; `outcome` says what that means for the message and for the partner."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.text)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Partner:
    """A platform that we report to. Raises PartnerInvalid for plain HTTP to another machine where TLS is required."""

    id: str
    profile: PlatformProfile
    base_url: str
    operator_id: str
    secrets: Secrets | None = field(default=None, repr=False)
    ring: KeyRing | None = field(default=None, repr=False, compare=False)
    """Where its secrets change while we run; `secrets` alone never do."""
    access: Access = EVERYTHING
    platform_id: str = ""
    """The OperatorID with which it calls us; empty: it does not."""
    inbound: KeyRing | None = field(default=None, repr=False, compare=False)
    """The secrets of its calls to us."""

    def __post_init__(self) -> None:
        """Check the address."""
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise PartnerInvalid(f"partner {self.id}: {self.base_url!r} is no http(s) address")
        if parts.scheme == "http" and self.profile.transport.tls_required and not _is_loopback(parts.hostname):
            raise PartnerInvalid(f"partner {self.id}: plain HTTP is allowed to this machine only")
        if len(self.operator_id) != 9 or len(self.platform_id) not in (0, 9):
            raise PartnerInvalid(f"partner {self.id}: OperatorID has 9 characters")

    def url(self, kind: Kind) -> str:
        """Where an interface is called."""
        return self.base_url.rstrip("/") + self.profile.path(kind)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of asking for a token: `ok`, why not, how long it took, and how far the partner's clock is off (by the
    Date of its answer; None when it names none)."""

    ok: bool
    url: str
    text: str
    latency_s: float
    clock_off_s: float | None = None
    token_life_s: float | None = None


class PlatformClient:
    """Calls to one partner."""

    def __init__(self, partner: Partner, clock: Clock, trust: ssl.SSLContext | None = None) -> None:
        self._partner = partner
        self._clock = clock
        self._suite = require_suite(partner.profile.crypto.suite)
        self._ring = partner.ring or (KeyRing.of(clock, partner.secrets) if partner.secrets else KeyRing(clock))
        self._seq = SeqAllocator(clock, after=clock.now(), hold_s=partner.profile.clock.replay_window_s)
        self._tokens = TokenCache(clock, self._fetch_token, partner.profile.token.refresh_share)
        tls = partner.base_url.startswith("https:")
        self._trust = (trust or ssl.create_default_context()) if tls else False
        self._connections: httpx.AsyncClient | None = None
        self._date = ""

    @property
    def token_state(self) -> str:
        """none, fresh or stale."""
        return self._tokens.state

    async def close(self) -> None:
        """Let the connections go; the next call opens new ones."""
        connections, self._connections = self._connections, None
        if connections is not None:
            await connections.aclose()

    def connections(self) -> httpx.AsyncClient:
        """The open connections."""
        if self._connections is None:
            self._connections = httpx.AsyncClient(
                verify=self._trust,
                trust_env=False,
                follow_redirects=False,
                limits=KEPT,
                timeout=httpx.Timeout(self._wall_s(self._partner.profile.transport.connect_timeout_s)),
            )
        return self._connections

    async def probe(self) -> Probe:
        """Ask for a token of its own; the one in use stays."""
        begun_s, url = self._clock.monotonic_s(), self._partner.url(Kind.QUERY_TOKEN)
        self._date = ""
        try:
            token, text = await self._fetch_token(), ""
        except (CallFailed, KeysMissing) as fault:
            token, text = None, str(fault)
        life_s = token.left_s(self._clock.now()) if token else None
        latency_s = self._clock.monotonic_s() - begun_s
        return Probe(token is not None, url, text, latency_s, self._clock_off_s(), life_s)

    def _clock_off_s(self) -> float | None:
        try:
            return (parsedate_to_datetime(self._date) - self._clock.now()).total_seconds()
        except (ValueError, TypeError):  # no date, or one without a zone
            return None

    async def push(self, kind: Kind, body: Mapping[str, Any]) -> Outcome:
        """One attempt for one message; with a refused token two."""
        outcome = await self._attempt(kind, body)
        return await self._attempt(kind, body) if outcome.verdict is Verdict.TOKEN else outcome

    async def _attempt(self, kind: Kind, body: Mapping[str, Any]) -> Outcome:
        try:
            token = await self._tokens.get()
        except CallFailed as fault:
            return replace(fault.outcome, barred=not fault.outcome.unreachable)
        except KeysMissing as fault:
            return failed(str(fault), unreachable=True)
        written = strict_json.write(body)
        try:
            response, answer = await self._call(kind, lambda _: written, token)
        except CallFailed as fault:
            return fault.outcome

        except KeysMissing as fault:
            return failed(str(fault), unreachable=True)
        outcome = judge(self._partner.profile, response.ret, response.msg, answer)
        if outcome.verdict is Verdict.TOKEN:
            self._tokens.refuse(token)
        return outcome

    async def _fetch_token(self) -> Token:
        partner, asked_at = self._partner, self._clock.now()

        def body(secrets: Secrets) -> bytes:
            return strict_json.write({"OperatorID": partner.operator_id, "OperatorSecret": secrets.operator_secret})

        response, answer = await self._call(Kind.QUERY_TOKEN, body, None)
        text, life_s = answer.get("AccessToken"), answer.get("TokenAvailableTime")
        if refusal := token_refused(partner.profile, response, answer):
            raise CallFailed(refusal)
        usable = isinstance(text, str) and text.isascii() and text.isprintable() and bool(text)
        if answer.get("OperatorID") != partner.operator_id or not usable:
            raise CallFailed(failed("query_token answered for another operator or without a token", unreachable=False))
        if type(life_s) is not int or life_s < 0:  # 0: good for this call, and asked for again before the next
            raise CallFailed(failed("query_token answered without TokenAvailableTime", unreachable=False))

        return Token(str(text), asked_at, asked_at + timedelta(seconds=min(life_s, LIFE_S_MAX)))

    async def _call(
        self, kind: Kind, body: Callable[[Secrets], bytes], token: str | None
    ) -> tuple[Response, dict[str, Any]]:
        """With the secrets that count; with the next ones of the ring when the partner refuses the signature."""
        ways = self._ring.to_call()
        for left, secrets in zip(range(len(ways) - 1, -1, -1), ways, strict=True):
            response, answer, signer = await self._call_with(secrets, kind, body(secrets), token)
            if response.ret != SIGNATURE_WRONG:
                if self._proves(response.ret):
                    await self._ring.proved(signer)
                break
            if left:
                self._ring.refused()
        return response, answer

    def _proves(self, ret: int) -> bool:
        """Whether the partner has looked at our signature: one that is too busy answers before that."""
        codes = self._partner.profile.codes
        return ret in codes.success or ret in codes.ack or ret in codes.token

    async def _call_with(
        self, secrets: Secrets, kind: Kind, body: bytes, token: str | None
    ) -> tuple[Response, dict[str, Any], Secrets]:
        request = seal_request(Codec(self._suite, secrets), self._partner.operator_id, body, await self._stamp())
        raw = await self._post(self._partner.url(kind), request.to_wire(), token)
        try:
            return read_response(self._ring.codec(self._suite), raw, self._partner.operator_id)
        except ResponseInvalid as fault:
            raise CallFailed(failed(str(fault), unreachable=False)) from None

    async def _stamp(self) -> Stamp:
        """The next stamp, waiting for the next second if this one is used up."""
        for _ in range(STAMP_TRIES):
            try:
                return self._seq.next()
            except SeqExhausted:
                await asyncio.sleep(self._clock.wall_s(1.0 - self._clock.now().microsecond / 1e6))
        raise CallFailed(failed("no sequence number became free", unreachable=False))

    async def _post(self, url: str, content: bytes, token: str | None) -> bytes:
        headers = {"Content-Type": "application/json; charset=utf-8", "Accept-Encoding": "identity"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            async with (
                asyncio.timeout(self._wall_s(self._partner.profile.transport.total_timeout_s)),
                self.connections().stream("POST", url, content=content, headers=headers) as response,
            ):
                self._date = response.headers.get("Date", "")
                return await self._body(response)
        except TimeoutError:
            raise CallFailed(failed("time-out", unreachable=True)) from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as fault:
            raise CallFailed(failed(f"{type(fault).__name__}: {fault}".rstrip(": "), unreachable=True)) from None

    async def _body(self, response: httpx.Response) -> bytes:
        if response.status_code != HTTP_OK:
            raise CallFailed(self._http_failed(response))

        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self._partner.profile.transport.max_body_bytes:
                raise CallFailed(failed("the response is too big", unreachable=False))
        return bytes(body)

    def _http_failed(self, response: httpx.Response) -> Outcome:
        """A 5xx is no answer of the platform, unless it says when to come again."""
        status = response.status_code
        busy = status in HTTP_BUSY
        wait_s = retry_after_s(response.headers.get("Retry-After", ""), self._clock.now()) if busy else None
        silent = status >= 500 and wait_s is None
        return failed(f"HTTP {status}", unreachable=silent, busy=busy, retry_after_s=wait_s)

    def _wall_s(self, delay_s: float) -> float:

        return max(self._clock.wall_s(delay_s), WALL_TIMEOUT_S_MIN)


def retry_after_s(text: str, now: datetime) -> float | None:
    """The seconds of a Retry-After, which is a number or a date (RFC 9110 10.2.3), at most `RETRY_AFTER_S_MAX`; None
    for anything else."""
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), RETRY_AFTER_S_MAX)
    try:
        wait_s = (parsedate_to_datetime(text) - now).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(wait_s, 0.0), RETRY_AFTER_S_MAX)
