"""Telling the driver at the display what the session costs (OCPP 2.0.1 I02)."""

from __future__ import annotations

from msgspec.structs import replace

from csms.model.command import CommandResult
from csms.model.cost import UpdateCost
from csms.model.errors import CsmsError
from csms.station.context import Performers, Send, StationContext


class CostUnknown(CsmsError):
    """No amount was given, and the house has no price for this session."""

    code = "cost_unknown"


async def update(context: StationContext, station_id: str, command: UpdateCost, send: Send) -> CommandResult:
    """Send the amount that was given, or what the session costs by the house price so far."""
    if command.total_cost is not None:
        return await send(command)
    session = context.stations[station_id].session(command.transaction_id)
    cost = context.pricing.cost(session, context.clock.now()) if session is not None else None
    if cost is None:
        raise CostUnknown("no price is set, or this session does not run: give total_cost")
    return await send(replace(command, total_cost=cost))


PERFORMERS: Performers = {UpdateCost: update}
