"""The one clock.

Everything that counts in seconds (time-outs, heartbeats, leases, ramps, retry ladders) asks a `Clock`, so that a demo
day can pass in minutes and a test can stand still. Only this module of the central system reads the machine's time.
Transport keep-alives (TCP, websocket pings) are about the real network and stay on wall time.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

ENVIRONMENT_VARIABLE = "CSMS_CLOCK"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Uptime(NamedTuple):
    """How long the machine has run, in seconds of a clock: they go on while it sleeps, and nobody sets them. `boot`
    tells one run of the machine from another; empty where nobody knows.
    """

    boot: str
    seconds: float


class Clock(Protocol):
    """Time as a value: UTC for records, monotonic seconds for durations, and the scale between them and the wall."""

    def now(self) -> datetime:
        """The present moment, UTC-aware."""
        ...

    def unix_s(self) -> float:
        """The present moment as seconds since 1970, UTC: what `now` tells, at a fifth of its cost."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never step back, in the clock's own scale."""
        ...

    def wall_s(self, delay_s: float) -> float:
        """How many seconds of the wall `delay_s` seconds of this clock take (what to hand to a sleep or a time-out)."""
        ...

    def uptime(self) -> Uptime:
        """What a process to come can tell from, how much time has passed, whatever the clock says then."""
        ...


@dataclass(frozen=True, slots=True)
class ScaledClock:
    """Shows `anchor_time` at wall second `anchor_wall_s` and from there runs `speed` times as fast as life."""

    speed: float = 1.0
    anchor_wall_s: float = 0.0
    anchor_time: datetime = EPOCH
    _anchor_unix_s: float = field(init=False, repr=False, compare=False, default=0.0)

    def __post_init__(self) -> None:
        """Raises ValueError for a speed that is not positive or an anchor without a zone."""
        if not self.speed > 0:
            raise ValueError(f"clock speed must be above 0, not {self.speed}")
        if self.anchor_time.tzinfo is None:
            raise ValueError("the anchor time of a clock needs a zone")
        object.__setattr__(self, "_anchor_unix_s", self.anchor_time.timestamp())

    def now(self) -> datetime:
        """The present moment of this clock, UTC-aware."""
        elapsed_s = (time.time() - self.anchor_wall_s) * self.speed
        return datetime.fromtimestamp(self._anchor_unix_s + elapsed_s, UTC)

    def unix_s(self) -> float:
        """The same as seconds since 1970."""
        return self._anchor_unix_s + (time.time() - self.anchor_wall_s) * self.speed

    def monotonic_s(self) -> float:
        """Monotonic seconds in the scale of this clock."""
        return time.monotonic() * self.speed

    def wall_s(self, delay_s: float) -> float:
        """Wall seconds that `delay_s` seconds of this clock take."""
        return delay_s / self.speed

    def uptime(self) -> Uptime:
        """Of this machine, in the scale of this clock."""
        boot = boot_id()
        return Uptime(boot, time.clock_gettime(time.CLOCK_BOOTTIME) * self.speed if boot else 0.0)

    def __str__(self) -> str:
        return f"speed={self.speed:g},wall={self.anchor_wall_s!r},time={self.anchor_time.isoformat()}"


@lru_cache
def boot_id() -> str:
    """The name that Linux gives to this run of the machine; empty on another system."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def system_clock() -> ScaledClock:
    """The real time of the machine."""
    return ScaledClock()


def parse_clock(text: str) -> ScaledClock:
    """Read `speed=288,wall=<unix seconds>,time=<ISO 8601>` as `str(ScaledClock)` writes it; else ValueError."""
    fields = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
    try:
        return ScaledClock(float(fields["speed"]), float(fields["wall"]), datetime.fromisoformat(fields["time"]))
    except KeyError as missing:
        raise ValueError(
            f"clock {text!r} lacks {missing}; it reads like speed=288,wall=0,time=2026-01-01T00:00:00Z"
        ) from None


def clock_from_environment() -> ScaledClock:
    """The clock that `CSMS_CLOCK` describes, else real time."""
    text = os.environ.get(ENVIRONMENT_VARIABLE)
    return parse_clock(text) if text else system_clock()


@dataclass(slots=True)
class ManualClock:
    """A clock for tests: it moves only when told to."""

    time: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    elapsed_s: float = 0.0

    def now(self) -> datetime:
        """The moment that was set."""
        return self.time

    def unix_s(self) -> float:
        """The same as seconds since 1970."""
        return self.time.timestamp()

    def monotonic_s(self) -> float:
        """Seconds advanced so far."""
        return self.elapsed_s

    def wall_s(self, delay_s: float) -> float:
        """A manual clock waits for nobody."""
        return 0.0

    def uptime(self) -> Uptime:
        """As long as it was advanced."""
        return Uptime("manual", self.elapsed_s)

    def advance(self, delay_s: float) -> None:
        """Move on by `delay_s` >= 0 seconds."""
        if delay_s < 0:
            raise ValueError("time does not run backwards")
        self.time += timedelta(seconds=delay_s)
        self.elapsed_s += delay_s
