"""What an operator may ask of a station: a typed body per command, each of which makes the neutral command."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, Field, model_validator

from csms.api.schemas import Body, Out
from csms.model.charging_profile import ChargingProfile, ProfileKind, ProfilePurpose, RateUnit, SchedulePeriod
from csms.model.command import (
    ChangeAvailability,
    ClearChargingProfile,
    Command,
    CommandResult,
    GetCompositeSchedule,
    GetVariables,
    RemoteStart,
    RemoteStop,
    Reset,
    SendData,
    SetChargingProfile,
    SetVariables,
    Trigger,
    UnlockConnector,
)

EvseNumber = Annotated[int, Field(ge=0, le=256)]
Name = Annotated[str, Field(min_length=1, max_length=255)]
PERIODS_MAX = 1024


class CommandBody(Body):
    """Base of the bodies."""

    @abstractmethod
    def command(self) -> Command:
        """The command that the body asks for."""


class PeriodBody(Body):
    """From `start_s` seconds after the schedule's start, `limit` in the schedule's unit."""

    start_s: int = Field(ge=0, le=10**8)
    limit: float = Field(ge=0, lt=1e9, allow_inf_nan=False)
    phases: int | None = Field(default=None, ge=1, le=3)


class ProfileBody(Body):
    """A charging profile (OCPP 1.6 section 3.13, 2.0.1 block K)."""

    profile_id: int = Field(ge=1, lt=2**31)
    stack_level: int = Field(default=0, ge=0, le=1000)
    purpose: ProfilePurpose
    kind: ProfileKind = ProfileKind.ABSOLUTE
    unit: RateUnit = RateUnit.W
    periods: list[PeriodBody] = Field(min_length=1, max_length=PERIODS_MAX)
    start: AwareDatetime | None = None
    duration_s: int | None = Field(default=None, gt=0)
    valid_from: AwareDatetime | None = None
    valid_to: AwareDatetime | None = None
    recurrency: str | None = Field(default=None, pattern="^(Daily|Weekly)$")
    transaction_id: str | None = Field(default=None, min_length=1, max_length=64)

    def profile(self) -> ChargingProfile:
        """The neutral profile; ValueError when no station may get it."""
        fields = {name: getattr(self, name) for name in ProfileBody.model_fields if name != "periods"}
        periods = tuple(SchedulePeriod(p.start_s, p.limit, p.phases) for p in self.periods)
        return ChargingProfile(periods=periods, **fields)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        self.profile()
        return self


class RemoteStartBody(CommandBody):
    """Start a session for a card or app token."""

    id_token: str = Field(min_length=1, max_length=36)
    evse_id: EvseNumber | None = None
    remote_start_id: int = Field(default=0, ge=0, lt=2**31)
    profile: ProfileBody | None = None

    def command(self) -> Command:
        """RemoteStart."""
        profile = self.profile.profile() if self.profile else None
        return RemoteStart(self.id_token, self.evse_id, self.remote_start_id, profile)


class RemoteStopBody(CommandBody):
    """Stop the session that the station calls `transaction_id`."""

    transaction_id: str = Field(min_length=1, max_length=64)

    def command(self) -> Command:
        """RemoteStop."""
        return RemoteStop(self.transaction_id)


class ResetBody(CommandBody):
    """Restart the station; `hard` interrupts sessions."""

    hard: bool = False

    def command(self) -> Command:
        """Reset."""
        return Reset(self.hard)


class TriggerBody(CommandBody):
    """Ask for a message (BootNotification, StatusNotification, MeterValues, ...)."""

    message: Name
    evse_id: EvseNumber | None = None

    def command(self) -> Command:
        """Trigger."""
        return Trigger(self.message, self.evse_id)


class SetVariablesBody(CommandBody):
    """Settings by name: 1.6 keys, 2.0.1 `Component.Variable`."""

    values: dict[Name, Annotated[str, Field(max_length=2500)]] = Field(min_length=1, max_length=100)

    def command(self) -> Command:
        """SetVariables."""
        return SetVariables(self.values)


class GetVariablesBody(CommandBody):
    """Read settings by name; no name asks a 1.6 station for all."""

    names: list[Name] = Field(default_factory=list, max_length=100)

    def command(self) -> Command:
        """GetVariables."""
        return GetVariables(tuple(self.names))


class SetChargingProfileBody(CommandBody):
    """Install a profile on an EVSE (0: the station)."""

    evse_id: EvseNumber
    profile: ProfileBody

    def command(self) -> Command:
        """SetChargingProfile."""
        return SetChargingProfile(self.evse_id, self.profile.profile())


class ClearChargingProfileBody(CommandBody):
    """Remove the profiles that match all given criteria."""

    profile_id: int | None = None
    evse_id: EvseNumber | None = None
    purpose: ProfilePurpose | None = None
    stack_level: int | None = Field(default=None, ge=0)

    def command(self) -> Command:
        """ClearChargingProfile."""
        return ClearChargingProfile(self.profile_id, self.evse_id, self.purpose, self.stack_level)


class GetCompositeScheduleBody(CommandBody):
    """Ask what the station will really do."""

    evse_id: EvseNumber
    duration_s: int = Field(default=900, gt=0, le=86_400 * 7)
    unit: RateUnit | None = None

    def command(self) -> Command:
        """GetCompositeSchedule."""
        return GetCompositeSchedule(self.evse_id, self.duration_s, self.unit)


class ChangeAvailabilityBody(CommandBody):
    """Make an EVSE (0: the station) operative or inoperative."""

    evse_id: EvseNumber = 0
    operative: bool

    def command(self) -> Command:
        """ChangeAvailability."""
        return ChangeAvailability(self.evse_id, self.operative)


class UnlockConnectorBody(CommandBody):
    """Release a stuck cable."""

    evse_id: EvseNumber
    connector_id: int = Field(default=1, ge=1, le=256)

    def command(self) -> Command:
        """UnlockConnector."""
        return UnlockConnector(self.evse_id, self.connector_id)


class DataTransferBody(CommandBody):
    """Vendor-specific message to the station."""

    vendor_id: Name
    message_id: str = Field(default="", max_length=50)
    data: str = Field(default="", max_length=50_000)

    def command(self) -> Command:
        """SendData."""
        return SendData(self.vendor_id, self.message_id, self.data)


BODIES: Mapping[str, type[CommandBody]] = {
    "remote_start": RemoteStartBody,
    "remote_stop": RemoteStopBody,
    "reset": ResetBody,
    "trigger": TriggerBody,
    "set_variables": SetVariablesBody,
    "get_variables": GetVariablesBody,
    "set_charging_profile": SetChargingProfileBody,
    "clear_charging_profile": ClearChargingProfileBody,
    "get_composite_schedule": GetCompositeScheduleBody,
    "change_availability": ChangeAvailabilityBody,
    "unlock_connector": UnlockConnectorBody,
    "data_transfer": DataTransferBody,
}


class CompositePeriod(Out):
    """From `start_s` on; `limit` None: no limit."""

    start_s: int
    limit: float | None


class CompositeOut(Out):
    """What the station says it will do."""

    start: AwareDatetime | None
    unit: RateUnit | None
    periods: list[CompositePeriod]


class CommandResultOut(Out):
    """The station's answer: a promise, not a proof. `payload` is the whole answer as received."""

    station_id: str
    command: str
    status: str
    accepted: bool
    values: dict[str, str | None]
    composite: CompositeOut | None
    data: str
    payload: dict[str, Any]


def result_view(station_id: str, name: str, result: CommandResult) -> CommandResultOut:
    """A station's answer."""
    composite = result.composite
    return CommandResultOut(
        station_id=station_id,
        command=name,
        status=result.status,
        accepted=result.accepted,
        values=dict(result.values),
        composite=composite
        and CompositeOut(
            start=composite.start,
            unit=composite.unit,
            periods=[CompositePeriod(start_s=start_s, limit=limit) for start_s, limit in composite.periods],
        ),
        data=result.data,
        payload=dict(result.payload),
    )
