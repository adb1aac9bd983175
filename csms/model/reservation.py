"""Reservations (OCPP 1.6 ReserveNow, 2.0.1 block H): what is asked of a station and what it says of them later."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from csms.model.charging_profile import Moment
from csms.model.command import Command, EvseNumber, Token, Whole
from csms.model.inbound import Inbound


class ReservationState(StrEnum):
    """Where a reservation stands: asked and unanswered are our words, the others those of OCPP or of its end."""

    ASKED = "asked"
    UNANSWERED = "unanswered"
    ACCEPTED = "Accepted"
    REFUSED = "Refused"
    USED = "Used"
    EXPIRED = "Expired"
    CANCELLED = "Cancelled"
    REMOVED = "Removed"


HOLDING = (ReservationState.ASKED, ReservationState.UNANSWERED, ReservationState.ACCEPTED)
"""States in which a station may hold an outlet free."""


class ReserveNow(Command, frozen=True):
    """Hold an outlet free for a token until `expires_at`; EVSE 0 leaves the choice to the station.

    `connector_type` is a ConnectorEnumType of 2.0.1 (cCCS2, sType2, ...). `reservation_id` 0 makes a new reservation;
    that of one which is held replaces it (H01.FR.02).
    """

    id_token: Token
    expires_at: Moment
    evse_id: EvseNumber = 0
    connector_type: Annotated[str, Meta(min_length=1, max_length=20)] | None = None
    group_id: Token | None = None
    token_type: str = "Central"
    reservation_id: Whole = 0


class CancelReservation(Command, frozen=True):
    """Give a reservation up (H02)."""

    reservation_id: Annotated[int, Meta(ge=1, lt=2**31)]


class ReservationUpdate(Inbound, frozen=True):
    """ReservationStatusUpdate: the station gave a reservation up by itself; `status` is Expired or Removed."""

    reservation_id: int
    status: str
