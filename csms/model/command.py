"""What the central system asks of a station, version-free, and what it may hear back.

A translator turns a command into a call of its version (`NotInThisVersion` where there is none) and the answer into the
command's result. `status` texts are those of OCPP (Accepted, Rejected, Scheduled, NotSupported, ...).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from csms.model.charging_profile import ChargingProfile, CompositeSchedule, ProfilePurpose, RateUnit


@dataclass(frozen=True, slots=True)
class RemoteStart:
    """Start a session; `evse_id` None lets the station choose. `id_token` <= 18 characters (field rule SR-04).

    `token_type` is an IdTokenEnumType of 2.0.1; Central stands for a token that the central system made up.
    """

    id_token: str
    evse_id: int | None = None
    remote_start_id: int = 0
    profile: ChargingProfile | None = None
    token_type: str = "Central"


@dataclass(frozen=True, slots=True)
class RemoteStop:
    """Stop the session that the station calls `transaction_id`."""

    transaction_id: str


@dataclass(frozen=True, slots=True)
class Reset:
    """Restart; `hard` interrupts sessions (1.6 Hard, 2.0.1 Immediate), else when idle (Soft, OnIdle)."""

    hard: bool = False


@dataclass(frozen=True, slots=True)
class Trigger:
    """Ask for a message (BootNotification, Heartbeat, MeterValues, ...); `evse_id` None: the station."""

    message: str
    evse_id: int | None = None


@dataclass(frozen=True, slots=True)
class SetVariables:
    """Settings by name: 1.6 keys (one call each), 2.0.1 `Component.Variable` or `Component@instance.Variable`."""

    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class GetVariables:
    """Read settings by name; an empty tuple asks 1.6 stations for all."""

    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetChargingProfile:
    """Install a profile on an EVSE (0: the station)."""

    evse_id: int
    profile: ChargingProfile


@dataclass(frozen=True, slots=True)
class ClearChargingProfile:
    """Remove profiles that match all given criteria."""

    profile_id: int | None = None
    evse_id: int | None = None
    purpose: ProfilePurpose | None = None
    stack_level: int | None = None


@dataclass(frozen=True, slots=True)
class GetCompositeSchedule:
    """Ask what the station will really do in the next `duration_s` seconds."""

    evse_id: int
    duration_s: int
    unit: RateUnit | None = None


@dataclass(frozen=True, slots=True)
class ChangeAvailability:
    """Make an EVSE (0: the station) operative or inoperative."""

    evse_id: int
    operative: bool


@dataclass(frozen=True, slots=True)
class UnlockConnector:
    """Release a stuck cable."""

    evse_id: int
    connector_id: int = 1


@dataclass(frozen=True, slots=True)
class SendData:
    """DataTransfer towards the station."""

    vendor_id: str
    message_id: str = ""
    data: str = ""


@dataclass(frozen=True, slots=True)
class RawCall:
    """Any action with a payload as OCPP writes it; checked against the schema before it is sent."""

    action: str
    payload: Mapping[str, Any] = field(default_factory=dict)


Command = (
    RemoteStart
    | RemoteStop
    | Reset
    | Trigger
    | SetVariables
    | GetVariables
    | SetChargingProfile
    | ClearChargingProfile
    | GetCompositeSchedule
    | ChangeAvailability
    | UnlockConnector
    | SendData
    | RawCall
)


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The station's answer: `status` as OCPP spells it, and what else came.

    `values` for GetVariables (name -> value, None when unknown or write-only) and SetVariables (name -> status);
    `composite` for GetCompositeSchedule; `payload` is the whole answer as received.
    """

    status: str
    values: Mapping[str, str | None] = field(default_factory=dict)
    composite: CompositeSchedule | None = None
    data: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Whether the station promised to act (a promise, not a proof)."""
        return self.status in ("Accepted", "RebootRequired", "Scheduled", "Unlocked")
