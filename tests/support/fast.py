"""A clock that makes minutes pass in a second, for use cases that wait."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from csms.model.clock import ScaledClock


def fast_clock(speed: float = 60.0) -> ScaledClock:
    """From now on, `speed` times as fast as life."""
    return ScaledClock(speed, time.time(), datetime.now(UTC))
