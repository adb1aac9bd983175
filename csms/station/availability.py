"""Connector states (OCPP 1.6 section 4.9, 2.0.1 block G)."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from csms.model.event import ConnectorChanged
from csms.model.ids import ConnectorRef
from csms.model.inbound import Acknowledged, StatusReport
from csms.model.station import ConnectorStatus
from csms.station.context import EVSE_ID_MAX, Handlers, StationContext
from csms.station.state import Needs
from csms.station.work import Work
from csms.store import changes

_ACKNOWLEDGED = Acknowledged()
_CHARGING_STATES = {
    ConnectorStatus.CHARGING: "Charging",
    ConnectorStatus.SUSPENDED_EV: "SuspendedEV",
    ConnectorStatus.SUSPENDED_EVSE: "SuspendedEVSE",
}
"""1.6 tells by the connector what 2.0.1 tells by the transaction."""


async def status(
    context: StationContext, station_id: str, message: StatusReport, received_at: datetime
) -> Acknowledged:
    """Keep the state; numbers that no station can have are kept as a notice instead (G01.FR.01)."""
    work = plan(context, station_id, message, received_at)
    await context.store.writer.commit(work.changes)
    if work.after is not None:
        work.after()
    return _ACKNOWLEDGED


def plan(context: StationContext, station_id: str, message: StatusReport, received_at: datetime) -> Work:
    """What a report of a state asks for."""
    if not 0 <= message.evse_id <= EVSE_ID_MAX or not 0 <= message.connector_id <= EVSE_ID_MAX:
        detail = {"evse_id": message.evse_id, "connector_id": message.connector_id, "status": message.status}
        return Work([changes.add_notice(station_id, received_at, "impossible_connector", detail)], _ACKNOWLEDGED)
    reported = changes.put_connector(
        station_id,
        message.evse_id,
        message.connector_id,
        status=message.status,
        error_code=message.error_code,
        info=(message.info or message.vendor_error_code)[:500],
        station_time=message.time,
        received_at=received_at,
    )
    return Work([reported], _ACKNOWLEDGED, partial(_apply, context, station_id, message, received_at))


def _apply(context: StationContext, station_id: str, message: StatusReport, received_at: datetime) -> None:
    evse = context.evse(station_id, message.evse_id)
    if evse is None:
        return
    before = evse.connectors.get(message.connector_id)
    evse.connectors[message.connector_id] = message.status
    if evse.session is not None and message.status in _CHARGING_STATES:
        evse.session.charging_state = _CHARGING_STATES[message.status]
    if message.status is ConnectorStatus.AVAILABLE and evse.session is None:
        evse.needs = Needs()
    if before is not message.status:
        ref = ConnectorRef(evse.ref.station_id, evse.ref.evse_id, message.connector_id)
        context.bus.publish(ConnectorChanged(ref, message.status, received_at))


HANDLERS: Handlers = {StatusReport: status}
