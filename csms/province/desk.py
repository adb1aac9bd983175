"""The operator's desk: answers the calls of partners in the order of checks of section 3.3.

Knows nothing of HTTP but the status of an answer; `csms.province.http` puts it behind routes. Refusals have a code and
are signed as soon as the caller has proved who it is; a fault of ours is told as 500 and logged. That an envelope was
taken is durable before anything comes of it, so that it is taken once also when we die and start again meanwhile.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from csms.model.clock import Clock
from csms.model.errors import CsmsError, StoreUnavailable
from csms.province import strict_json
from csms.province.answers import Answers, Unanswerable
from csms.province.client import Partner
from csms.province.crypto import require_suite, same
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
    seal_response,
    wall_slack,
)
from csms.province.messages import check_body, read, render_reply
from csms.province.profile import QUERIES, Kind
from csms.province.replay import WINDOW_S, ReplayCache, Taken
from csms.province.service import ProvinceService
from csms.province.token import Token, issue
from csms.security.buckets import Buckets

log = logging.getLogger(__name__)

TOKEN_BYTES = 48
FORBIDDEN = 4005
"""Interface forbidden (one of the two local meanings of the code, section 4)."""
WORDS = {
    OK: "请求成功",
    BUSY: "系统繁忙",
    SIGNATURE_WRONG: "签名错误",
    TOKEN_WRONG: "Token错误",
    ENVELOPE_INCOMPLETE: "POST参数不合法",
    BUSINESS_INVALID: "参数错误",
    FORBIDDEN: "无权访问该接口",
    SYSTEM_ERROR: "系统错误",
}
FAIL_NONE, FAIL_NO_OPERATOR, FAIL_SECRET = 0, 1, 2
TOKEN_FIELDS = ("OperatorID", "OperatorSecret")


def new_token() -> str:
    """64 characters that nobody can guess."""
    return secrets.token_urlsafe(TOKEN_BYTES)


KeepTaken = Callable[[Sequence[Taken]], Awaitable[None]]
"""Makes durable which envelopes were taken; raises StoreUnavailable."""


async def _taken_in_memory(taken: Sequence[Taken]) -> None:
    """A restart forgets them."""


@dataclass(frozen=True, slots=True)
class Reply:
    """HTTP status and body of an answer; an empty body cannot be signed."""

    http_status: int
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer says, before it is sealed; `why` is for our log."""

    ret: int
    body: Mapping[str, Any] | None = None
    why: str = ""


