"""Whether and how often it boots."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from device_sim.behaviour import Quirk
from device_sim.outgoing import Message
from firmware_profiles import FirmwareProfile

SAME_ID, AGAIN_S = "1000001", 10.0


class Booting(Quirk):
    """No boot by itself; one boot again and again under one id after a stop was answered by an error."""

    def __init__(self, profile: FirmwareProfile) -> None:
        self.boots_by_itself = not profile.boot.absent_on_connect
        self._insists = profile.boot.same_id_retry
        self._upset = False

    def said(self, message: Message) -> Iterable[Message]:
        """The boots of an upset station have one id; an acknowledged stop calms it."""
        if message.action == "BootNotification" and self._upset:
            return (replace(message, unique_id=SAME_ID, on_result=lambda result: self._again()),)
        if message.action == "StopTransaction":
            return (replace(message, on_result=lambda result: self._calm()),)
        return (message,)

    def refused(self, message: Message) -> None:
        """An error for a stop upsets it."""
        if self._insists and message.action == "StopTransaction":
            self._upset = True
            self._again()

    def _again(self) -> None:
        if self._upset:
            self.station.boot_again_s = self.station.clock.epoch_s() + AGAIN_S

    def _calm(self) -> None:
        self._upset = False
