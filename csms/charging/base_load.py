"""What is metered of the loads beside the stations: it replaces the configured curve while it is fresh. Pure.

A value says what is drawn now; how long it stays true nobody knows. So it holds for `HOLD`, then the curve counts
again, and until then the future is taken for the higher of the two: room that may not be there is given to nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

HOLD = timedelta(minutes=5)
"""Metering sends each 15 to 60 seconds, so after this it is silent."""
SURE = timedelta(minutes=1)
"""So long it is taken at its word."""
AHEAD = timedelta(seconds=30)
"""How far ahead of our clock a meter's clock may be."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Power of all loads right at a feeder that are no station of ours, and when it was so."""

    power_w: int
    at: datetime


class BaseLoads:
    """The newest reading of each feeder."""

    def __init__(self) -> None:
        self._readings: dict[str, Reading] = {}

    def report(self, feeder_id: str, power_w: float, at: datetime, now: datetime) -> bool:
        """Take a reading over; False for one that is older than what is known, too old, or from the future."""
        known = self._readings.get(feeder_id)
        if at > now + AHEAD or now - at >= HOLD or (known is not None and at <= known.at):
            return False
        self._readings[feeder_id] = Reading(round(power_w), min(at, now))
        return True

    def reading(self, feeder_id: str, now: datetime) -> Reading | None:
        """The newest one while it is fresh."""
        known = self._readings.get(feeder_id)
        return known if known is not None and now - known.at < HOLD else None

    def own_w(self, feeder_id: str, at: datetime, curve_w: int) -> int:
        """The load at a moment, now or later, where the curve says `curve_w`.

        A feeder that feeds in (a negative reading) leaves no more room than an idle one: the sun may go.
        """
        known = self._readings.get(feeder_id)
        if known is None or (age := at - known.at) >= HOLD:
            return curve_w
        power_w = max(known.power_w, 0)
        return power_w if age < SURE else max(power_w, curve_w)
