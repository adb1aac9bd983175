"""Looks at every request before anything of it is read: whose is it, how often does it come, may it, is it recorded.

Order: an open route passes (by address, in a bucket). Then the token; a wrong one is answered 401, and after some
failures from an address 429, ever longer. A right token passes also from such an address: otherwise whoever shares it
could be locked out by a stranger. Then the token's own bucket, its role and what it is bound to, and the record.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse

from csms.access.audit import AuditLog
from csms.access.details import detail_of, plain
from csms.access.needs import Audited, Need
from csms.access.tokens import AccessTokens
from csms.model.access import AuditUnavailable, Caller, NotAuthorised, RateLimited, Role, Unauthenticated
from csms.model.audit import AuditEntry
from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.security.addresses import network_of
from csms.security.buckets import Buckets, Failures

log = logging.getLogger(__name__)

Serve = Callable[[Request], Awaitable[Response]]
Covers = Callable[[Sequence[str], str], bool]
"""(feeders that a caller is bound to, a feeder) → whether it is one of them or below one."""

CERTIFIED = "peer_certificate"
"""Under which name the HTTP server tells the common name of a client's certificate in the state of a request."""
CERTIFICATE = "certificate:"
"""What stands before that name in place of a token's id."""
READING = frozenset({"GET", "HEAD", "OPTIONS"})
ANSWER_BYTES_MAX = 64 * 1024
COMMAND_PATH = "/stations/{station_id}/commands/{name}"
FAILURES_LOGGED = 20
"""Of the failures of one address every so-manieth is told in the server's log, and the first."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How many requests: of one token, and of one address on routes that are open."""

    token_per_s: float = 100.0
    token_burst: float = 1000.0
    open_per_s: float = 50.0
    open_burst: float = 500.0


@dataclass(frozen=True, slots=True)
class CertifiedOperator:
    """A grid operator that comes with a certificate instead of a token, and the feeders that it is bound to."""

    name: str
    feeders: tuple[str, ...]


def covers_itself(bound: Sequence[str], feeder_id: str) -> bool:
    """For a house without a tree of feeders."""
    return feeder_id in bound


