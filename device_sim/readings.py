"""Meter readings in the words of OCPP: 1.6 sampledValue (strings, units) and 2.0.1 (numbers, unitOfMeasure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from device_sim.pile import Reading

ENERGY, POWER, CURRENT, VOLTAGE, SOC = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Current.Import",
    "Voltage",
    "SoC",
)
UNITS = {ENERGY: "Wh", POWER: "W", CURRENT: "A", VOLTAGE: "V", SOC: "Percent"}


@dataclass(frozen=True, slots=True)
class Value:
    """One measurand; `phase` is empty for the total."""

    measurand: str
    number: float
    phase: str = ""


def values(reading: Reading) -> Iterator[Value]:
    """All that the meter shows: totals, then current and voltage per phase (DC: of the output), SOC of a DC car."""
    yield Value(ENERGY, float(int(reading.register_wh)))
    yield Value(POWER, round(reading.power_w, 1))
    single = len(reading.currents_a) == 1 and reading.soc_percent is not None
    for number, (current_a, voltage_v) in enumerate(zip(reading.currents_a, reading.voltages_v, strict=True), 1):
        yield Value(CURRENT, round(current_a, 3), "" if single else f"L{number}")
        yield Value(VOLTAGE, round(voltage_v, 1), "" if single else f"L{number}-N")
    if reading.soc_percent is not None:
        yield Value(SOC, round(reading.soc_percent, 1))


def sampled_16(reading: Reading, context: str) -> list[dict[str, Any]]:
    """`sampledValue` of 1.6."""
    return [
        {
            "value": f"{value.number:g}" if value.measurand != ENERGY else f"{value.number:.0f}",
            "context": context,
            "measurand": value.measurand,
            "unit": UNITS[value.measurand],
            "location": "EV" if value.measurand == SOC else "Outlet",
            **({"phase": value.phase} if value.phase else {}),
        }
        for value in values(reading)
    ]


def sampled_201(reading: Reading, context: str) -> list[dict[str, Any]]:
    """`sampledValue` of 2.0.1."""
    return [
        {
            "value": value.number,
            "context": context,
            "measurand": value.measurand,
            "unitOfMeasure": {"unit": UNITS[value.measurand]},
            "location": "EV" if value.measurand == SOC else "Outlet",
            **({"phase": value.phase} if value.phase else {}),
        }
        for value in values(reading)
    ]
