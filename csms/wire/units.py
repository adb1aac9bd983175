"""Units of metered values: every spelling seen, brought to base units (Wh, W, A, V, Percent, Celsius, Hz)."""

from __future__ import annotations

from collections.abc import Mapping

_Scale = tuple[str, float, float]
"""Base unit, factor, and what is added after multiplying."""

_SPELLINGS: Mapping[str, _Scale] = {
    **dict.fromkeys(("wh", "watthour", "watthours"), ("Wh", 1.0, 0.0)),
    "kwh": ("Wh", 1e3, 0.0),
    **dict.fromkeys(("w", "watt", "watts"), ("W", 1.0, 0.0)),
    "kw": ("W", 1e3, 0.0),
    "varh": ("varh", 1.0, 0.0),
    "kvarh": ("varh", 1e3, 0.0),
    "var": ("var", 1.0, 0.0),
    "kvar": ("var", 1e3, 0.0),
    "vah": ("VAh", 1.0, 0.0),
    "kvah": ("VAh", 1e3, 0.0),
    "va": ("VA", 1.0, 0.0),
    "kva": ("VA", 1e3, 0.0),
    **dict.fromkeys(("a", "amp", "ampere", "amperes"), ("A", 1.0, 0.0)),
    "ma": ("A", 1e-3, 0.0),
    **dict.fromkeys(("v", "volt", "volts"), ("V", 1.0, 0.0)),
    "mv": ("V", 1e-3, 0.0),
    "kv": ("V", 1e3, 0.0),
    **dict.fromkeys(("percent", "%"), ("Percent", 1.0, 0.0)),
    **dict.fromkeys(("celsius", "celcius", "c", "°c"), ("Celsius", 1.0, 0.0)),
    **dict.fromkeys(("fahrenheit", "f", "°f"), ("Celsius", 5 / 9, -160 / 9)),
    **dict.fromkeys(("k", "kelvin"), ("Celsius", 1.0, -273.15)),
    **dict.fromkeys(("hz", "hertz"), ("Hz", 1.0, 0.0)),
    "khz": ("Hz", 1e3, 0.0),
}

_EXACT: Mapping[str, _Scale] = {"MWh": ("Wh", 1e6, 0.0), "MW": ("W", 1e6, 0.0)}
"""Where the case tells mega from milli; nobody sends milliwatts."""

_BY_MEASURAND: tuple[tuple[str, str], ...] = (
    ("Energy.Reactive", "varh"),
    ("Energy.Apparent", "VAh"),
    ("Energy", "Wh"),
    ("Power.Factor", ""),
    ("Power.Reactive", "var"),
    ("Power", "W"),
    ("Current", "A"),
    ("Voltage", "V"),
    ("SoC", "Percent"),
    ("Temperature", "Celsius"),
    ("Frequency", "Hz"),
)

UNIT_LENGTH_MAX = 20
"""OCPP 2.0.1 UnitOfMeasureType.unit."""


def default_unit(measurand: str) -> str:
    """The unit of a value that names none (1.6: Wh for energies; the base unit for the others, RB-44)."""
    return next((unit for prefix, unit in _BY_MEASURAND if measurand.startswith(prefix)), "")


def scale(unit: str) -> tuple[float, float, str]:
    """Factor, what is added after multiplying, and the base unit; an unknown unit stays as it is."""
    known = _EXACT.get(unit) or _SPELLINGS.get(unit.lower())
    if known is None:
        return 1.0, 0.0, unit[:UNIT_LENGTH_MAX]
    base, factor, offset = known
    return factor, offset, base