class Guard:
    """One for each application. `certificates`: operators by the common name in their certificates, which the TLS of
    the port has verified.
    """

    def __init__(
        self,
        clock: Clock,
        tokens: AccessTokens,
        audit: AuditLog,
        *,
        covers: Covers = covers_itself,
        rates: Rates | None = None,
        prefix: str = "/api/v1",
        certificates: Mapping[str, CertifiedOperator] | None = None,
    ) -> None:
        rates = rates or Rates()
        self._clock, self._tokens, self._audit, self._covers, self._prefix = clock, tokens, audit, covers, prefix
        self._certificates = certificates or {}
        self._of_tokens = Buckets(rates.token_per_s, rates.token_burst)
        self._of_addresses = Buckets(rates.open_per_s, rates.open_burst)
        self._failures = Failures()
        self._failed: Counter[str] = Counter()
        self._counters: Counter[str] = Counter()

    @property
    def tokens(self) -> AccessTokens:
        """The tokens it knows."""
        return self._tokens

    @property
    def audit(self) -> AuditLog:
        """Where it records."""
        return self._audit

    async def close(self) -> None:
        """Write what is still to be written, if possible."""
        await self._audit.close()
        try:
            await self._tokens.note_use()
        except StoreUnavailable as fault:
            log.debug("token_use_not_kept", extra={"code": fault.code})

    def counters(self) -> Mapping[str, int]:
        """Requests that were not served, by reason, and records owed."""
        return {**self._counters, "api_audit_owed": self._audit.owed}

    def sees_feeder(self, caller: Caller, feeder_id: str) -> bool:
        """Whether a caller may see a feeder."""
        return caller.role is not Role.GRID_OPERATOR or self._covers(caller.bound_to, feeder_id)

    async def serve(self, need: Need, request: Request, go: Serve) -> Response:
        """Answer a request with `go`, if it may be. Raises AccessRefused, AuditUnavailable, and what `go` raises."""
        host = request.client.host if request.client else ""
        address = network_of(host)
        if need.is_open:
            self._limit(self._of_addresses, "address", address)
            return await go(request)
        caller = await self._caller(request, host, address)
        request.state.caller = caller
        self._limit(self._of_tokens, "token", caller.token_id)
        refusal = self._refusal(need, caller, request)
        audited = _audited(need, request)
        if audited is Audited.READS:
            if refusal is not None:
                raise refusal
            return self._ending(await go(request), caller)
        return await self._recorded(need, audited, caller, request, go, refusal)

    async def _caller(self, request: Request, host: str, address: str) -> Caller:
        header = request.headers.get("authorization")
        operator = self._certificates.get(getattr(request.state, CERTIFIED, ""))
        if header is None and operator is not None:
            return Caller(CERTIFICATE + operator.name, operator.name, Role.GRID_OPERATOR, operator.feeders, host)
        try:
            caller = await self._tokens.authenticate(header, host)
        except Unauthenticated as fault:
            raise self._failure(address, fault) from None
        self._failures.succeeded(address)
        return caller

    def _failure(self, address: str, fault: Unauthenticated) -> Unauthenticated | RateLimited:
        self._counters[f"api_unauthenticated_{fault.reason}"] += 1
        wait_s = self._failures.wait_s(address, self._now_s())
        if wait_s > 0:
            return self._too_many("failures", wait_s)
        if fault.reason != "missing":
            self._failures.failed(address, self._now_s())
        self._failed[address] += 1
        if self._failed[address] % FAILURES_LOGGED == 1:
            log.warning(
                "api_unauthenticated",
                extra={"address": address, "reason": fault.reason, "failures": self._failed[address]},
            )
        if len(self._failed) > FAILURES_LOGGED * 500:
            self._failed.clear()
        return fault

    def _ending(self, response: Response, caller: Caller) -> Response:
        """An answer that goes on and on ends with the token that it was asked for with."""
        if isinstance(response, StreamingResponse):
            response.body_iterator = self._while_good(response.body_iterator, caller)
        return response

    async def _while_good(self, parts: AsyncIterable[Any], caller: Caller) -> AsyncIterator[Any]:
        async for part in parts:
            if not caller.token_id.startswith(CERTIFICATE) and not await self._tokens.is_good(caller.token_id):
                return
            yield part

    def _limit(self, buckets: Buckets, kind: str, name: str) -> None:
        wait_s = buckets.take(name, self._now_s())
        if wait_s > 0:
            raise self._too_many(kind, wait_s)

    def _too_many(self, kind: str, wait_s: float) -> RateLimited:
        self._counters[f"api_rate_limited_{kind}"] += 1
        text = "too many requests; try again later"
        return RateLimited(kind, text, {"Retry-After": str(math.ceil(wait_s))})

    def _now_s(self) -> float:
        return self._clock.wall_s(self._clock.monotonic_s())

    def _refusal(self, need: Need, caller: Caller, request: Request) -> NotAuthorised | None:
        if caller.role not in need.roles:
            self._counters["api_not_authorised"] += 1
            words = ", ".join(sorted(need.roles))
            return NotAuthorised("role", f"this needs one of the roles {words}; the token is a {caller.role}'s")
        if need.feeder and not self.sees_feeder(caller, request.path_params.get(need.feeder, "")):
            self._counters["api_not_authorised"] += 1
            return NotAuthorised("bound", f"the token is not bound to feeder {plain(request.path_params[need.feeder])}")
        return None

    async def _recorded(
        self,
        need: Need,
        audited: Audited,
        caller: Caller,
        request: Request,
        go: Serve,
        refusal: NotAuthorised | None,
    ) -> Response:
        """Before it is begun and before it is answered; an answer that cannot be recorded is owed, not lost."""
        if refusal is not None:
            await self._write(self._entry("refused", request, caller, None, {"code": refusal.code}), Audited.OWED)
            raise refusal
        if audited is Audited.ITSELF:
            return await go(request)
        number = secrets.token_hex(8)
        detail = detail_of(await _body(request)) if _tells(need, request) else None
        await self._write(self._entry("asked", request, caller, detail, {}, number), audited)
        try:
            response = await go(request)
        except asyncio.CancelledError:
            self._audit.owe(self._entry("done", request, caller, None, {"code": "cancelled"}, number))
            raise
        except Exception as fault:
            await self._write(self._entry("done", request, caller, None, _of_fault(fault), number), Audited.OWED)
            raise
        await self._write(self._entry("done", request, caller, None, _of_answer(response), number), Audited.OWED)
        return response

    async def _write(self, entry: AuditEntry, audited: Audited) -> None:
        try:
            await self._audit.write(entry)
        except StoreUnavailable as fault:
            if audited is Audited.FIRST:
                raise AuditUnavailable(
                    f"it was not begun, because its record cannot be written ({fault.code}); try again"
                ) from fault
            self._audit.owe(entry)

    def _entry(
        self,
        kind: str,
        request: Request,
        caller: Caller,
        detail: Any,
        result: Mapping[str, Any],
        number: str = "",
    ) -> AuditEntry:
        path = str(getattr(request.scope.get("route"), "path", request.url.path)).removeprefix(self._prefix)
        on = {name: plain(str(value)) for name, value in request.path_params.items()}
        action = f"{request.method} {path}"
        if path == COMMAND_PATH:
            action = f"command {on.pop('name', '')}"
        who = {"token": caller.token_id, "name": caller.name, "role": caller.role.value, "address": caller.address}
        return AuditEntry(kind, plain(action), number, who, on, detail, result)


def _tells(need: Need, request: Request) -> bool:
    parameter, values = need.silent
    return need.body and request.path_params.get(parameter) not in values


async def _body(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect:
        raise HTTPException(400, "the request broke off") from None


def _audited(need: Need, request: Request) -> Audited:
    parameter, values = need.owed
    if request.path_params.get(parameter) in values:
        return Audited.OWED
    return need.audited or (Audited.READS if request.method in READING else Audited.FIRST)


def _of_fault(fault: Exception) -> dict[str, Any]:
    if isinstance(fault, RequestValidationError):
        return {"code": "invalid_request"}
    code = getattr(fault, "code", None)
    if isinstance(code, str):
        return {"code": code}
    status = getattr(fault, "status_code", None)
    return {"http": status} if isinstance(status, int) else {"code": "internal_error"}


def _of_answer(response: Response) -> dict[str, Any]:
    """What the answer says of how it ended: the station's word, the code of a refusal, the number of an operation."""
    result: dict[str, Any] = {"http": response.status_code}
    body = getattr(response, "body", b"")
    if not isinstance(body, bytes) or not 0 < len(body) <= ANSWER_BYTES_MAX or not body.startswith(b"{"):
        return result
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return result
    words = {name: plain(told[name]) for name in ("code", "status", "state") if isinstance(told.get(name), str)}
    numbers = {name: told[name] for name in ("operation_id", "version") if isinstance(told.get(name), int)}
    return result | words | numbers
