"""The actions that 2.1 adds to 2.0.1, by who sends them (OCPP 2.1 part 2, chapter Messages)."""

from __future__ import annotations

from collections.abc import Mapping

from csms.ocpp201.actions import OUTGOING as OUTGOING_201
from csms.wire.translator import Payload

NOTICES: Mapping[str, Payload] = {
    "NotifyEVChargingNeeds": {"status": "NoChargingProfile"},
    "NotifySettlement": {},
}
"""Messages that are kept and have no other effect. Of a car's needs only Rejected would say that the energy transfer
is not possible, and end the session (Q01.FR.04): no profile comes because of them, that is all (K18.FR.04)."""

OUTGOING = OUTGOING_201 | {
    "AFRRSignal",
    "AdjustPeriodicEventStream",
    "ChangeTransactionTariff",
    "ClearDERControl",
    "ClearTariffs",
    "GetDERControl",
    "GetPeriodicEventStream",
    "GetTariffs",
    "NotifyAllowedEnergyTransfer",
    "NotifyWebPaymentStarted",
    "RequestBatterySwap",
    "SetDERControl",
    "SetDefaultTariff",
    "UpdateDynamicSchedule",
    "UsePriorityCharging",
}
"""What only a central system sends (DataTransfer goes both ways)."""
