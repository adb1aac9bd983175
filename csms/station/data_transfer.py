"""Vendor messages (OCPP 1.6 section 4.3, 2.0.1 block P) and notifications without an effect of their own yet.

All are kept and answered, never with an error.
"""

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
    """Keep the payload, then let who understands the message answer it (P02, RB-32)."""
    detail: dict[str, object] = {
        "vendor_id": message.vendor_id,
        "message_id": message.message_id,
        "data": message.data[:DATA_KEPT_CHARACTERS],
    }
    await context.store.writer.commit([changes.add_notice(station_id, received_at, "data_transfer", detail)])
    return await context.vendors.answer(context, station_id, message)


async def notice(context: StationContext, station_id: str, message: Notice, received_at: datetime) -> Acknowledged:
    """Keep the message under its action."""
    await context.store.writer.commit([changes.add_notice(station_id, received_at, message.action, message.payload)])
    return Acknowledged()


HANDLERS: Handlers = {DataTransfer: data_transfer, Notice: notice}
