"""Real time that a test may push forward: stations and time-outs go on as in life, records become old at once."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from csms.model.clock import Uptime


class ShiftedClock:
    """Fits `csms.model.clock.Clock`."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time(), UTC) + timedelta(seconds=self.ahead_s)

    def unix_s(self) -> float:
        return time.time() + self.ahead_s

    def monotonic_s(self) -> float:
        return time.monotonic() + self.ahead_s

    def wall_s(self, delay_s: float) -> float:
        return delay_s

    def uptime(self) -> Uptime:
        return Uptime("shifted", time.monotonic() + self.ahead_s)

    def advance(self, delay_s: float) -> None:
        self.ahead_s += delay_s
