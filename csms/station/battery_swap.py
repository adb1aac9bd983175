"""Battery swapping (2.1 block S): who put which batteries in and took which out, asked for by us or by a card."""

from __future__ import annotations

from datetime import datetime

import msgspec

from csms.model.battery_swap import BatterySwapped, RequestBatterySwap
from csms.model.command import CommandResult
from csms.model.errors import TokenRefused
from csms.model.inbound import Acknowledged
from csms.model.session import AuthorizationStatus
from csms.station import operations
from csms.station.authorization import judge
from csms.station.context import Handlers, Performers, Send, StationContext
from csms.store import changes
from csms.store.energy_tables import BatterySwap

KIND = "request_battery_swap"
OUT = ("BatteryOut", "BatteryOutTimeout")


async def swapped(
    context: StationContext, station_id: str, message: BatterySwapped, received_at: datetime
) -> Acknowledged:
    """Keep it, and carry the swap that we asked for on, if it is one (S02.FR.02, S03.FR.01 to S03.FR.06)."""
    row = BatterySwap(
        station_id=station_id,
        received_at=received_at,
        request_id=message.request_id,
        event=message.event,
        id_token=message.id_token,
        batteries=list(message.batteries),
    )
    written = [changes.add_row(row)]
    known = message.request_id is not None
    operation = await operations.find(context, station_id, KIND, message.request_id) if known else None
    if operation is not None:
        written.append(operations.step(operation, received_at, message.event, ended=message.event in OUT))
    await context.store.writer.commit(written)
    return Acknowledged()


async def request(context: StationContext, station_id: str, command: RequestBatterySwap, send: Send) -> CommandResult:
    """Ask under a request id of ours, which the swap carries. Raises TokenRefused (S02.FR.03)."""
    judged = await judge(context, command.id_token)
    if judged.status is not AuthorizationStatus.ACCEPTED:
        raise TokenRefused(f"the token may not swap batteries: {judged.status}")
    operation = await operations.begin(context, station_id, KIND, {"id_token": command.id_token})
    numbered = msgspec.structs.replace(command, request_id=operation.id)
    return await operations.carry_out(context, operation, numbered, send)


HANDLERS: Handlers = {BatterySwapped: swapped}

PERFORMERS: Performers = {RequestBatterySwap: request}
