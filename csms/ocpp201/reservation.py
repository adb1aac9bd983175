"""Reservations in 2.0.1 (block H)."""

from __future__ import annotations

from datetime import datetime, tzinfo

from csms.model.reservation import CancelReservation, ReservationUpdate, ReserveNow
from csms.wire.block import Block, Calls, present
from csms.wire.reading import number, text
from csms.wire.times import format_time
from csms.wire.translator import Payload


def _updated(payload: Payload, received_at: datetime, zone: tzinfo) -> ReservationUpdate:
    return ReservationUpdate(number(payload, "reservationId"), text(payload, "reservationUpdateStatus"))


def _reserve(command: ReserveNow) -> Calls:
    """Without an EVSE the station chooses one, of the connector type if that is given (H01.FR.04, H01.FR.06)."""
    group = None if command.group_id is None else {"idToken": command.group_id, "type": command.token_type}
    payload = {
        "id": command.reservation_id,
        "expiryDateTime": format_time(command.expires_at),
        "idToken": {"idToken": command.id_token, "type": command.token_type},
        **present(
            {
                "evseId": command.evse_id or None,
                "connectorType": command.connector_type,
                "groupIdToken": group,
            }
        ),
    }
    return [("ReserveNow", payload)]


def _cancel(command: CancelReservation) -> Calls:
    return [("CancelReservation", {"reservationId": command.reservation_id})]


BLOCK = Block(
    calls={"ReservationStatusUpdate": _updated},
    commands={ReserveNow: _reserve, CancelReservation: _cancel},
)
