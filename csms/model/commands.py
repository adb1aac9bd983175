"""All commands by the name that the API, the command line and the documentation give them."""

from __future__ import annotations

from collections.abc import Mapping

from csms.model.command import (
    ChangeAvailability,
    ClearChargingProfile,
    Command,
    GetCompositeSchedule,
    GetVariables,
    RawCall,
    RemoteStart,
    RemoteStop,
    Reset,
    SendData,
    SetChargingProfile,
    SetVariables,
    Trigger,
    UnlockConnector,
)

COMMANDS: Mapping[str, type[Command]] = {
    "remote_start": RemoteStart,
    "remote_stop": RemoteStop,
    "reset": Reset,
    "trigger": Trigger,
    "set_variables": SetVariables,
    "get_variables": GetVariables,
    "set_charging_profile": SetChargingProfile,
    "clear_charging_profile": ClearChargingProfile,
    "get_composite_schedule": GetCompositeSchedule,
    "change_availability": ChangeAvailability,
    "unlock_connector": UnlockConnector,
    "data_transfer": SendData,
    "call": RawCall,
}
