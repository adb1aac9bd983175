"""Replay protection of a receiver (section 6): an envelope is taken once.

A key is kept for as long as its TimeStamp could still be inside the window. A full store rejects; it never forgets a
key early, because that would let a replay in. `Taken` are the keys that a receiver makes durable before it answers, and
takes in again when it starts: until then a replay of the time before would be let in.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

WINDOW_S = 300.0
KEYS_MAX = 1_000_000
"""About 150 MB; at 600 s of validity this is 1,600 messages a second."""


Taken = tuple[str, datetime]
"""A key, and until when it is kept."""


class Freshness(StrEnum):
    """What the cache says of an envelope."""

    FRESH = "fresh"
    REPLAYED = "replayed"
    OUTSIDE = "outside"
    FULL = "full"


def replay_key(*parts: str) -> str:
    """SHA-256 over the length-delimited parts (OperatorID, TimeStamp, Seq, Data, Sig)."""
    digest = sha256()
    for part in parts:
        raw = part.encode()
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()


@dataclass(slots=True)
class ReplayCache:
    """Keys of the envelopes taken inside the window of `window_s` seconds to both sides of now."""

    window_s: float = WINDOW_S
    keys_max: int = KEYS_MAX
    _keys: set[str] = field(default_factory=set)
    _expiry: list[tuple[datetime, str]] = field(default_factory=list)

    def take(self, key: str, stamped_at: datetime, now: datetime) -> Freshness:
        """Remember `key` if it is fresh. Only for envelopes whose MAC was right."""
        if abs((now - stamped_at).total_seconds()) > self.window_s:
            return Freshness.OUTSIDE
        self._forget(now)
        if key in self._keys:
            return Freshness.REPLAYED
        if len(self._keys) >= self.keys_max:
            return Freshness.FULL
        self._hold(key, self.ends_at(stamped_at))
        return Freshness.FRESH

    def ends_at(self, stamped_at: datetime) -> datetime:
        """Until when the key of an envelope with this TimeStamp is kept."""
        return stamped_at + timedelta(seconds=self.window_s)

    def restore(self, taken: Iterable[Taken]) -> None:
        """What was taken before a restart."""
        for key, ends_at in taken:
            self._hold(key, ends_at)

    def _hold(self, key: str, ends_at: datetime) -> None:
        self._keys.add(key)
        heapq.heappush(self._expiry, (ends_at, key))

    def __len__(self) -> int:
        return len(self._keys)

    def _forget(self, now: datetime) -> None:
        while self._expiry and self._expiry[0][0] < now:
            self._keys.discard(heapq.heappop(self._expiry)[1])
