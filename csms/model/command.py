"""What the central system asks of a station, version-free, and what it may hear back.

A translator turns a command into a call of its version (`NotInThisVersion` where there is none) and the answer into the
command's result. `status` texts are those of OCPP (Accepted, Rejected, Scheduled, NotSupported, ...). Types and bounds
of the fields are those of the API too: what cannot be a command is refused where it comes in. Commands of functional
blocks with records of their own stand in the module of that block; `csms.model.commands` lists all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from msgspec import Meta, Struct
from msgspec import field as default

from csms.model.charging_profile import ChargingProfile, CompositeSchedule, ProfilePurpose, RateUnit

EvseNumber = Annotated[int, Meta(ge=0, le=256)]
"""0 is the station itself."""
ConnectorNumber = Annotated[int, Meta(ge=1, le=256)]
Name = Annotated[str, Meta(min_length=1, max_length=255)]
Whole = Annotated[int, Meta(ge=0, lt=2**31)]
Token = Annotated[str, Meta(min_length=1, max_length=36)]
TransactionName = Annotated[str, Meta(min_length=1, max_length=64)]


class Command(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all commands."""


class RemoteStart(Command, frozen=True):
    """Start a session; `evse_id` None lets the station choose. Without an `id_token` one is made up for it.

    `token_type` is an IdTokenEnumType of 2.0.1; Central stands for a token that the central system made up.
    `remote_start_id` 0: a new one, under which the start can be followed. A TxProfile names no transaction yet.
    """

    id_token: Annotated[str, Meta(max_length=36)] = ""
    evse_id: EvseNumber | None = None
    remote_start_id: Whole = 0
    profile: ChargingProfile | None = None
    token_type: str = "Central"
    group_id: Token | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a profile that is not one for the session to come (F01.FR.09)."""
        if self.profile is not None and self.profile.purpose is not ProfilePurpose.TX:
            raise ValueError("the profile of a remote start is a TxProfile")


class RemoteStop(Command, frozen=True):
    """Stop the session that the station calls `transaction_id`."""

    transaction_id: TransactionName


class GetTransactionStatus(Command, frozen=True):
    """Ask whether a session goes on and whether messages of it (or of any, without one) still wait to be sent (E14)."""

    transaction_id: TransactionName | None = None


class Reset(Command, frozen=True):
    """Restart; `hard` interrupts sessions (1.6 Hard, 2.0.1 Immediate), else when idle (Soft, OnIdle).

    `evse_id` restarts one EVSE alone (2.0.1). `resume` at once, and sessions go on afterwards (2.1 B13).
    """

    hard: bool = False
    evse_id: ConnectorNumber | None = None
    resume: bool = False


class Trigger(Command, frozen=True):
    """Ask for a message (BootNotification, Heartbeat, MeterValues, ...); `evse_id` None: the station.

    `connector_id` tells connectors of one EVSE apart (2.0.1); connector states are asked for by it (F06.FR.13).
    """

    message: Name
    evse_id: EvseNumber | None = None
    connector_id: ConnectorNumber | None = None


class SetVariables(Command, frozen=True):
    """Settings by name: 1.6 keys (one call each), 2.0.1 `Component.Variable` or `Component@instance.Variable`."""

    values: Annotated[dict[Name, Annotated[str, Meta(max_length=2500)]], Meta(min_length=1, max_length=100)]


class GetVariables(Command, frozen=True):
    """Read settings by name, as SetVariables has them; no name asks a 1.6 station for all.

    2.0.1 names may say more: `Component@instance/evse/connector.Variable@instance#Target`.
    """

    names: Annotated[tuple[Name, ...], Meta(max_length=100)] = ()


class SetChargingProfile(Command, frozen=True):
    """Install a profile on an EVSE (0: the station)."""

    evse_id: EvseNumber
    profile: ChargingProfile

    def __post_init__(self) -> None:
        """Raises ValueError for a TxProfile without its transaction (K01.FR.03); only a remote start has none yet."""
        if self.profile.purpose is ProfilePurpose.TX and self.profile.transaction_id is None:
            raise ValueError("a TxProfile names its transaction")


class ClearChargingProfile(Command, frozen=True):
    """Remove the profiles that match all given criteria."""

    profile_id: int | None = None
    evse_id: EvseNumber | None = None
    purpose: ProfilePurpose | None = None
    stack_level: Annotated[int, Meta(ge=0)] | None = None


class GetCompositeSchedule(Command, frozen=True):
    """Ask what the station will really do in the next `duration_s` seconds."""

    evse_id: EvseNumber
    duration_s: Annotated[int, Meta(gt=0, le=86_400 * 7)] = 900
    unit: RateUnit | None = None


class ChangeAvailability(Command, frozen=True):
    """Make the station (EVSE 0), an EVSE or one of its connectors (2.0.1) operative or inoperative."""

    operative: bool
    evse_id: EvseNumber = 0
    connector_id: ConnectorNumber | None = None


class UnlockConnector(Command, frozen=True):
    """Release a stuck cable."""

    evse_id: ConnectorNumber
    connector_id: ConnectorNumber = 1


class SendData(Command, frozen=True):
    """Vendor-specific message to the station (DataTransfer)."""

    vendor_id: Name
    message_id: Annotated[str, Meta(max_length=50)] = ""
    data: Annotated[str, Meta(max_length=50_000)] = ""


class RawCall(Command, frozen=True):
    """Any action with a payload as OCPP writes it; checked against the schema before it is sent."""

    action: Annotated[str, Meta(min_length=1, max_length=64)]
    payload: dict[str, Any] = default(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The station's answer: `status` as OCPP spells it, and what else came.

    `values` for GetVariables (name -> value, None when unknown or write-only) and SetVariables (name -> status);
    `composite` for GetCompositeSchedule; `payload` is the whole answer as received. `operation_id` names what goes on
    after the answer (an update, an upload, a report), None when nothing does. `records` are the single things that the
    answer tells, of a type that belongs to the command (VariableAnswer, MonitorAnswer, ...).
    """

    status: str
    values: Mapping[str, str | None] = field(default_factory=dict)
    composite: CompositeSchedule | None = None
    data: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    operation_id: int | None = None
    records: tuple[Struct, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the station promised to act (a promise, not a proof)."""
        return self.status in ACCEPTING


ACCEPTING = ("Accepted", "AcceptedCanceled", "RebootRequired", "Scheduled", "Unlocked", "Unpublished")
"""Status texts of a station that will do it."""
