"""What is metered of the loads beside the stations: it replaces the configured curve while it is fresh. Pure.

A value says what is drawn now; how long it stays true nobody knows. So it holds for `HOLD`, and the future is taken for
the higher of it and the curve: room that may not be there is given to nobody. A meter that falls silent has not said
that there is no load: until it speaks again the highest of its last day counts, or the curve where that is higher.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

HOLD = timedelta(minutes=5)
"""Metering sends each 15 to 60 seconds, so after this it is silent."""
SURE = timedelta(minutes=1)
"""So long it is taken at its word."""
AHEAD = timedelta(seconds=30)
"""How far ahead of our clock a meter's clock may be."""
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """Power of all loads right at a feeder that are no station of ours, and when it was so."""

    power_w: int
    at: datetime


class High(NamedTuple):
    """The highest reading of a meter's last day, and the hour it is of."""

    power_w: int
    hour: datetime


class BaseLoads:
    """The newest reading of each feeder, and of the last day the highest of each hour."""

    def __init__(self) -> None:
        self._readings: dict[str, Reading] = {}
        self._hours: dict[str, dict[datetime, int]] = {}
        self._silent: dict[str, int] = {}

    def report(self, feeder_id: str, power_w: float, at: datetime, now: datetime) -> bool:
        """Take a reading over; False for one that is older than what is known, too old, or from the future."""
        known = self._readings.get(feeder_id)
        if known is not None and known.at > now + AHEAD:
            known = None  # our clock was set back: what it said before is no measure
        if at > now + AHEAD or now - at >= HOLD or (known is not None and at <= known.at):
            return False
        reading = self._readings[feeder_id] = Reading(round(power_w), min(at, now))
        hours = self._hours.setdefault(feeder_id, {})
        hour = reading.at.replace(minute=0, second=0, microsecond=0)
        hours[hour] = max(hours.get(hour, 0), reading.power_w)
        for old in [one for one in hours if abs(reading.at - one) > DAY + HOUR]:
            del hours[old]
        self._silent.pop(feeder_id, None)
        return True

    def look(self, now: datetime) -> None:
        """See who has fallen silent; also those whose reading is of a time that is yet to come."""
        for feeder_id, known in self._readings.items():
            if now - known.at >= HOLD or known.at > now + AHEAD:
                self._silent[feeder_id] = max(self._hours[feeder_id].values())

    def move(self, step: timedelta) -> None:
        """The clock was set on by `step`: readings are as old as they were."""
        self._readings = {id_: Reading(known.power_w, known.at + step) for id_, known in self._readings.items()}
        self._hours = {id_: {at + step: w for at, w in hours.items()} for id_, hours in self._hours.items()}

    def highs(self) -> dict[str, High]:
        """What a process to come has to know of each meter."""
        found = {}
        for feeder_id, hours in self._hours.items():
            power_w = max(hours.values())
            found[feeder_id] = High(power_w, max(hour for hour, w in hours.items() if w == power_w))
        return found

    def restore(self, feeder_id: str, high: High) -> None:
        """What a process before knew of a meter; it is silent until it speaks."""
        self._hours[feeder_id] = {high.hour: high.power_w}
        self._silent[feeder_id] = high.power_w

    def forget(self, feeder_id: str) -> bool:
        """There is no such meter any more: the curve counts. Whether anything was known of it."""
        self._readings.pop(feeder_id, None)
        self._silent.pop(feeder_id, None)
        return self._hours.pop(feeder_id, None) is not None

    @property
    def silent(self) -> dict[str, int]:
        """Feeders whose meter is silent, and what counts there at least."""
        return dict(self._silent)

    def metered(self, feeder_id: str) -> bool:
        """Whether it ever was."""
        return feeder_id in self._hours

    def reading(self, feeder_id: str, now: datetime) -> Reading | None:
        """The newest one while it is fresh."""
        known = self._readings.get(feeder_id)
        return known if known is not None and now - known.at < HOLD else None

    def own_w(self, feeder_id: str, at: datetime, curve_w: int) -> int:
        """The load at a moment, now or later, where the curve says `curve_w`.

        A feeder that feeds in (a negative reading) leaves no more room than an idle one: the sun may go.
        """
        if (held_w := self._silent.get(feeder_id)) is not None:
            return max(held_w, curve_w)
        known = self._readings.get(feeder_id)
        if known is None or (age := at - known.at) >= HOLD:
            return curve_w
        power_w = max(known.power_w, 0)
        return power_w if age < SURE else max(power_w, curve_w)
