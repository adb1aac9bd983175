"""All commands by the name that the API, the command line and the documentation give them."""

from __future__ import annotations

from collections.abc import Mapping

from csms.model.certificates import DeleteCertificate, GetInstalledCertificates, InstallCertificate
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
from csms.model.firmware import PublishFirmware, UnpublishFirmware, UpdateFirmware
from csms.model.logs import RequestLog
from csms.model.security import SetPassword

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
    "update_firmware": UpdateFirmware,
    "publish_firmware": PublishFirmware,
    "unpublish_firmware": UnpublishFirmware,
    "request_log": RequestLog,
    "set_password": SetPassword,
    "install_certificate": InstallCertificate,
    "get_installed_certificates": GetInstalledCertificates,
    "delete_certificate": DeleteCertificate,
    "call": RawCall,
}
