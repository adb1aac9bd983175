"""Which vendor messages are understood (DataTransfer): a register of handlers by vendor and message.

Most of what stations send this way is telemetry that the standard has a place for already; it is kept and accepted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from csms.model.inbound import DataTransfer, DataTransferReply

VendorHandler = Callable[[Any, str, DataTransfer], Awaitable[DataTransferReply]]
"""Context, station and message; the message is kept already."""

KEPT: Mapping[str, tuple[str, ...]] = {
    "EV-BOX": ("evbStatusNotification",),
}
"""Messages that need no more than being kept (lbbrhzn/ocpp#221, evcc-io/evcc#14733: a CSV text after each status)."""


async def keep(context: Any, station_id: str, message: DataTransfer) -> DataTransferReply:
    """It is kept already."""
    return DataTransferReply("Accepted")


class VendorMessages:
    """The register; the name of a message may be empty."""

    def __init__(self) -> None:
        self._handlers: dict[str, dict[str, VendorHandler]] = {}
        for vendor_id, message_ids in KEPT.items():
            for message_id in message_ids:
                self.add(vendor_id, message_id, keep)

    def add(self, vendor_id: str, message_id: str, handler: VendorHandler) -> None:
        """From now on `handler` answers this message."""
        self._handlers.setdefault(vendor_id, {})[message_id] = handler

    async def answer(self, context: Any, station_id: str, message: DataTransfer) -> DataTransferReply:
        """The handler's answer, or what is said to a message that nobody understands (P02.FR.06, P02.FR.07)."""
        known = self._handlers.get(message.vendor_id)
        if known is None:
            return DataTransferReply("UnknownVendorId")
        handler = known.get(message.message_id)
        return DataTransferReply("UnknownMessageId") if handler is None else await handler(context, station_id, message)
