"""How a station behaves towards us beyond what it says: counted where it happens, read by the doctor. Never stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

CONNECTS_KEPT = 20
LAGS_KEPT = 4
"""So many of the last times that it told are compared with ours."""

LAGS_MIN = 3
"""Fewer prove nothing: a single late message looks like a slow clock."""


@dataclass(slots=True)
class Manners:
    """Since this process began. `unanswered`: commands in a row without an answer; `beats`, `states` (of connectors,
    told): on this connection. `clock_lag_s`: how far its clock is behind ours (below 0: ahead), by the message that
    came nearest: others may be late."""

    connects: list[datetime] = field(default_factory=list)
    unanswered: int = 0
    unreadable: int = 0
    beats: int = 0
    states: int = 0
    first_beat_at: datetime | None = None
    last_beat_at: datetime | None = None
    lags_s: list[float] = field(default_factory=list)
    clock_lag_s: float | None = None
    behind_s_at_most: float = 0.0
    ahead_s_at_most: float = 0.0

    def connected(self, at: datetime) -> None:
        """A new connection."""
        self.connects.append(at)
        del self.connects[:-CONNECTS_KEPT]
        self.beats, self.states, self.first_beat_at, self.last_beat_at = 0, 0, None, None

    def beat(self, at: datetime) -> None:
        """A heartbeat."""
        self.beats += 1
        self.last_beat_at = at
        if self.first_beat_at is None:
            self.first_beat_at = at

    def told_time(self, said: datetime | None, received_at: datetime) -> None:
        """It said that something happened now."""
        if said is not None:
            self.lags_s.append((received_at - said).total_seconds())
            del self.lags_s[:-LAGS_KEPT]
            self.clock_lag_s = min(self.lags_s, key=abs) if len(self.lags_s) >= LAGS_MIN else None

    def clock_set(self, step_s: float) -> None:
        """Our own clock was set on by `step_s`. Until the station says what time it is, nobody knows whether its own
        has followed, so it may be behind by all steps on, and ahead by all steps back."""
        self.behind_s_at_most, self.ahead_s_at_most = self.behind_s + max(step_s, 0.0), self.ahead_s + max(-step_s, 0.0)
        self.lags_s.clear()
        self.clock_lag_s = None

    @property
    def doubtful(self) -> bool:
        """Whether it has not said what time it is since our clock was set."""
        return not self.lags_s and (self.behind_s_at_most > 0 or self.ahead_s_at_most > 0)

    @property
    def behind_s(self) -> float:
        """So far its clock may be behind ours: a message that comes late says more than is true, never less."""
        return max(min(self.lags_s), 0.0) if self.lags_s else self.behind_s_at_most

    @property
    def ahead_s(self) -> float:
        """So far its clock was ahead of ours a while ago."""
        return max(-min(self.lags_s), 0.0) if self.lags_s else self.ahead_s_at_most

    @property
    def beat_every_s(self) -> float | None:
        """Mean time between heartbeats; None while there were fewer than four."""
        if self.beats < 4 or self.first_beat_at is None or self.last_beat_at is None:
            return None
        return (self.last_beat_at - self.first_beat_at).total_seconds() / (self.beats - 1)
