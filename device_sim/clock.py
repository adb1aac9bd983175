"""The simulator's clock: the same line of text sets it as sets the central system's, so both live in one time.

Everything that a pile counts in seconds (heartbeats, meter intervals, ramps, time-outs, back-off) follows it.
Keep-alives of the websocket stay on wall time. Only this module of the simulator reads the machine's clock.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

VARIABLE = "CSMS_CLOCK"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SimClock:
    """Shows `anchor_time` at wall second `anchor_wall_s` and runs `speed` times as fast as life."""

    speed: float = 1.0
    anchor_wall_s: float = 0.0
    anchor_time: datetime = EPOCH

    def __post_init__(self) -> None:
        """Raises ValueError for a speed that is not above zero or an anchor without a zone."""
        if not self.speed > 0.0:
            raise ValueError(f"speed must be above 0, not {self.speed}")
        if self.anchor_time.tzinfo is None:
            raise ValueError("the time of a clock needs a zone")

    def epoch_s(self) -> float:
        """Simulated seconds since 1970-01-01 UTC."""
        return self.anchor_time.timestamp() + (time.time() - self.anchor_wall_s) * self.speed

    def now(self) -> datetime:
        """The simulated moment, UTC-aware."""
        return at(self.epoch_s())

    def monotonic_s(self) -> float:
        """Simulated seconds that never run backwards; only differences mean something."""
        return time.monotonic() * self.speed

    def wall_s(self, delay_s: float) -> float:
        """Wall seconds that `delay_s` simulated seconds take."""
        return delay_s / self.speed

    async def sleep(self, delay_s: float) -> None:
        """Wait `delay_s` simulated seconds."""
        await asyncio.sleep(self.wall_s(delay_s))

    def __str__(self) -> str:
        return f"speed={self.speed:g},wall={self.anchor_wall_s!r},time={self.anchor_time.isoformat()}"


def at(epoch_s: float) -> datetime:
    """The UTC moment `epoch_s` seconds after 1970."""
    return EPOCH + timedelta(seconds=epoch_s)


def wall_now() -> datetime:
    """The moment of the machine's clock, by which TLS judges certificates."""
    return at(time.time())


def parse_clock(text: str) -> SimClock:
    """Read `speed=288,wall=1764000000.0,time=2026-11-24T00:00:00+08:00`. Raises ValueError saying what is wrong."""
    fields = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
    missing = [name for name in ("speed", "wall", "time") if name not in fields]
    if missing:
        raise ValueError(f"clock {text!r} lacks {', '.join(missing)}")
    return SimClock(float(fields["speed"]), float(fields["wall"]), datetime.fromisoformat(fields["time"]))


def clock_from_environment(environ: Mapping[str, str] = os.environ) -> SimClock:
    """The clock that CSMS_CLOCK describes, else real time."""
    text = environ.get(VARIABLE)
    return parse_clock(text) if text else SimClock()
