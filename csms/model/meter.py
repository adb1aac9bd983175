"""Metered values in base units, whatever the station sent: Wh, W, A, V, percent, Celsius, Hz."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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


QuantityKey = tuple[str, str, str, str, str]
"""Measurand, phase, context, location, unit: what is measured, without when and how much."""


class Shape:
    """Which quantities came together. Whoever reads messages keeps one of each, since stations send the same for ever:
    what follows from the words alone is then worked out once. Compared by identity.
    """

    __slots__ = ("quantities",)

    def __init__(self, quantities: Iterable[QuantityKey]) -> None:
        self.quantities = tuple(quantities)


class Together(Struct, frozen=True, eq=False, gc=False):
    """Samples of one moment, a value for each quantity of `shape`; a `Sample` is made only when it is looked at."""

    shape: Shape
    time: datetime
    values: Sequence[float]
    trusted_time: bool

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Sample]:
        for (measurand, phase, context, location, unit), value in zip(self.shape.quantities, self.values, strict=True):
            yield Sample(self.time, measurand, value, unit, phase, context, location, self.trusted_time)

    def __getitem__(self, place: int) -> Sample:
        return tuple(self)[place]

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, tuple | Together) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


Samples = tuple[Sample, ...] | Together


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
