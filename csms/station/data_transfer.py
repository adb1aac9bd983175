"""Vendor messages and notifications without an effect of their own yet: kept, answered, never an error."""

from __future__ import annotations

from datetime import datetime

from csms.model.inbound import Acknowledged, DataTransfer, DataTransferReply, Notice
from csms.station.context import Handlers, StationContext
from csms.store import changes

DATA_KEPT_CHARACTERS = 10_000
"""Vendor payloads are kept for diagnosis, not without end."""


async def data_transfer(
    context: StationContext, station_id: str, message: DataTransfer, received_at: datetime
) -> DataTransferReply:
    """We know no vendor's messages, so the answer is UnknownVendorId and the payload is kept (RB-32)."""
    detail: dict[str, object] = {
        "vendor_id": message.vendor_id,
        "message_id": message.message_id,
        "data": message.data[:DATA_KEPT_CHARACTERS],
    }
    await context.store.writer.commit([changes.add_notice(station_id, received_at, "data_transfer", detail)])
    return DataTransferReply("UnknownVendorId")


async def notice(context: StationContext, station_id: str, message: Notice, received_at: datetime) -> Acknowledged:
    """Keep the message under its action."""
    await context.store.writer.commit([changes.add_notice(station_id, received_at, message.action, message.payload)])
    return Acknowledged()


HANDLERS: Handlers = {DataTransfer: data_transfer, Notice: notice}
