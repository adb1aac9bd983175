"""What a station still has to say, in order. Messages about transactions are durable: they stay until a CALLRESULT
comes, over reconnects and reboots; the others are forgotten when the connection goes. Pure but for its callbacks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Payload = dict[str, Any]
RETRY_S = 30.0  # times the number of attempts so far, as TransactionMessageRetryInterval asks
RETRY_MAX_S = 300.0


@dataclass(slots=True, eq=False)
class Message:
    """One CALL. `build` makes the payload when it is sent (1.6 learns its transaction id late)."""

    action: str
    build: Callable[[], Payload]
    durable: bool = False
    boots: bool = False
    samples: int = 0
    on_result: Callable[[Payload], None] | None = None
    on_failure: Callable[[], None] | None = None
    unique_id: str = ""
    attempts: int = 0
    not_before_s: float = 0.0
    number: int = 0


@dataclass(slots=True)
class Outgoing:
    """The queue of one station. `accepted`: the central system has accepted its boot."""

    accepted: bool = False
    _transient: deque[Message] = field(default_factory=deque)
    _durable: deque[Message] = field(default_factory=deque)
    _count: int = 0

    def __len__(self) -> int:
        return len(self._transient) + len(self._durable)

    @property
    def durable_count(self) -> int:
        """Transaction messages that nobody has acknowledged yet."""
        return len(self._durable)

    def put(self, message: Message) -> None:
        """Add to the end; a boot goes first."""
        self._count += 1
        message.number = self._count
        if message.boots:
            self._transient.appendleft(message)
        else:
            (self._durable if message.durable else self._transient).append(message)

    def next(self, now_s: float) -> Message | None:
        """What to send now: the oldest; only a boot until one is accepted; one to be retried waits its time."""
        transient = self._transient[0] if self._transient else None
        if transient is not None and transient.boots:
            return transient
        if not self.accepted:
            return None
        durable = self._durable[0] if self._durable and self._durable[0].not_before_s <= now_s else None
        if transient is None or durable is None:
            return transient or durable
        return min(transient, durable, key=lambda message: message.number)

    def done(self, message: Message) -> None:
        """It was answered by a CALLRESULT."""
        queue = self._durable if message.durable else self._transient
        if message in queue:
            queue.remove(message)

    def failed(self, message: Message, now_s: float) -> None:
        """It was answered by a CALLERROR or not at all: a durable one is tried again later, another one is over."""
        message.attempts += 1
        if message.durable:
            message.not_before_s = now_s + min(RETRY_S * message.attempts, RETRY_MAX_S)
            return
        self._forget(message)

    def forget_transient(self) -> None:
        """The connection is gone."""
        for message in list(self._transient):
            self._forget(message)
        for message in self._durable:
            message.not_before_s = 0.0

    def forget_ids(self) -> None:
        """What is still to be said gets new message ids."""
        for message in (*self._transient, *self._durable):
            message.unique_id = ""

    def _forget(self, message: Message) -> None:
        if message in self._transient:
            self._transient.remove(message)
            if message.on_failure is not None:
                message.on_failure()
