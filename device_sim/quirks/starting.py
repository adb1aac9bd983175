"""How charging begins and ends by command."""

from __future__ import annotations

from typing import Any

from device_sim.behaviour import Quirk, refusal
from device_sim.link import Refused
from device_sim.outgoing import Payload
from firmware_profiles import FirmwareProfile

STARTS = ("RemoteStartTransaction", "RequestStartTransaction")
STOPS = ("RemoteStopTransaction", "RequestStopTransaction")
STATUSES = ("Accepted", "Rejected")


class Starting(Quirk):
    """Cards that start nothing, remote commands that are refused, tags that are too long."""

    def __init__(self, profile: FirmwareProfile) -> None:
        self.cards_start = not profile.start.remote_start_needed
        self._with_profile = profile.start.profile_in_remote_start
        self._stop = profile.start.remote_stop
        self._tag_chars_max = profile.tx.tag_chars_max

    def heard(self, action: str, payload: Payload) -> Payload | None:
        """A refusal, or None."""
        if action in STOPS and self._stop != "ok":
            return refusal(self._stop, STATUSES)
        if action not in STARTS:
            return None
        if len(_tag(payload)) > self._tag_chars_max:
            raise Refused("TypeConstraintViolation", "idTag")
        if "chargingProfile" in payload and self._with_profile != "ok":
            return refusal(self._with_profile, STATUSES)
        return None


def _tag(payload: Payload) -> str:
    token: Any = payload.get("idToken", {})
    return str(payload.get("idTag") or token.get("idToken", ""))
