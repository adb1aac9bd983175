"""What stations report of charging profiles, of limits from outside, and what cars want (OCPP 2.0.1 block K)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, convert, to_builtins

from csms.model.charging_profile import CompositeSchedule
from csms.model.command import Command, EvseNumber, Whole
from csms.model.inbound import Inbound, Reply

LimitSource = Literal["EMS", "Other", "SO", "CSO"]
Purpose = Literal["ChargingStationExternalConstraints", "ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile"]


class GetChargingProfiles(Command, frozen=True):
    """Ask which profiles are installed: by ids, or by what all must match (K09.FR.03). EVSE 0 is the station itself,
    none asks for all. They come later, in parts. `request_id` 0: a new one.
    """

    evse_id: EvseNumber | None = None
    profile_ids: Annotated[tuple[int, ...], Meta(max_length=100)] = ()
    purpose: Purpose | None = None
    stack_level: Annotated[int, Meta(ge=0, le=1000)] | None = None
    sources: Annotated[tuple[LimitSource, ...], Meta(max_length=4)] = ()
    request_id: Whole = 0


class InstalledProfile(Struct, frozen=True):
    """A profile that a station says it keeps; `content` is its own word for all of it."""

    profile_id: int
    purpose: str
    stack_level: int
    content: Mapping[str, Any]


class ProfilesReport(Inbound, frozen=True):
    """ReportChargingProfiles: a part of the answer to GetChargingProfiles; `more`: others follow."""

    request_id: int
    evse_id: int
    source: str
    profiles: tuple[InstalledProfile, ...] = ()
    more: bool = False


class ExternalLimitSet(Inbound, frozen=True):
    """NotifyChargingLimit: somebody else than us limits the station (EVSE 0) or an EVSE (K12)."""

    evse_id: int
    source: str
    grid_critical: bool | None = None
    schedules: tuple[CompositeSchedule, ...] = ()
    content: tuple[Mapping[str, Any], ...] = ()


class ExternalLimitCleared(Inbound, frozen=True):
    """ClearedChargingLimit: that limit is gone (K13)."""

    evse_id: int
    source: str


class EvNeeds(Struct, frozen=True):
    """What a car wants, by its own word (ISO 15118); None where it said nothing."""

    energy_wh: float | None = None
    departure: datetime | None = None
    power_max_w: float | None = None
    current_max_a: float | None = None
    soc: float | None = None
    transfer: str = ""
    periods_max: int | None = None
    capacity_wh: float | None = None

    def written(self) -> dict[str, Any] | None:
        """As it is stored; None when the car said nothing."""
        return None if self == EvNeeds() else to_builtins(self)

    @classmethod
    def read(cls, stored: Mapping[str, Any] | None) -> EvNeeds:
        """What was stored."""
        return convert(stored, cls) if stored else cls()


class ChargingNeeds(Inbound, frozen=True):
    """NotifyEVChargingNeeds (K15, K17)."""

    evse_id: int
    needs: EvNeeds


class ChargingNeedsReply(Reply, frozen=True):
    """Accepted: a profile follows; Processing: it follows later; Rejected: nobody plans here."""

    status: str


class EvSchedule(Inbound, frozen=True):
    """NotifyEVChargingSchedule: what the car means to draw."""

    evse_id: int
    schedule: CompositeSchedule
    content: Mapping[str, Any]


class EvScheduleReply(Reply, frozen=True):
    """Rejected: it is more than the car may draw (K15.FR.12)."""

    status: str
