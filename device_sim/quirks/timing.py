"""Clocks that are wrong, zones that are missing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from device_sim.behaviour import Quirk, rewritten
from device_sim.clock import EPOCH
from device_sim.outgoing import Message, Payload
from firmware_profiles import FirmwareProfile

STAMPS = ("timestamp", "startSchedule", "scheduleStart")
SITE_OFFSET_MINUTES = 480
SYNCHRONISED_AFTER_S = 30.0


class Timing(Quirk):
    """Every time that goes out, in a CALL or in an answer."""

    def __init__(self, profile: FirmwareProfile) -> None:
        self._time = profile.time
        minutes = profile.time.offset_minutes
        self._offset = timedelta(minutes=SITE_OFFSET_MINUTES if minutes is None else minutes)
        self._known_from_s: float | None = None
        self._greeted = False

    def booted(self) -> None:
        """The boot's answer brings the time; it is taken over a little later."""
        self._greeted = True
        if self._known_from_s is None:
            self._known_from_s = self.station.clock.epoch_s() + SYNCHRONISED_AFTER_S

    def rebooted(self) -> None:
        """The time is forgotten."""
        self._known_from_s, self._greeted = None, False

    def said(self, message: Message) -> Iterable[Message]:
        """Stamped as the clock is when the message is made."""
        change = self._change()
        return (message,) if change is None else (rewritten(message, lambda payload: restamped(payload, change)),)

    def answered(self, action: str, payload: Payload, answer: Payload) -> Payload:
        """Times in answers too."""
        change = self._change()
        return answer if change is None else restamped(answer, change)

    def _change(self) -> Any:
        """How a time is told now; None: rightly."""
        time = self._time
        if time.epoch_before_sync and not self._synchronised():
            return self._of_1970
        if time.no_zone_means_local:
            return lambda at: written(at + self._offset).removesuffix("Z")
        if time.local_labelled_z and not (time.local_until_boot and self._greeted):
            return lambda at: written(at + self._offset)
        if time.ahead_s:
            return lambda at: written(at + timedelta(seconds=time.ahead_s))
        return None

    def _synchronised(self) -> bool:
        return self._known_from_s is not None and self.station.clock.epoch_s() >= self._known_from_s

    def _of_1970(self, moment: datetime) -> str:
        anchor_s = self.station.clock.anchor_time.timestamp()
        return written(EPOCH + timedelta(seconds=max(0.0, moment.timestamp() - anchor_s)))


def written(moment: datetime) -> str:
    """As OCPP writes a time."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def restamped(value: Any, change: Any) -> Any:
    """The same with every stamp changed."""
    if isinstance(value, list):
        return [restamped(item, change) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: change(datetime.fromisoformat(item))
        if key in STAMPS and isinstance(item, str)
        else restamped(item, change)
        for key, item in value.items()
    }
