"""What happens to an outbox entry after an attempt (sections 4 and 15). Pure: values in, a `Step` out.

success, ack codes, Status=1      acked ("ignored" is not sent again)
token codes                       retry, after the forwarder refreshed the token and sent once more
dead codes                        dead, and pause codes stop the partner: every further message would fail alike
everything else                   retry by the ladder of the interface, not before the Retry-After of the answer
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from csms.province.envelope import SYSTEM_ERROR, Response
from csms.province.profile import PUSHED, Kind, PlatformProfile


class Verdict(StrEnum):
    """What an attempt came to."""

    ACKED = "acked"
    RETRY = "retry"
    TOKEN = "token"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one attempt. `unreachable`: the partner itself did not answer, so the next message would not fare
    better; `pause`: the partner is stopped until somebody corrects keys, clock or field order; `busy`: it wants fewer
    calls; `retry_after_s`: and none before; `barred`: it answered and gave us no token, which says nothing about the
    message."""

    verdict: Verdict
    code: int
    text: str = ""
    unreachable: bool = False
    pause: bool = False
    busy: bool = False
    retry_after_s: float | None = None
    barred: bool = False
    answer: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """The body of an acknowledgement."""


@dataclass(frozen=True, slots=True)
class Step:
    """The next state of an entry; `next_at` for a retry."""

    verdict: Verdict
    code: int
    text: str
    next_at: datetime | None = None


def judge(profile: PlatformProfile, ret: int, msg: str, body: Mapping[str, Any]) -> Outcome:
    """A response whose signature was right, by the return codes of the profile. An unknown code is retried."""
    codes = profile.codes
    if ret in codes.success or ret in codes.ack:
        return Outcome(Verdict.ACKED, ret, _remark(profile, body), answer=body)
    meaning = codes.local_meaning.get(str(ret), "")
    text = " ".join(part for part in (msg, f"({meaning})" if meaning else "") if part)
    if ret in codes.token:
        return Outcome(Verdict.TOKEN, ret, text)
    if ret in codes.dead:
        return Outcome(Verdict.DEAD, ret, text, pause=ret in codes.pause)
    return Outcome(Verdict.RETRY, ret, text, busy=ret in codes.busy)


_DOUBTS = ("SuccStat", "FailReason", "ConfirmResult", "TotalDisputeOrder")


def _remark(profile: PlatformProfile, body: Mapping[str, Any]) -> str:
    """An acknowledgement may carry a doubt; it is kept with the entry."""
    if profile.status_1_means_ignored and body.get("Status") == 1:
        return "ignored by the platform"
    doubts = {name: body[name] for name in _DOUBTS if body.get(name)}
    return ", ".join(f"{name}={value}" for name, value in doubts.items())


def failed(text: str, *, unreachable: bool, busy: bool = False, retry_after_s: float | None = None) -> Outcome:
    """No usable answer: time-out, connection, TLS, HTTP status, unreadable or wrongly signed (counts as 500)."""
    return Outcome(Verdict.RETRY, SYSTEM_ERROR, text, unreachable, busy=busy, retry_after_s=retry_after_s)


TOKEN_FAULTS = {1: "no such operator", 2: "secret wrong"}
"""FailReason of query_token (section 5)."""


def token_refused(profile: PlatformProfile, response: Response, body: Mapping[str, Any]) -> Outcome | None:
    """What it means that query_token was answered like this; None: it gave a token. By its code, as every answer; no
    message is to blame, so none is dead by it."""
    codes, ret = profile.codes, response.ret
    if ret in codes.success and body.get("SuccStat") == 0:
        return None
    fault = body.get("FailReason")
    words = TOKEN_FAULTS.get(fault, "") if type(fault) is int else ""
    said = " ".join(filter(None, (response.msg, codes.local_meaning.get(str(ret), ""), words)))
    text = f"query_token refused: Ret {ret}, FailReason {fault}, {said}".rstrip(", ")
    code = SYSTEM_ERROR if ret in codes.success else ret
    return Outcome(Verdict.RETRY, code, text, pause=ret in codes.pause, busy=ret in codes.busy, barred=True)


def step(profile: PlatformProfile, kind: Kind, attempts: int, outcome: Outcome, now: datetime) -> Step:
    """The next state of an entry after `attempts` >= 1 attempts, the one judged here among them."""
    if outcome.verdict in (Verdict.ACKED, Verdict.DEAD):
        return Step(outcome.verdict, outcome.code, outcome.text)
    delay_s = max(profile.retry[kind].delay_s(attempts), outcome.retry_after_s or 0.0)
    return Step(Verdict.RETRY, outcome.code, outcome.text, now + timedelta(seconds=delay_s))


def lost_at(profile: PlatformProfile, kind: Kind, attempts: int, now: datetime) -> datetime:
    """When attempt number `attempts`, which begins now, counts as lost if nobody marks it."""
    return now + timedelta(seconds=profile.transport.total_timeout_s + profile.retry[kind].delay_s(attempts))


def sending_order() -> list[str]:
    """Interfaces; what is of one is sent only when nothing of those before it is due."""
    return [str(kind) for kind in PUSHED]
