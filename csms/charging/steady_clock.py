"""A clock that goes on as if nobody set it, until the charging room is ready for the other time (grid-limits A4, B4).

Leases, ramps and bounds are kept as moments. Set on, a clock would end them all at once, while cars go on to draw what
they were granted; so a step is first taken over by whatever keeps moments, then shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from csms.charging.feeder import Caps
from csms.model.clock import Clock, Uptime

STEP_S = 1.0
"""Of the wall. What is less is a time server at work, and far within the skew that leases allow for."""
UNTRUSTED_S = 86_400.0
"""So long after a step caps count by the time of before, too."""


class SteadyClock:
    """Fits `csms.model.clock.Clock`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.now() - self._elapsed()

    def _elapsed(self) -> timedelta:
        return timedelta(seconds=self._clock.monotonic_s())

    def now(self) -> datetime:
        """The moment, UTC-aware; without a step that was not taken over yet."""
        now, elapsed = self._clock.now(), self._elapsed()
        steady = self._began + elapsed
        if self._is_step(now - steady):
            return steady
        self._began = now - elapsed
        return now

    def unix_s(self) -> float:
        """The same as seconds since 1970."""
        return self.now().timestamp()

    def step(self) -> timedelta | None:
        """How far the clock was set on (below 0: back) since it was followed last; None: nobody did."""
        step = self._clock.now() - (self._began + self._elapsed())
        return step if self._is_step(step) else None

    def follow(self) -> None:
        """Show the time as it was set."""
        self._began = self._clock.now() - self._elapsed()

    def _is_step(self, step: timedelta) -> bool:
        return self._clock.wall_s(abs(step.total_seconds())) >= STEP_S

    def monotonic_s(self) -> float:
        """Seconds that never step."""
        return self._clock.monotonic_s()

    def wall_s(self, delay_s: float) -> float:
        """Wall seconds of so many seconds of the clock."""
        return self._clock.wall_s(delay_s)

    def uptime(self) -> Uptime:
        """Of the machine."""
        return self._clock.uptime()


class CapsByBothTimes:
    """`csms.charging.feeder.Caps` after a step: nobody knows which of the two times is wrong, so the lower cap of both
    counts for `UNTRUSTED_S`. A limit does not vanish because a clock was set past its end."""

    def __init__(self, caps: Caps, clock: Clock) -> None:
        self._caps, self._clock = caps, clock
        self._behind: list[tuple[timedelta, float]] = []

    def stepped(self, step: timedelta) -> None:
        """The clock was set on by `step`."""
        ends_s = self._clock.monotonic_s() + UNTRUSTED_S
        self._behind = [*((behind + step, until_s) for behind, until_s in self._behind), (step, ends_s)]

    def _times(self) -> Sequence[timedelta]:
        """How far times that still count are behind."""
        if not self._behind:
            return ()
        now_s = self._clock.monotonic_s()
        self._behind = [one for one in self._behind if now_s < one[1]]
        return [behind for behind, _ in self._behind]

    def cap_w(self, feeder_id: str, at: datetime) -> int | None:
        """The lowest in force at `at` by any of the times."""
        caps = [self._caps.cap_w(feeder_id, at), *(self._caps.cap_w(feeder_id, at - by) for by in self._times())]
        return min((cap_w for cap_w in caps if cap_w is not None), default=None)

    def edges(self, feeder_id: str, since: datetime, until: datetime) -> Sequence[datetime]:
        """When the cap may change, in (since, until]."""
        plain = self._caps.edges(feeder_id, since, until)
        times = self._times()
        if not times:
            return plain
        return sorted({*plain, *(e + by for by in times for e in self._caps.edges(feeder_id, since - by, until - by))})

    def lowest_w(self, feeder_id: str, at: datetime) -> int | None:
        """The lowest that is ordered for `at` or later by any of the times."""
        caps = [self._caps.lowest_w(feeder_id, at), *(self._caps.lowest_w(feeder_id, at - by) for by in self._times())]
        return min((cap_w for cap_w in caps if cap_w is not None), default=None)
