"""What stations keep of customers: told to us, and forgotten (OCPP 2.0.1 use cases N09 and N10)."""

from __future__ import annotations

from datetime import datetime

from msgspec import structs, to_builtins

from csms.model.command import CommandResult
from csms.model.customer import CustomerInformation, CustomerReport
from csms.model.inbound import Acknowledged
from csms.station import local_list, operations, reports
from csms.station.context import Handlers, Performers, Send, StationContext

KIND = "customer_information"

TEXT_KEPT_CHARACTERS = 200_000
"""What is kept of all parts together; one part has at most 512 characters."""


async def ask(context: StationContext, station_id: str, command: CustomerInformation, send: Send) -> CommandResult:
    """Ask; what the station tells comes later. A customer that it forgets leaves its local list (N10.FR.02)."""
    asked = to_builtins(structs.replace(command, request_id=0))
    operation = await operations.begin(context, station_id, KIND, {"asked": asked})
    result = await operations.carry_out(context, operation, structs.replace(command, request_id=operation.id), send)
    if result.accepted and command.clear and command.id_token is not None:
        await local_list.leave_out(context, station_id, command.id_token)
    return result


async def report(
    context: StationContext, station_id: str, message: CustomerReport, received_at: datetime
) -> Acknowledged:
    """Collect the text with its operation; when it is complete the local list follows."""
    async with reports.about(context, station_id, (KIND,), message.request_id) as operation:
        if operation is None:
            return Acknowledged()
        text = (operation.detail.get("text", "") + message.text)[:TEXT_KEPT_CHARACTERS]
        entered = reports.part(operation, received_at, message.seq_no, message.more, text=text)
        await context.store.writer.commit([entered])
    asked = operation.detail.get("asked", {})
    if not message.more and asked.get("clear") and asked.get("id_token"):
        context.spawn(local_list.follow(context, station_id))
    return Acknowledged()


HANDLERS: Handlers = {CustomerReport: report}

PERFORMERS: Performers = {CustomerInformation: ask}
