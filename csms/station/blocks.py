"""The functional blocks, put together: who handles which message, who does something around which command."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from csms.model.inbound import Heartbeat, MeterReport, StatusReport, TransactionEvent
from csms.station import (
    authorization,
    availability,
    battery_swap,
    certificates,
    configuration,
    cost,
    customer,
    data_transfer,
    der,
    display,
    driver_checks,
    event_streams,
    firmware,
    local_list,
    logs,
    metering,
    monitoring,
    proving,
    provisioning,
    raw_calls,
    remote_control,
    reservation,
    security,
    smart_charging,
    tariffs,
    transaction_events,
    transactions,
    v2x,
)
from csms.station.context import Handlers, Performers, StationContext
from csms.station.work import Work

HANDLERS: Handlers = {
    **provisioning.HANDLERS,
    **availability.HANDLERS,
    **authorization.HANDLERS,
    **transactions.HANDLERS,
    **transaction_events.HANDLERS,
    **metering.HANDLERS,
    **data_transfer.HANDLERS,
    **configuration.HANDLERS,
    **monitoring.HANDLERS,
    **customer.HANDLERS,
    **reservation.HANDLERS,
    **display.HANDLERS,
    **smart_charging.HANDLERS,
    **firmware.HANDLERS,
    **logs.HANDLERS,
    **security.HANDLERS,
    **certificates.HANDLERS,
    **v2x.HANDLERS,
    **der.HANDLERS,
    **event_streams.HANDLERS,
    **battery_swap.HANDLERS,
    **driver_checks.HANDLERS,
}

PERFORMERS: Performers = {
    **configuration.PERFORMERS,
    **monitoring.PERFORMERS,
    **customer.PERFORMERS,
    **local_list.PERFORMERS,
    **availability.PERFORMERS,
    **remote_control.PERFORMERS,
    **reservation.PERFORMERS,
    **display.PERFORMERS,
    **cost.PERFORMERS,
    **smart_charging.PERFORMERS,
    **firmware.PERFORMERS,
    **logs.PERFORMERS,
    **security.PERFORMERS,
    **proving.PERFORMERS,
    **certificates.PERFORMERS,
    **raw_calls.PERFORMERS,
    **v2x.PERFORMERS,
    **der.PERFORMERS,
    **tariffs.PERFORMERS,
    **event_streams.PERFORMERS,
    **battery_swap.PERFORMERS,
}
"""Commands that a block does something around; all others are just sent."""

Planner = Callable[[StationContext, str, Any, datetime], Work | None]

PLANNERS: dict[type, Planner] = {
    Heartbeat: provisioning.plan_heartbeat,
    StatusReport: availability.plan,
    TransactionEvent: transaction_events.plan_event,
    MeterReport: metering.plan,
}
"""Frequent messages, and what they ask for without waiting for anything."""
