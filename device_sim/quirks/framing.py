"""Bad manners on the wire: the handshake, message ids, how JSON is written, what an error looks like."""

from __future__ import annotations

import json
import random

from websockets.typing import Subprotocol

from device_sim.link import CALL_ERROR, CALL_RESULT, Frame, Manners
from device_sim.outgoing import Outgoing
from firmware_profiles import FirmwareProfile

SPACED = (" ,", " : ")


class Framing(Manners):
    """The manners of a profile."""

    def __init__(self, profile: FirmwareProfile) -> None:
        self._rpc = profile.rpc
        self._count = 0

    def path(self, station_id: str) -> str:
        """Empty where no id is given."""
        return "" if self._rpc.empty_station_id else super().path(station_id)

    def subprotocols(self, protocol: str) -> list[Subprotocol] | None:
        """None offered, or the usual one."""
        return None if self._rpc.no_subprotocol else super().subprotocols(protocol)

    def password(self, text: str) -> bytes:
        """Hex digits as bytes, or the usual text."""
        return bytes.fromhex(text) if self._rpc.raw_basic_password else super().password(text)

    def unique_id(self, rng: random.Random, at_s: float) -> str:
        """Counted from 1, counted from anywhere, or taken from the time."""
        if self._rpc.message_ids == "random":
            return super().unique_id(rng, at_s)
        if self._count == 0 and self._rpc.message_ids == "decimal":
            self._count = rng.randrange(10**8, 10**9)
        self._count += 1
        return f"{at_s * 1000:.0f}{self._count:04d}" if self._rpc.message_ids == "time" else str(self._count)

    def connected(self, outgoing: Outgoing) -> None:
        """Ids begin anew; what is left from before gets one of the new ids."""
        if self._rpc.message_ids == "restart":
            self._count = 0
            outgoing.forget_ids()

    def text(self, frame: Frame, action: str = "") -> str:
        """Many lines, blanks before commas, or the usual; an answer to GetConfiguration may lack its end."""
        styles = {"pretty": {"indent": 2}, "spaced": {"separators": SPACED}}
        style = styles.get(self._rpc.json_style)
        text = super().text(frame, action) if style is None else json.dumps(frame, **style)  # type: ignore[arg-type]
        cut = self._rpc.truncated_json and action == "GetConfiguration" and frame[0] == CALL_RESULT
        return text[: len(text) * 2 // 3] if cut else text

    def error(self, unique_id: str, code: str, description: str) -> Frame:
        """Four elements, or details that are a text."""
        if self._rpc.short_callerror:
            return [CALL_ERROR, unique_id, code, description]
        return [CALL_ERROR, unique_id, code, description, "" if self._rpc.string_details else {}]
