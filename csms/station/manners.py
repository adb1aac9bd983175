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
        """Our own clock was set on by `step_s`: until the station says what time it is, its clock has not followed."""
        lags_s = self.lags_s or [0.0]
        self.lags_s = [lag_s + step_s for lag_s in lags_s] + [lags_s[-1] + step_s] * (LAGS_MIN - len(lags_s))
        self.clock_lag_s = min(self.lags_s, key=abs)

    @property
    def behind_s(self) -> float:
        """So far its clock may be behind ours: a message that comes late says more than is true, never less."""
        return max(min(self.lags_s, default=0.0), 0.0)

    @property
    def ahead_s(self) -> float:
        """So far its clock was ahead of ours a while ago."""
        return max(-min(self.lags_s, default=0.0), 0.0)

    @property
    def beat_every_s(self) -> float | None:
        """Mean time between heartbeats; None while there were fewer than four."""
        if self.beats < 4 or self.first_beat_at is None or self.last_beat_at is None:
            return None
        return (self.last_beat_at - self.first_beat_at).total_seconds() / (self.beats - 1)
