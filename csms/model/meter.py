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
TEMPERATURE = "Temperature"


class Sample(Struct, frozen=True, gc=False):
    """One metered value. Absent phase, context and location are empty strings so that equal samples compare equal.

    `time` is the station's own time as UTC; `trusted_time` is False when it could not be parsed or is far off, then
    `time` holds the time of arrival, at the latest once the station room has taken it in. `unit` is a base unit.
    """

    time: datetime
    measurand: str
    value: float
    unit: str
    phase: str = ""
    context: str = ""
    location: str = ""
    trusted_time: bool = True


class SignedValue(Struct, frozen=True):
    """A metered value as the meter signed it, kept for whoever must prove an amount; `data` is never looked into.

    `signing` and `encoding` name the methods (2.0.1); in 1.6 they are empty and `data` is often an OCMF text.
    """

    time: datetime
    data: str
    measurand: str = ""
    context: str = ""
    signing: str = ""
    encoding: str = ""
    public_key: str = ""
