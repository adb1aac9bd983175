"""The desk where calls arrive: checks in the order of section 3.3, stores, answers signed.

Knows nothing of HTTP but the status of an answer; `monitor.intake.platform` puts it behind routes.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from csms.model.clock import Clock
from csms.province import strict_json
from csms.province.crypto import same
from csms.province.envelope import (
    BUSINESS_INVALID,
    BUSY,
    ENVELOPE_INCOMPLETE,
    HTTP_OK,
    OK,
    SIGNATURE_WRONG,
    SYSTEM_ERROR,
    TOKEN_WRONG,
    Codec,
    Door,
    Opened,
    Refused,
    Response,
    check_request,
    parse_stamp,
    seal_response,
    wall_slack,
)
from csms.province.keys import Direction
from csms.province.messages import answer_body
from csms.province.profile import Kind
from csms.province.replay import WINDOW_S, ReplayCache
from csms.province.token import Token, issue
from csms.security.buckets import Buckets
from monitor.evidence.documents import record_bytes
from monitor.intake.checks import check_token_request, judge_message, kept_body, plain
from monitor.intake.figures import TOO_MANY, Figures
from monitor.intake.keys import OperatorKeys
from monitor.intake.reconcile import UNLISTED_MAX, Checked, reconcile
from monitor.intake.settings import Operator, PlatformSettings
from monitor.store.intake import IntakeStore
from monitor.store.messages import Call, Message, Standing

log = logging.getLogger(__name__)

WORDS = {
    OK: "请求成功",
    BUSY: "系统繁忙",
    SIGNATURE_WRONG: "签名错误",
    TOKEN_WRONG: "Token错误",
    ENVELOPE_INCOMPLETE: "POST参数不合法",
    BUSINESS_INVALID: "参数错误",
    SYSTEM_ERROR: "系统错误",
}
STRANGERS_PER_S, STRANGERS_BURST = 5.0, 100.0
"""Refused calls of unproven callers that are logged, for each operator that they claim to be."""
KEPT_KIB_PER_S, KEPT_KIB_BURST = 2.0, 20_000.0
"""Refused bodies of an operator that are kept: it may be wrong with a whole backlog, but not for ever. What is beyond
is logged with its defects, without the body."""
FAIL_NONE, FAIL_NO_OPERATOR, FAIL_SECRET = 0, 1, 2


TOKEN_BYTES = 48


def new_token() -> str:
    """64 characters that nobody can guess."""
    return secrets.token_urlsafe(TOKEN_BYTES)


@dataclass(frozen=True, slots=True)
class Reply:
    """HTTP status and body of an answer; an empty body cannot be signed."""

    http_status: int
    body: bytes = b""


class IntakeDesk:
    """Receives the calls of all operators. `make_token` gives a new unguessable text each time."""

    def __init__(
        self,
        settings: PlatformSettings,
        clock: Clock,
        store: IntakeStore,
        keys: OperatorKeys,
        figures: Figures,
        make_token: Callable[[], str] = new_token,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._store = store
        self._keys = keys
        self._figures = figures
        self._make_token = make_token
        windows = [operator.profile.clock.replay_window_s for operator in settings.operators.values()]
        self._replay = ReplayCache(wall_slack(max(windows, default=WINDOW_S), clock))
        self._rates = {name: Buckets(o.calls_per_s, o.calls_burst) for name, o in settings.operators.items()}
        self._strangers = Buckets(STRANGERS_PER_S, STRANGERS_BURST)
        self._bodies = Buckets(KEPT_KIB_PER_S, KEPT_KIB_BURST)
        self._tokens: dict[str, Token] = {}
        self._token_lock = asyncio.Lock()

    async def start(self) -> None:
        """Load what must outlive a restart: tokens, secrets, and the envelopes that could be replayed."""
        now = self._clock.now()
        await self._keys.load()
        self._tokens = await self._store.tokens()
        window = timedelta(seconds=self._replay.window_s)
        for key, stamped_at in await self._store.replay_keys(now - window, now - 2 * window):
            self._replay.take(key, stamped_at, now)

    async def forget_tokens(self) -> None:
        """Withdraw all tokens."""
        self._tokens.clear()
        await self._store.forget_tokens()

    async def receive(self, kinds: dict[str, Kind], interface: str, raw: bytes, authorization: str) -> Reply:
        """Answer one call. `kinds`: what this path is, by profile id; `interface`: its wire name for the log."""
        began_s = self._clock.monotonic_s()
        opened = await self._open(raw, self._door(kinds, authorization))
        spent_us = int((self._clock.monotonic_s() - began_s) * 1e6)
        call = Call(self._clock.now(), interface, HTTP_OK, OK, size_bytes=len(raw), latency_us=spent_us)
        if isinstance(opened, Refused):
            return await self._refuse(opened, call)
        request = opened.request
        call = replace(
            call,
            operator_id=request.operator_id,
            replay_key=opened.replay_key,
            stamped_at=parse_stamp(request.timestamp),
        )
        operator = self._settings.operators[request.operator_id]
        try:
            return await self._handle(operator, kinds.get(operator.profile.id), opened, call)
        except Exception:
            log.exception("intake_call_failed", extra={"operator": operator.operator_id, "interface": interface})
            self._figures.fault()
            return _signed(opened.codec, replace(call, ret=SYSTEM_ERROR), b"")

    async def _handle(self, operator: Operator, kind: Kind | None, opened: Opened, call: Call) -> Reply:
        await self._keys.ring(operator.operator_id, Direction.INBOUND).proved(opened.codec.secrets)
        if self.is_too_fast(operator.operator_id):
            return self._put_off(opened.codec, call)
        if kind is None:
            refusal = replace(call, ret=BUSINESS_INVALID, reason="interface not offered")
            return await self._answer(opened.codec, refusal)
        if kind is Kind.QUERY_TOKEN:
            return await self._give_token(operator, opened, call)
        return await self._take(operator, kind, opened, call)

    async def _open(self, raw: bytes, door: Door) -> Opened | Refused:
        """Steps 1 to 7; secrets that were added meanwhile are looked for before somebody is turned away for his."""
        opened = check_request(raw, door)
        if isinstance(opened, Refused) and _unproven(opened) and _claimed(opened) in self._settings.operators:
            return check_request(raw, door) if await self._keys.refresh() else opened
        return opened

    def _door(self, kinds: dict[str, Kind], authorization: str) -> Door:
        now = self._clock.now()

        def token_valid(operator_id: str) -> bool:
            token = self._tokens.get(operator_id)
            return token is not None and token.left_s(now) > 0 and same(f"Bearer {token.text}", authorization)

        open_to_all = set(kinds.values()) == {Kind.QUERY_TOKEN}
        return Door(self._keys, now, self._replay, None if open_to_all else token_valid)

    def bearer(self, authorization: str) -> str | None:
        """The operator that holds the access token of an Authorization header, None for nobody."""
        now, found = self._clock.now(), None
        for operator_id, token in self._tokens.items():
            if same(f"Bearer {token.text}", authorization) and token.left_s(now) > 0:
                found = operator_id
        return found if found in self._settings.operators else None

    def is_too_fast(self, operator_id: str) -> bool:
        """Whether an operator calls more often than it may; counts this call."""
        return self._rates[operator_id].take(operator_id, self._clock.monotonic_s()) > 0

    def _put_off(self, codec: Codec, call: Call) -> Reply:
        """Too many calls: to come again later. It is logged with what is written next, not by a write of its own."""
        call = replace(call, ret=BUSY, reason=TOO_MANY)
        self._figures.count(call)
        self._figures.unlogged += not self._store.log_soon(call)
        return _signed(codec, call, b"")

    async def _refuse(self, refused: Refused, call: Call) -> Reply:
        call = replace(call, http_status=refused.http_status, ret=refused.ret, reason=refused.reason)
        name = refused.operator_id or ""
        if name and refused.codec is not None:
            call = replace(call, operator_id=name)
            fast = self.is_too_fast(name)
            return self._put_off(refused.codec, call) if fast else await self._answer(refused.codec, call)
        await self._log_stranger(replace(call, operator_id=name))
        if refused.ret is None:
            return Reply(refused.http_status)
        codec = self._keys.get(name)
        if codec is None:
            return Reply(refused.http_status, Response(refused.ret, WORDS[refused.ret], "", "").to_wire())
        return _signed(codec, replace(call, operator_id=name), b"")

    async def _log_stranger(self, call: Call) -> None:
        """Whoever has not proved who he is fills neither the disk nor the log of him whose name he uses."""
        self._figures.count(call)
        if self._strangers.take(call.operator_id, self._clock.monotonic_s()) > 0:
            self._figures.unlogged += 1
        else:
            await self._store.log(call)

    async def _answer(self, codec: Codec, call: Call) -> Reply:
        """Log a refusal and sign it."""
        self._figures.count(call)
        await self._store.log(call)
        return _signed(codec, call, b"")

    async def _give_token(self, operator: Operator, opened: Opened, call: Call) -> Reply:
        defects = check_token_request(opened.body)
        if defects:
            return await self._answer(opened.codec, replace(call, ret=BUSINESS_INVALID, defects=_texts(defects)))
        fault = _token_fault(operator, opened)
        token = await self._issue(operator) if fault == FAIL_NONE else None
        call = replace(call, reason=f"FailReason {fault}" if fault else "")
        self._figures.count(call)
        await self._store.log(call)
        body = {
            "OperatorID": operator.operator_id,
            "SuccStat": 0 if token else 1,
            "AccessToken": token.text if token else "",
            "TokenAvailableTime": int(token.left_s(self._clock.now())) if token else 0,
            "FailReason": fault,
        }
        return _signed(opened.codec, call, strict_json.write(body))

    async def _issue(self, operator: Operator) -> Token:
        async with self._token_lock:
            held = self._tokens.get(operator.operator_id)
            token = issue(held, self._clock.now(), operator.profile.token.lifetime_s, self._make_token)
            if token is not held:
                await self._store.put_token(operator.operator_id, token)
                self._tokens[operator.operator_id] = token
            return token

    async def _take(self, operator: Operator, kind: Kind, opened: Opened, call: Call) -> Reply:
        profile = operator.profile
        judged = judge_message(profile, kind, opened.body, operator.operator_id)
        call = replace(call, ret=judged.ret, business_id=judged.business_id[:64], defects=_texts(judged.defects))
        if judged.ret != OK:
            return await self._answer(opened.codec, replace(call, body=self._kept(call, kept_body(opened.body))))
        calls = {
            Standing.NEW: call,
            Standing.DUPLICATE: replace(call, ret=profile.codes.duplicate_order, duplicate=True),
            Standing.CONFLICT: replace(
                call,
                ret=BUSINESS_INVALID,
                reason="same business id, other content",
                review=True,
                body=self._kept(call, plain(opened.body)),
            ),
        }
        record = record_bytes(operator.operator_id, kind, call.business_id, call.received_at, opened.body)
        checked = await self._reconcile(operator, judged.fields) if kind is Kind.CHECK_ORDERS else None
        message = Message(kind, judged.fields, judged.digest, record, checked.result if checked else {})
        standing = await self._store.accept(calls, message)
        self._figures.count(calls[standing])
        if checked is not None:
            return _signed(opened.codec, call, strict_json.write(checked.answer))
        accepted = standing is not Standing.CONFLICT
        body = strict_json.write(answer_body(profile, kind, opened.body)) if accepted else b""
        return _signed(opened.codec, calls[standing], body)

    def _kept(self, call: Call, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """A refused body, or nothing when its operator has had too many of them lately."""
        cost = call.size_bytes / 1024
        return {} if self._bodies.take(call.operator_id, self._clock.monotonic_s(), cost) else body

    async def _reconcile(self, operator: Operator, fields: Mapping[str, Any]) -> Checked:
        listed = fields.get("ChargeOrders") or []
        ids = [row["StartChargeSeq"] for row in listed]
        accepted = await self._store.orders(operator.operator_id, ids)
        most = UNLISTED_MAX + len(ids)
        ended = await self._store.orders_ended(operator.operator_id, fields["StartTime"], fields["EndTime"], most)
        head = await self._store.evidence.head(operator.operator_id, fields["StartTime"][:10])
        return reconcile(operator.profile, fields, accepted, ended, head.head.day_root if head else "")


def _token_fault(operator: Operator, opened: Opened) -> int:
    if opened.body["OperatorID"] != operator.operator_id:
        return FAIL_NO_OPERATOR
    right = same(opened.body["OperatorSecret"], opened.codec.secrets.operator_secret)
    return FAIL_NONE if right else FAIL_SECRET


def _texts(defects: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(str(defect) for defect in defects[:100])


def _unproven(refused: Refused) -> bool:
    """Whether it was refused for want of secrets that fit."""
    return refused.codec is None and refused.request is not None


def _claimed(refused: Refused) -> str:
    return refused.request.operator_id if refused.request else ""


def _signed(codec: Codec, call: Call, body: bytes) -> Reply:
    ret = call.ret or OK
    return Reply(HTTP_OK, seal_response(codec, ret, WORDS.get(ret, ""), body, call.operator_id).to_wire())