class OperatorDesk:
    """Receives the calls of all partners that may call us. Raises ValueError for two with one OperatorID."""

    def __init__(
        self,
        clock: Clock,
        service: ProvinceService,
        answers: Answers,
        make_token: Callable[[], str] = new_token,
        keep: KeepTaken = _taken_in_memory,
        taken: Iterable[Taken] = (),
    ) -> None:
        self._clock = clock
        self._keep = keep
        self._service = service
        self._answers = answers
        self._make_token = make_token
        callers = [partner for partner in service.partners.values() if partner.platform_id]
        self._callers = {partner.platform_id: partner for partner in callers}
        if len(self._callers) < len(callers):
            raise ValueError("two partners have the same platform_id")
        windows = [partner.profile.clock.replay_window_s for partner in callers]
        self._replay = ReplayCache(wall_slack(max(windows, default=WINDOW_S), clock))
        self._replay.restore(taken)
        self._tokens: dict[str, Token] = {}
        self._rates = {p.id: Buckets(p.access.calls_per_s, p.access.calls_burst) for p in callers}

    def paths(self) -> dict[str, dict[str, Kind]]:
        """Every path that a partner may call, with what it is for which partner."""
        found: dict[str, dict[str, Kind]] = {}
        for partner in self._callers.values():
            for kind in (Kind.QUERY_TOKEN, *QUERIES):
                if partner.profile.hosts(kind):
                    found.setdefault(partner.profile.path(kind), {})[partner.id] = kind
        return found

    async def receive(self, kinds: Mapping[str, Kind], raw: bytes, authorization: str) -> Reply:
        """Answer one call; `kinds`: what its path is, by partner."""
        opened = check_request(raw, self._door(kinds, authorization))
        if isinstance(opened, Refused):
            return self._refuse(opened)
        partner = self._callers[opened.request.operator_id]
        said = await self._taken(partner, kinds.get(partner.id), opened)
        self._note(partner.id, kinds.get(partner.id), said)
        return _sealed(opened.codec, said)

    async def _taken(self, partner: Partner, kind: Kind | None, opened: Opened) -> Said:
        """What is said to a call that nothing is wrong with so far."""
        if self._rates[partner.id].take(partner.id, self._clock.monotonic_s()) > 0:
            return Said(BUSY, why="too many calls")
        try:
            await self._keep([(opened.replay_key, self._replay.ends_at(opened.stamped_at))])
            if partner.inbound is not None:
                await partner.inbound.proved(opened.codec.secrets)
            return await self._said(partner, kind, opened)
        except StoreUnavailable as fault:
            return Said(SYSTEM_ERROR, why=f"{fault.code}: {fault}")

    def _door(self, kinds: Mapping[str, Kind], authorization: str) -> Door:
        now = self._clock.now()

        def token_valid(operator_id: str) -> bool:
            token = self._tokens.get(operator_id)
            return token is not None and token.left_s(now) > 0 and same(f"Bearer {token.text}", authorization)

        open_to_all = set(kinds.values()) == {Kind.QUERY_TOKEN}
        return Door(self._codecs(), now, self._replay, None if open_to_all else token_valid)

    def _codecs(self) -> dict[str, Codec]:
        return {
            name: partner.inbound.codec(require_suite(partner.profile.crypto.suite))
            for name, partner in self._callers.items()
            if partner.inbound is not None and not partner.inbound.empty
        }

    def _refuse(self, refused: Refused) -> Reply:
        partner = self._callers.get(refused.operator_id or "")
        if partner is None or refused.ret is None:
            log.warning("province_call_refused", extra={"partner": "", "ret": refused.ret, "why": refused.reason})
            body = Response(refused.ret, WORDS[refused.ret], "", "").to_wire() if refused.ret is not None else b""
            return Reply(refused.http_status, body)
        said = Said(refused.ret, why=refused.reason)
        self._note(partner.id, None, said)
        return _sealed(refused.codec or self._codecs()[partner.platform_id], said)

    async def _said(self, partner: Partner, kind: Kind | None, opened: Opened) -> Said:
        if kind is Kind.QUERY_TOKEN:
            return self._token(partner, opened)
        if kind is None or not partner.access.may_ask(kind):
            return Said(FORBIDDEN, why="interface not offered to this partner")
        return await self._answer(partner, kind, opened.body)

    async def _answer(self, partner: Partner, kind: Kind, body: Mapping[str, Any]) -> Said:
        defects = check_body(partner.profile, kind, body)
        if defects:
            return Said(BUSINESS_INVALID, why="; ".join(map(str, defects[:20])))
        query = {name: value for name, value in read(partner.profile, kind, body).items() if value != ""}
        try:
            values = await self._answers.to(partner, kind, query)
            await self._service.save_new_ids()
            return Said(OK, render_reply(partner.profile, kind, values))
        except Unanswerable as fault:
            return Said(BUSINESS_INVALID, why=str(fault))
        except CsmsError as fault:
            return Said(SYSTEM_ERROR, why=f"{fault.code}: {fault}")
        except Exception:
            log.exception("province_answer_failed", extra={"partner": partner.id, "interface": kind.value})
            return Said(SYSTEM_ERROR, why="internal")

    def _token(self, partner: Partner, opened: Opened) -> Said:
        """Section 5: an unexpired token is given again and not extended."""
        body = opened.body
        wrong = [name for name in TOKEN_FIELDS if not isinstance(body.get(name), str)]
        wrong += sorted(body.keys() - set(TOKEN_FIELDS))
        if wrong:
            return Said(BUSINESS_INVALID, why=f"not usable: {', '.join(wrong)}")
        fault = _token_fault(partner, opened)
        token = None
        if fault == FAIL_NONE:
            held, life_s = self._tokens.get(partner.platform_id), partner.profile.token.lifetime_s
            token = self._tokens[partner.platform_id] = issue(held, self._clock.now(), life_s, self._make_token)
        answer = {
            "OperatorID": partner.platform_id,
            "SuccStat": 1 if token is None else 0,
            "AccessToken": token.text if token else "",
            "TokenAvailableTime": int(token.left_s(self._clock.now())) if token else 0,
            "FailReason": fault,
        }
        return Said(OK, answer, why=f"FailReason {fault}" if fault else "")

    def _note(self, partner_id: str, kind: Kind | None, said: Said) -> None:
        level = logging.INFO if said.ret == OK else logging.WARNING
        told = {"partner": partner_id, "interface": kind.value if kind else "", "ret": said.ret, "why": said.why}
        self._service.calls[partner_id].note(self._clock.now(), said.ret, said.why, refused=said.ret != OK)
        log.log(level, "province_call_answered", extra=told)


def _token_fault(partner: Partner, opened: Opened) -> int:
    if opened.body["OperatorID"] != partner.platform_id:
        return FAIL_NO_OPERATOR
    right = same(opened.body["OperatorSecret"], opened.codec.secrets.operator_secret)
    return FAIL_NONE if right else FAIL_SECRET


def _sealed(codec: Codec, said: Said) -> Reply:
    body = strict_json.write(said.body) if said.body is not None else b""
    return Reply(HTTP_OK, seal_response(codec, said.ret, WORDS[said.ret], body).to_wire())
