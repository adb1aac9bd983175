"""The configuration of a station in both dialects: 1.6 keys and 2.0.1 variables over the same few settings."""

from __future__ import annotations

from dataclasses import dataclass

HEARTBEAT_S = 300.0
METER_INTERVAL_S = 60.0
INTERVAL_MAX_S = 86_400
MEASURANDS = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage"

KEYS_16: dict[str, tuple[str, str]] = {
    "HeartbeatInterval": ("heartbeat", ""),
    "MeterValueSampleInterval": ("meter", ""),
    "MeterValuesSampledData": ("fixed", MEASURANDS),
    "ChargeProfileMaxStackLevel": ("stack", ""),
    "ChargingScheduleAllowedChargingRateUnit": ("fixed", "Current,Power"),
    "ChargingScheduleMaxPeriods": ("periods", ""),
    "MaxChargingProfilesInstalled": ("profiles", ""),
    "NumberOfConnectors": ("fixed", "1"),
    "ConnectionTimeOut": ("fixed", "120"),
    "AuthorizeRemoteTxRequests": ("fixed", "false"),
    "LocalAuthorizeOffline": ("fixed", "true"),
    "StopTransactionOnInvalidId": ("fixed", "true"),
    "ConnectorSwitch3to1PhaseSupported": ("fixed", "false"),
    "SupportedFeatureProfiles": ("fixed", "Core,SmartCharging,RemoteTrigger"),
}
VARIABLES_201: dict[tuple[str, str], tuple[str, str]] = {
    ("OCPPCommCtrlr", "HeartbeatInterval"): ("heartbeat", ""),
    ("SampledDataCtrlr", "TxUpdatedInterval"): ("meter", ""),
    ("SampledDataCtrlr", "TxUpdatedMeasurands"): ("fixed", MEASURANDS),
    ("SampledDataCtrlr", "TxStartedMeasurands"): ("fixed", MEASURANDS),
    ("SampledDataCtrlr", "TxEndedMeasurands"): ("fixed", MEASURANDS),
    ("SmartChargingCtrlr", "Enabled"): ("fixed", "true"),
    ("SmartChargingCtrlr", "Available"): ("fixed", "true"),
    ("SmartChargingCtrlr", "ProfileStackLevel"): ("stack", ""),
    ("SmartChargingCtrlr", "RateUnit"): ("fixed", "A,W"),
    ("SmartChargingCtrlr", "PeriodsPerSchedule"): ("periods", ""),
    ("SmartChargingCtrlr", "Entries"): ("profiles", ""),
    ("SmartChargingCtrlr", "Phases3to1"): ("fixed", "false"),
    ("TxCtrlr", "EVConnectionTimeOut"): ("fixed", "120"),
    ("TxCtrlr", "TxStartPoint"): ("fixed", "PowerPathClosed"),
    ("TxCtrlr", "TxStopPoint"): ("fixed", "PowerPathClosed"),
}
PASSWORD_KEY = "AuthorizationKey"
"""Hexadecimal digits; the station shows the bytes."""
PASSWORD_VARIABLE = ("SecurityCtrlr", "BasicAuthPassword")
WRITABLE = ("heartbeat", "meter")


@dataclass(slots=True)
class Variables:
    """The settings themselves; a meter interval of 0 switches periodic samples off."""

    heartbeat_s: float = HEARTBEAT_S
    meter_interval_s: float = METER_INTERVAL_S
    periods_max: int = 4
    stack_level_max: int = 8
    profiles_max: int = 16

    def value(self, setting: tuple[str, str]) -> str:
        """What a table entry above stands for."""
        name, fixed = setting
        numbers = {
            "heartbeat": self.heartbeat_s,
            "meter": self.meter_interval_s,
            "periods": self.periods_max,
            "stack": self.stack_level_max,
            "profiles": self.profiles_max,
        }
        return fixed if name == "fixed" else f"{numbers[name]:.0f}"

    def change(self, setting: tuple[str, str], text: str) -> bool:
        """Set a writable one; False if the value is no whole number of seconds in range or it cannot be written."""
        if setting[0] not in WRITABLE or not text.isdecimal() or int(text) > INTERVAL_MAX_S:
            return False
        if setting[0] == "meter":
            self.meter_interval_s = float(text)
        elif int(text) > 0:
            self.heartbeat_s = float(text)
        return True
