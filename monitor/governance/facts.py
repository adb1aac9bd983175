"""The facts that the rules of physics judge, as columns. Pure.

Names of stations, connectors and orders are codes (whole numbers); who fills the columns keeps the names. Times are
seconds since 1970 in UTC. What is not known is NaN: a rule that needs it does not judge.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Status(IntEnum):
    """States of a connector: OCPP 1.6 section 4.9, its Charging and Suspended being Occupied in 2.0.1."""

    AVAILABLE = 0
    PREPARING = 1
    CHARGING = 2
    SUSPENDED_EV = 3
    SUSPENDED_EVSE = 4
    FINISHING = 5
    RESERVED = 6
    UNAVAILABLE = 7
    FAULTED = 8


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one length; raises ValueError when they differ."""

    def __post_init__(self) -> None:
        lengths = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns differ in length: {lengths}")

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def take(self, rows: Ints | Bools) -> Self:
        """These rows in this order, or those of a mask."""
        return type(self)(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


@dataclass(frozen=True, slots=True)
class Orders(Table):
    """One row for each order. `key` is equal where two rows claim the same number; `periods` counts priced parts."""

    key: Ints
    operator: Ints
    station: Ints
    connector: Ints
    start_s: Floats
    end_s: Floats
    energy_wh: Floats
    meter_start_wh: Floats
    meter_stop_wh: Floats
    rated_w: Floats
    capacity_wh: Floats
    fee_yuan: Floats
    price_yuan_per_kwh: Floats
    periods: Ints


@dataclass(frozen=True, slots=True)
class Samples(Table):
    """One row for each metered moment; `order` is a row of the orders, -1 outside of any."""

    order: Ints
    connector: Ints
    at_s: Floats
    register_wh: Floats
    power_w: Floats
    soc_percent: Floats


@dataclass(frozen=True, slots=True)
class Statuses(Table):
    """One row for each told state, a `Status`."""

    connector: Ints
    at_s: Floats
    status: Ints


@dataclass(frozen=True, slots=True)
class Claims(Table):
    """What was claimed of a station from one moment to another: that it was online (1) or offline (0)."""

    station: Ints
    from_s: Floats
    to_s: Floats
    online: Ints


@dataclass(frozen=True, slots=True)
class Heartbeats(Table):
    """One row for each message that proves a station to be alive."""

    station: Ints
    at_s: Floats


Columns = TypeVar("Columns", bound=Table)


def table(kind: type[Columns], **columns: Any) -> Columns:
    """A table of sequences; a column that is not given is not known (NaN), codes and counts are then -1.

    Raises ValueError for a column that the table does not have.
    """
    names = {field.name: str(field.type) for field in fields(kind)}
    unknown = columns.keys() - names.keys()
    if unknown:
        raise ValueError(f"{kind.__name__} has no column {', '.join(sorted(unknown))}")
    length = max((len(column) for column in columns.values()), default=0)
    filled = {}
    for name, type_name in names.items():
        dtype, empty = (np.int64, -1) if type_name == "Ints" else (np.float64, np.nan)
        filled[name] = np.asarray(columns[name], dtype) if name in columns else np.full(length, empty, dtype)
    return kind(**filled)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is judged together; `now_s` is the moment that nothing can be later than."""

    now_s: float
    orders: Orders
    samples: Samples
    statuses: Statuses
    claims: Claims
    heartbeats: Heartbeats


def facts(
    now_s: float,
    orders: Orders | None = None,
    samples: Samples | None = None,
    statuses: Statuses | None = None,
    claims: Claims | None = None,
    heartbeats: Heartbeats | None = None,
) -> Facts:
    """Facts with empty tables for what is not given."""
    return Facts(
        now_s,
        table(Orders) if orders is None else orders,
        table(Samples) if samples is None else samples,
        table(Statuses) if statuses is None else statuses,
        table(Claims) if claims is None else claims,
        table(Heartbeats) if heartbeats is None else heartbeats,
    )
