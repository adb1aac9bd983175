"""Reservations in 1.6: ReserveNow and CancelReservation (sections 5.13 and 5.1)."""

from __future__ import annotations

from csms.model.errors import NotInThisVersion
from csms.model.reservation import CancelReservation, ReserveNow
from csms.wire.block import Block, Calls, present
from csms.wire.times import format_time


def _reserve(command: ReserveNow) -> Calls:
    """Connector 0 leaves the choice to the station."""
    if command.connector_type is not None:
        raise NotInThisVersion("OCPP 1.6 stations know no types of connectors: name the EVSE")
    payload = {
        "connectorId": command.evse_id,
        "expiryDate": format_time(command.expires_at),
        "idTag": command.id_token,
        "reservationId": command.reservation_id,
        **present({"parentIdTag": command.group_id}),
    }
    return [("ReserveNow", payload)]


def _cancel(command: CancelReservation) -> Calls:
    return [("CancelReservation", {"reservationId": command.reservation_id})]


BLOCK = Block(commands={ReserveNow: _reserve, CancelReservation: _cancel})
