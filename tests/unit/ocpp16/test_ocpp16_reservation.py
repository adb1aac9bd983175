"""Reservations in 1.6."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from csms.model.command import Command, GetTransactionStatus
from csms.model.cost import UpdateCost
from csms.model.display import SetDisplayMessage
from csms.model.errors import NotInThisVersion
from csms.model.reservation import CancelReservation, ReserveNow
from csms.model.smart_charging import GetChargingProfiles
from csms.ocpp16 import TRANSLATOR
from csms.wire.codec import Codec, CommandInvalid

CODEC = Codec(TRANSLATOR)
UNTIL = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("command", "action", "payload"),
    [
        (
            ReserveNow("TAG", UNTIL, reservation_id=5),
            "ReserveNow",
            {"connectorId": 0, "expiryDate": "2026-03-01T12:00:00.000Z", "idTag": "TAG", "reservationId": 5},
        ),
        (
            ReserveNow("TAG", UNTIL, 2, group_id="FLEET", reservation_id=5),
            "ReserveNow",
            {
                "connectorId": 2,
                "expiryDate": "2026-03-01T12:00:00.000Z",
                "idTag": "TAG",
                "parentIdTag": "FLEET",
                "reservationId": 5,
            },
        ),
        (CancelReservation(5), "CancelReservation", {"reservationId": 5}),
    ],
)
def test_what_stations_are_asked(command: Command, action: str, payload: dict[str, Any]) -> None:
    assert CODEC.encode_command(command) == [(action, payload)]


@pytest.mark.parametrize(
    "command",
    [
        ReserveNow("TAG", UNTIL, connector_type="cCCS2", reservation_id=5),
        GetTransactionStatus("1"),
        UpdateCost("1", 2.0),
        SetDisplayMessage("Hello", 1),
        GetChargingProfiles(request_id=1),
    ],
)
def test_what_1_6_does_not_have(command: Command) -> None:
    with pytest.raises(NotInThisVersion):
        CODEC.encode_command(command)


def test_a_tag_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(CommandInvalid):
        CODEC.encode_command(ReserveNow("T" * 21, UNTIL, reservation_id=5))
