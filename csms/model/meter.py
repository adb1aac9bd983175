"""Metered values in base units, whatever the station sent: Wh, W, A, V, percent, Celsius, Hz."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

ENERGY_REGISTER = "Energy.Active.Import.Register"
POWER_IMPORT = "Power.Active.Import"
CURRENT_IMPORT = "Current.Import"
CURRENT_OFFERED = "Current.Offered"
POWER_OFFERED = "Power.Offered"
VOLTAGE = "Voltage"
SOC = "SoC"


class Sample(Struct, frozen=True, gc=False):
    """One metered value. Absent phase, context and location are empty strings so that equal samples compare equal.

    `time` is the station's own time as UTC; `trusted_time` is False when it could not be parsed or is far off, then
    `time` holds the time of arrival. `unit` is a base unit.
    """

    time: datetime
    measurand: str
    value: float
    unit: str
    phase: str = ""
    context: str = ""
    location: str = ""
    trusted_time: bool = True
