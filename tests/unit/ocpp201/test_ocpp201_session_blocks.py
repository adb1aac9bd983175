"""Reservations, displays, costs and reports of charging in 2.0.1: what stations say, what they are asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from csms.model.charging_profile import CompositeSchedule, RateUnit
from csms.model.command import Command
from csms.model.cost import PersonalMessage, UpdateCost
from csms.model.display import (
    ClearDisplayMessage,
    DisplayMessagesReport,
    GetDisplayMessages,
    SetDisplayMessage,
    ShownMessage,
)
from csms.model.inbound import Inbound, TransactionEventReply
from csms.model.reservation import CancelReservation, ReservationUpdate, ReserveNow
from csms.model.smart_charging import (
    ChargingNeeds,
    ChargingNeedsReply,
    EvNeeds,
    EvSchedule,
    EvScheduleReply,
    ExternalLimitCleared,
    ExternalLimitSet,
    GetChargingProfiles,
    InstalledProfile,
    ProfilesReport,
)
from csms.ocpp201 import TRANSLATOR
from csms.wire.codec import Codec
from csms.wire.frames import Call

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
T = "2026-03-01T12:00:00.000Z"
CODEC = Codec(TRANSLATOR)
TAG = {"idToken": "TAG", "type": "Central"}
SCHEDULE = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 4200.0}]}
READ = CompositeSchedule(None, RateUnit.W, ((0, 4200.0),))
PROFILE = {
    "id": -3,
    "stackLevel": 2,
    "chargingProfilePurpose": "ChargingStationExternalConstraints",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": [SCHEDULE],
}


def said(action: str, payload: dict[str, Any]) -> Inbound:
    decoded = CODEC.decode_call(Call("1", action, payload), NOW)
    assert decoded.deviations == ()
    return decoded.message


@pytest.mark.parametrize(
    ("action", "payload", "message"),
    [
        (
            "ReservationStatusUpdate",
            {"reservationId": 4, "reservationUpdateStatus": "Removed"},
            ReservationUpdate(4, "Removed"),
        ),
        ("NotifyDisplayMessages", {"requestId": 1}, DisplayMessagesReport(1)),
        (
            "NotifyDisplayMessages",
            {
                "requestId": 1,
                "tbc": True,
                "messageInfo": [
                    {
                        "id": 7,
                        "priority": "InFront",
                        "state": "Idle",
                        "startDateTime": T,
                        "transactionId": "TX",
                        "display": {"name": "Door", "evse": {"id": 2}},
                        "message": {"format": "UTF8", "language": "en", "content": "Hello"},
                    }
                ],
            },
            DisplayMessagesReport(
                1, (ShownMessage(7, "Hello", "InFront", "Idle", NOW, None, "TX", "UTF8", "en", "Door", 2),), True
            ),
        ),
        (
            "ReportChargingProfiles",
            {"requestId": 1, "chargingLimitSource": "EMS", "evseId": 0, "chargingProfile": [PROFILE], "tbc": True},
            ProfilesReport(
                1, 0, "EMS", (InstalledProfile(-3, "ChargingStationExternalConstraints", 2, PROFILE),), True
            ),
        ),
        (
            "NotifyChargingLimit",
            {"chargingLimit": {"chargingLimitSource": "SO", "isGridCritical": True}, "chargingSchedule": [SCHEDULE]},
            ExternalLimitSet(0, "SO", True, (READ,), (SCHEDULE,)),
        ),
        (
            "NotifyChargingLimit",
            {"chargingLimit": {"chargingLimitSource": "EMS"}, "evseId": 2},
            ExternalLimitSet(2, "EMS"),
        ),
        ("ClearedChargingLimit", {"chargingLimitSource": "EMS"}, ExternalLimitCleared(0, "EMS")),
        ("ClearedChargingLimit", {"chargingLimitSource": "EMS", "evseId": 2}, ExternalLimitCleared(2, "EMS")),
        (
            "NotifyEVChargingNeeds",
            {"evseId": 1, "chargingNeeds": {"requestedEnergyTransfer": "DC"}},
            ChargingNeeds(1, EvNeeds(transfer="DC")),
        ),
        (
            "NotifyEVChargingSchedule",
            {"evseId": 1, "timeBase": T, "chargingSchedule": SCHEDULE},
            EvSchedule(
                1,
                CompositeSchedule(NOW, RateUnit.W, ((0, 4200.0),)),
                {"evseId": 1, "timeBase": T, "chargingSchedule": SCHEDULE},
            ),
        ),
    ],
)
def test_what_stations_say(action: str, payload: dict[str, Any], message: Inbound) -> None:
    assert said(action, payload) == message


@pytest.mark.req("K15.FR.02", "K17.FR.02")
@pytest.mark.parametrize(
    ("transfer", "parameters", "needs"),
    [
        (
            "AC_three_phase",
            {
                "acChargingParameters": {
                    "energyAmount": 9000,
                    "evMinCurrent": 6,
                    "evMaxCurrent": 16,
                    "evMaxVoltage": 230,
                }
            },
            EvNeeds(9000, None, 16 * 230 * 3, 16, None),
        ),
        (
            "AC_single_phase",
            {"acChargingParameters": {"energyAmount": 1, "evMinCurrent": 6, "evMaxCurrent": 32, "evMaxVoltage": 230}},
            EvNeeds(1, None, 32 * 230, 32, None),
        ),
        (
            "DC",
            {"dcChargingParameters": {"evMaxCurrent": 300, "evMaxVoltage": 800, "evMaxPower": 150_000}},
            EvNeeds(None, None, 150_000, 300, None),
        ),
        (
            "DC",
            {
                "dcChargingParameters": {
                    "evMaxCurrent": 300,
                    "evMaxVoltage": 400,
                    "stateOfCharge": 20,
                    "evEnergyCapacity": 60_000,
                }
            },
            EvNeeds(48_000, None, 120_000, 300, 20),
        ),
        (
            "DC",
            {
                "dcChargingParameters": {
                    "evMaxCurrent": -1,
                    "evMaxVoltage": 400,
                    "stateOfCharge": 95,
                    "fullSoC": 90,
                    "evEnergyCapacity": 60_000,
                }
            },
            EvNeeds(0, None, None, None, 95),
        ),
    ],
)
def test_what_cars_want(transfer: str, parameters: dict[str, Any], needs: EvNeeds) -> None:
    leaves = NOW + timedelta(hours=3)
    wanted = {"requestedEnergyTransfer": transfer, "departureTime": leaves.isoformat(), **parameters}
    payload = {"evseId": 1, "maxScheduleTuples": 5, "chargingNeeds": wanted}
    message = said("NotifyEVChargingNeeds", payload)
    assert isinstance(message, ChargingNeeds)
    found = message.needs
    assert (found.energy_wh, found.power_max_w, found.current_max_a, found.soc) == (
        needs.energy_wh,
        needs.power_max_w,
        needs.current_max_a,
        needs.soc,
    )
    assert (found.departure, found.periods_max, found.transfer) == (leaves, 5, transfer)
    assert found.capacity_wh == parameters.get("dcChargingParameters", {}).get("evEnergyCapacity")
    assert EvNeeds.read(found.written()) == found


def test_nothing_wanted_is_nothing_stored() -> None:
    assert EvNeeds().written() is None
    assert EvNeeds.read(None) == EvNeeds()


@pytest.mark.parametrize(
    ("command", "action", "payload"),
    [
        (
            ReserveNow("TAG", NOW, reservation_id=5),
            "ReserveNow",
            {"id": 5, "expiryDateTime": T, "idToken": TAG},
        ),
        (
            ReserveNow("TAG", NOW, 2, "cCCS2", "FLEET", reservation_id=5),
            "ReserveNow",
            {
                "id": 5,
                "expiryDateTime": T,
                "idToken": TAG,
                "evseId": 2,
                "connectorType": "cCCS2",
                "groupIdToken": {"idToken": "FLEET", "type": "Central"},
            },
        ),
        (CancelReservation(5), "CancelReservation", {"reservationId": 5}),
        (
            SetDisplayMessage("Hello", 7, evse_id=2, language="en"),
            "SetDisplayMessage",
            {
                "message": {
                    "id": 7,
                    "priority": "NormalCycle",
                    "display": {"name": "Main", "evse": {"id": 2}},
                    "message": {"format": "UTF8", "content": "Hello", "language": "en"},
                }
            },
        ),
        (
            GetDisplayMessages((7, 8), "InFront", "Idle", 9),
            "GetDisplayMessages",
            {"requestId": 9, "id": [7, 8], "priority": "InFront", "state": "Idle"},
        ),
        (ClearDisplayMessage(7), "ClearDisplayMessage", {"id": 7}),
        (UpdateCost("TX", 2.5), "CostUpdated", {"totalCost": 2.5, "transactionId": "TX"}),
        (
            GetChargingProfiles(request_id=9),
            "GetChargingProfiles",
            {"requestId": 9, "chargingProfile": {"chargingLimitSource": ["EMS", "Other", "SO", "CSO"]}},
        ),
        (
            GetChargingProfiles(0, (5,), request_id=9),
            "GetChargingProfiles",
            {"requestId": 9, "evseId": 0, "chargingProfile": {"chargingProfileId": [5]}},
        ),
    ],
)
def test_what_stations_are_asked(command: Command, action: str, payload: dict[str, Any]) -> None:
    assert CODEC.encode_command(command) == [(action, payload)]


@pytest.mark.req("I02.FR.01", "I06.FR.02")
def test_answers() -> None:
    message = PersonalMessage("Night tariff", language="en")
    told = CODEC.encode_reply("TransactionEvent", TransactionEventReply(total_cost=0.0, message=message))
    assert told == {
        "totalCost": 0.0,
        "updatedPersonalMessage": {"format": "UTF8", "content": "Night tariff", "language": "en"},
    }
    assert CODEC.encode_reply("NotifyEVChargingNeeds", ChargingNeedsReply("Processing")) == {"status": "Processing"}
    assert CODEC.encode_reply("NotifyEVChargingSchedule", EvScheduleReply("Rejected")) == {"status": "Rejected"}
