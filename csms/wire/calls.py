"""Calls in flight on one connection, as pure state: ours (one at a time, late answers) and the station's (repeats)."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

import orjson

from csms.model.bounds import ANSWERED_IDS_KEPT, CALL_TIMEOUT_S
from csms.wire.frames import Call, Error, FrameError, NumericId, Result

_TIME_TELLERS = frozenset({"BootNotification", "Heartbeat"})
"""Their answers carry the time of day, and doing them twice does no harm: a repeat is answered anew (RB-19)."""


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A call of ours that waits for its answer; `deadline_s` is on the monotonic scale that `start` was given."""

    unique_id: str
    action: str
    deadline_s: float


class Match(StrEnum):
    """What an answer turned out to be."""

    ANSWERED = "answered"
    LATE = "late"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`call` is the call that was answered, in time or late; None for an answer that nobody asked for."""

    match: Match
    call: PendingCall | None = None


class PendingCalls:
    """Our outgoing calls: one outstanding (OCPP-J 4.1.1, both versions), the last that timed out remembered."""

    def __init__(self, timeout_s: float = CALL_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._outstanding: PendingCall | None = None
        self._expired: OrderedDict[str, PendingCall] = OrderedDict()
        self.late = 0
        self.unknown = 0

    @property
    def outstanding(self) -> PendingCall | None:
        """The call that waits now."""
        return self._outstanding

    def start(self, unique_id: str, action: str, now_s: float, timeout_s: float | None = None) -> PendingCall:
        """A call goes out; RuntimeError while another one waits (the caller queues)."""
        if self._outstanding is not None:
            raise RuntimeError(f"{self._outstanding.action} still waits for its answer")
        deadline_s = now_s + (self._timeout_s if timeout_s is None else timeout_s)
        self._outstanding = PendingCall(unique_id, action, deadline_s)
        return self._outstanding

    def resolve(self, answer: Result | Error | FrameError) -> Outcome:
        """An answer came in, be it broken. Only the waiting call's own id ends it; the rest is counted (HP-D1)."""
        if self._outstanding is not None and answer.unique_id == self._outstanding.unique_id:
            return Outcome(Match.ANSWERED, self._end())
        late = self._expired.pop(answer.unique_id, None)
        if late is not None:
            self.late += 1
            return Outcome(Match.LATE, late)
        self.unknown += 1
        return Outcome(Match.UNKNOWN)

    def expire(self, now_s: float) -> PendingCall | None:
        """Give up the waiting call if its time has passed; its answer will count as late."""
        if self._outstanding is None or now_s < self._outstanding.deadline_s:
            return None
        return self.abandon()

    def abandon(self) -> PendingCall | None:
        """Give up the waiting call, for instance because its asker went away."""
        call = self._end()
        if call is not None:
            self._expired[call.unique_id] = call
            if len(self._expired) > ANSWERED_IDS_KEPT:
                self._expired.popitem(last=False)
        return call

    def close(self) -> PendingCall | None:
        """The connection ended: the call that will never be answered, if one waited; nothing is remembered."""
        self._expired.clear()
        return self._end()

    def _end(self) -> PendingCall | None:
        call, self._outstanding = self._outstanding, None
        return call


class AnsweredCalls:
    """Our last answers on this connection, so that a repeated message has no second effect (RB-16, SR-11).

    The same id with another action or payload on one connection is a fault of the station, or somebody who replays.
    """

    def __init__(self, kept: int = ANSWERED_IDS_KEPT) -> None:
        self._kept = kept
        self._answers: OrderedDict[str, tuple[bytes, bytes]] = OrderedDict()

    def recall(self, call: Call) -> bytes | None:
        """The frame that answered this very message before; None if it is new."""
        kept = self._answers.get(call.unique_id)
        return kept[1] if kept is not None and kept[0] == _fingerprint(call) else None

    def is_reused(self, call: Call) -> bool:
        """Whether its id was another message's before."""
        kept = self._answers.get(call.unique_id)
        return kept is not None and kept[0] != _fingerprint(call)

    def remember(self, call: Call, answer: bytes) -> None:
        """Keep the frame that answered `call`; the oldest one goes."""
        if call.action in _TIME_TELLERS:
            self._answers.pop(call.unique_id, None)
            return
        self._answers[call.unique_id] = (_fingerprint(call), answer)
        self._answers.move_to_end(call.unique_id)
        if len(self._answers) > self._kept:
            self._answers.popitem(last=False)


def _fingerprint(call: Call) -> bytes:
    """7 and "7" are two ids, and their answers are not the same."""
    numeric = isinstance(call.unique_id, NumericId)
    data = orjson.dumps([numeric, call.action, call.payload], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(data, digest_size=16).digest()
