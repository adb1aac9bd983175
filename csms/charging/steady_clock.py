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
        """A machine that sleeps makes no step where its uptime is known."""
        uptime = self._clock.uptime()
        return timedelta(seconds=uptime.seconds if uptime.boot else self._clock.monotonic_s())

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


class OtherTimes:
    """What the clock would show had nobody set it, for `UNTRUSTED_S` after a step: nobody knows which time is wrong."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until_s: dict[timedelta, float] = {}

    def stepped(self, step: timedelta) -> None:
        """The clock was set on by `step` (below 0: back); a second more or less is nothing."""
        if abs(step) < timedelta(seconds=STEP_S):
            return
        ends_s = self._clock.monotonic_s() + UNTRUSTED_S
        moved = {_whole(behind + step): until_s for behind, until_s in self._until_s.items()}
        self._until_s = moved | {_whole(step): ends_s}
        self._until_s.pop(timedelta(), None)

    def behind(self) -> Sequence[timedelta]:
        """How far they are behind the time that is shown."""
        if self._until_s:
            now_s = self._clock.monotonic_s()
            self._until_s = {behind: until_s for behind, until_s in self._until_s.items() if now_s < until_s}
        return tuple(self._until_s)


def _whole(span: timedelta) -> timedelta:
    return timedelta(seconds=round(span.total_seconds()))


class CapsByBothTimes:
    """`csms.charging.feeder.Caps` after a step: the lower cap of all times counts. A limit does not vanish because a
    clock was set past its end."""

    def __init__(self, caps: Caps, times: OtherTimes) -> None:
        self._caps, self._times = caps, times

    def cap_w(self, feeder_id: str, at: datetime) -> int | None:
        """The lowest in force at `at` by any of the times."""
        caps = [self._caps.cap_w(feeder_id, at), *(self._caps.cap_w(feeder_id, at - by) for by in self._times.behind())]
        return min((cap_w for cap_w in caps if cap_w is not None), default=None)

    def edges(self, feeder_id: str, since: datetime, until: datetime) -> Sequence[datetime]:
        """When the cap may change, in (since, until]."""
        plain, times = self._caps.edges(feeder_id, since, until), self._times.behind()
        if not times:
            return plain
        return sorted({*plain, *(e + by for by in times for e in self._caps.edges(feeder_id, since - by, until - by))})

    def lowest_w(self, feeder_id: str, at: datetime) -> int | None:
        """The lowest that is ordered for `at` or later by any of the times."""
        others = [self._caps.lowest_w(feeder_id, at - by) for by in self._times.behind()]
        caps = [self._caps.lowest_w(feeder_id, at), *others]
        return min((cap_w for cap_w in caps if cap_w is not None), default=None)
