"""Connector states that stations tell as events of their device model (G01), beside StatusNotification."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from csms.model.inbound import StatusReport
from csms.model.station import ConnectorStatus
from csms.wire.block import Block
from csms.wire.reading import items, optional_name, optional_number, section, text
from csms.wire.times import parse_time
from csms.wire.translator import Payload


def _states(payload: Payload, received_at: datetime, zone: tzinfo) -> Sequence[StatusReport]:
    """The last state of each connector, as one message may tell several of one (N07)."""
    told = {(state.evse_id, state.connector_id): state for state in _all(payload, zone)}
    return tuple(told.values())


def _all(payload: Payload, zone: tzinfo) -> Iterator[StatusReport]:
    for event in items(payload, "eventData"):
        component = section(event, "component")
        evse_id, connector_id = _place(section(component, "evse"))
        status = optional_name(ConnectorStatus, event.get("actualValue"))
        about = (text(component, "name"), text(section(event, "variable"), "name"))
        if about == ("Connector", "AvailabilityState") and status and evse_id is not None and connector_id is not None:
            yield StatusReport(evse_id, connector_id, status, time=parse_time(event.get("timestamp"), zone))


def _place(evse: Mapping[str, Any]) -> tuple[int | None, int | None]:
    return optional_number(evse, "id"), optional_number(evse, "connectorId")


BLOCK = Block(extras={"NotifyEvent": _states})
