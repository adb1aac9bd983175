"""All commands by the name that the API, the command line and the documentation give them."""

from __future__ import annotations

from collections.abc import Mapping

from csms.model.authorization import ClearCache
from csms.model.battery_swap import RequestBatterySwap
from csms.model.certificates import DeleteCertificate, GetInstalledCertificates, InstallCertificate
from csms.model.command import (
    ChangeAvailability,
    ClearChargingProfile,
    Command,
    GetCompositeSchedule,
    GetTransactionStatus,
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
from csms.model.cost import UpdateCost
from csms.model.customer import CustomerInformation
from csms.model.der import ClearDerControl, GetDerControl, SetDerControl
from csms.model.device import GetBaseReport, GetReport, SetNetworkProfile
from csms.model.display import ClearDisplayMessage, GetDisplayMessages, SetDisplayMessage
from csms.model.event_stream import AdjustEventStream, GetEventStreams
from csms.model.firmware import PublishFirmware, UnpublishFirmware, UpdateFirmware
from csms.model.local_list import GetLocalListVersion, SendLocalList
from csms.model.logs import RequestLog
from csms.model.monitoring import (
    ClearVariableMonitoring,
    GetMonitoringReport,
    SetMonitoringBase,
    SetMonitoringLevel,
    SetVariableMonitoring,
)
from csms.model.payment import WebPaymentStarted
from csms.model.reservation import CancelReservation, ReserveNow
from csms.model.security import SetPassword
from csms.model.smart_charging import GetChargingProfiles
from csms.model.tariff import ChangeTransactionTariff, ClearTariffs, GetTariffs, SetDefaultTariff
from csms.model.v2x import (
    AllowEnergyTransfer,
    SendAfrrSignal,
    SetV2xProfile,
    UpdateDynamicSchedule,
    UsePriorityCharging,
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
    "get_transaction_status": GetTransactionStatus,
    "reserve_now": ReserveNow,
    "cancel_reservation": CancelReservation,
    "set_display_message": SetDisplayMessage,
    "get_display_messages": GetDisplayMessages,
    "clear_display_message": ClearDisplayMessage,
    "update_cost": UpdateCost,
    "get_charging_profiles": GetChargingProfiles,
    "update_firmware": UpdateFirmware,
    "publish_firmware": PublishFirmware,
    "unpublish_firmware": UnpublishFirmware,
    "request_log": RequestLog,
    "set_password": SetPassword,
    "install_certificate": InstallCertificate,
    "get_installed_certificates": GetInstalledCertificates,
    "delete_certificate": DeleteCertificate,
    "get_base_report": GetBaseReport,
    "get_report": GetReport,
    "set_network_profile": SetNetworkProfile,
    "set_monitoring_base": SetMonitoringBase,
    "set_monitoring_level": SetMonitoringLevel,
    "set_variable_monitoring": SetVariableMonitoring,
    "clear_variable_monitoring": ClearVariableMonitoring,
    "get_monitoring_report": GetMonitoringReport,
    "customer_information": CustomerInformation,
    "clear_cache": ClearCache,
    "get_local_list_version": GetLocalListVersion,
    "send_local_list": SendLocalList,
    "call": RawCall,
    "set_v2x_profile": SetV2xProfile,
    "update_dynamic_schedule": UpdateDynamicSchedule,
    "use_priority_charging": UsePriorityCharging,
    "allow_energy_transfer": AllowEnergyTransfer,
    "afrr_signal": SendAfrrSignal,
    "set_der_control": SetDerControl,
    "get_der_control": GetDerControl,
    "clear_der_control": ClearDerControl,
    "set_default_tariff": SetDefaultTariff,
    "get_tariffs": GetTariffs,
    "clear_tariffs": ClearTariffs,
    "change_transaction_tariff": ChangeTransactionTariff,
    "adjust_event_stream": AdjustEventStream,
    "get_event_streams": GetEventStreams,
    "request_battery_swap": RequestBatterySwap,
    "web_payment_started": WebPaymentStarted,
}
