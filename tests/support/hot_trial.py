"""A fast decoder by the book, slow: what the tests of the fast one are held against while a codec has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from csms.model.errors import PeerError
from csms.model.inbound import Inbound
from csms.model.station import Protocol
from csms.wire.codec import Codec
from csms.wire.frames import Call, FrameError, decode

HOT: Mapping[Protocol, tuple[str, ...]] = {
    Protocol.OCPP16: ("Heartbeat", "StatusNotification", "MeterValues"),
    Protocol.OCPP201: ("Heartbeat", "StatusNotification", "MeterValues", "TransactionEvent"),
}


@dataclass(frozen=True, slots=True)
class HotCall:
    """A request that was read the fast way."""

    unique_id: str
    action: str
    message: Inbound


@dataclass(frozen=True, slots=True)
class HotTrial:
    """Takes the hot actions when nothing at all is wrong with them."""

    codec: Codec

    def decode_hot(self, data: bytes | str, received_at: datetime) -> HotCall | None:
        """The request; None: read it the general way."""
        try:
            call = decode(data)
            if not isinstance(call, Call) or call.action not in HOT[self.codec.protocol]:
                return None
            decoded = self.codec.decode_call(call, received_at)
        except (FrameError, PeerError):
            return None
        return None if decoded.deviations else HotCall(call.unique_id, call.action, decoded.message)
