"""Charging profiles, version-free (OCPP 1.6 section 3.13, 2.0.1 block K)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from csms.model.bounds import SCHEDULE_PERIODS_MAX

Moment = Annotated[datetime, Meta(tz=True)]
Number = Annotated[int, Meta(ge=1, lt=2**31)]


class ProfilePurpose(StrEnum):
    """What a profile limits; 1.6 calls the first ChargePointMaxProfile."""

    STATION_MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


class ProfileKind(StrEnum):
    """How the start of a schedule is counted."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class RateUnit(StrEnum):
    """Unit of limits: A is per phase (K01.FR.51), W is the total."""

    A = "A"
    W = "W"


class SchedulePeriod(Struct, frozen=True, forbid_unknown_fields=True):
    """From `start_s` seconds after the schedule's start, `limit` in the schedule's unit (one decimal)."""

    start_s: Annotated[int, Meta(ge=0, le=10**8)]
    limit: float
    phases: Annotated[int, Meta(ge=1, le=3)] | None = None


class ChargingProfile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One profile as sent to a station. `transaction_id` is the station's name of the transaction (TxProfile only)."""

    profile_id: Number
    stack_level: Annotated[int, Meta(ge=0, le=1000)] = 0
    purpose: ProfilePurpose
    kind: ProfileKind = ProfileKind.ABSOLUTE
    unit: RateUnit = RateUnit.W
    periods: Annotated[tuple[SchedulePeriod, ...], Meta(min_length=1, max_length=SCHEDULE_PERIODS_MAX)]
    start: Moment | None = None
    duration_s: Annotated[int, Meta(gt=0)] | None = None
    valid_from: Moment | None = None
    valid_to: Moment | None = None
    recurrency: Annotated[str, Meta(pattern="^(Daily|Weekly)$")] | None = None
    transaction_id: Annotated[str, Meta(min_length=1, max_length=64)] | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a schedule no station may get: no period, first not at 0, unsorted, negative limit."""
        starts = [p.start_s for p in self.periods]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError("periods start at 0 and rise")
        if any(not 0 <= p.limit < 1e9 for p in self.periods):
            raise ValueError("limits are finite and not negative")
        if self.purpose is not ProfilePurpose.TX and self.transaction_id is not None:
            raise ValueError("only a TxProfile names a transaction")


@dataclass(frozen=True, slots=True)
class CompositeSchedule:
    """What a station says it will do: periods from `start`, in `unit`; an empty tuple means the station told nothing.

    A limit of None means "no limit" (stations write -1). Not `sound`: it told something that makes no sense.
    """

    start: datetime | None
    unit: RateUnit | None
    periods: tuple[tuple[int, float | None], ...]
    sound: bool = True
