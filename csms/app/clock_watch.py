"""Notices that somebody set the clock: by comparing it with seconds that never step.

A clock that jumps to a far day would make everything look old enough to be deleted, so deleting waits after a step.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from csms.model.clock import Clock

log = logging.getLogger(__name__)

STEP_S_MIN = 60.0
"""Time servers slew what is less, or step a second or two."""

HOLD_S = 86_400.0
"""How long a stepped clock is not trusted with deleting: a day for somebody to see the warning."""


class ClockWatch:
    """Ask it now and then; what it knows is as fresh as the last question."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began, self._began_s = clock.now(), clock.monotonic_s()
        self._stepped_s: float | None = None

    def look(self) -> None:
        """Compare; a step is told in the log, and from then on the clock as it runs now is the measure."""
        now, now_s = self._clock.now(), self._clock.monotonic_s()
        step_s = (now - self._began - timedelta(seconds=now_s - self._began_s)).total_seconds()
        if abs(step_s) >= STEP_S_MIN:
            log.warning("clock_stepped", extra={"step_s": round(step_s), "hold_s": HOLD_S})
            self._began, self._began_s, self._stepped_s = now, now_s, now_s

    @property
    def stepped(self) -> bool:
        """Whether the clock was set within the last day."""
        return self._stepped_s is not None and self._clock.monotonic_s() - self._stepped_s < HOLD_S
