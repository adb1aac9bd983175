"""CALLs that it refuses whatever they ask, and those that it does not answer."""

from __future__ import annotations

import json

from device_sim.behaviour import Quirk, refusal
from device_sim.link import Silent
from device_sim.outgoing import Payload
from firmware_profiles import FirmwareProfile


class Replying(Quirk):
    """What gets no answer is done all the same; only the answer is missing."""

    def __init__(self, profile: FirmwareProfile) -> None:
        self._refuses = profile.rpc.refuses
        self._silent = [entry.partition(":") for entry in profile.rpc.no_reply_actions]
        self._share = profile.rpc.no_reply_share

    def heard(self, action: str, payload: Payload) -> Payload | None:
        """A refusal, or None."""
        return refusal(self._refuses[action]) if action in self._refuses else None

    def answered(self, action: str, payload: Payload, answer: Payload) -> Payload:
        """The answer, unless it is one of those that never come."""
        text = json.dumps(payload)
        if any(action == name and word in text for name, _, word in self._silent) and self._happens():
            raise Silent
        return answer

    def _happens(self) -> bool:
        return self.station.rng.random() < self._share
