"""The actions that 2.1 adds to 2.0.1, by who sends them (OCPP 2.1 part 2, chapter Messages)."""

from __future__ import annotations

from collections.abc import Mapping

from csms.ocpp201.actions import OUTGOING as OUTGOING_201
from csms.wire.translator import Payload

NOTICES: Mapping[str, Payload] = {"NotifySettlement": {}}
"""Messages that are kept and have no other effect."""

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
