"""Power in both directions and schedules that change while they run (OCPP 2.1 blocks K and Q): messages and commands.

Limits for charging alone are `csms.model.charging_profile`, which every version understands and the safety path uses.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from csms.model.bounds import SCHEDULE_PERIODS_MAX
from csms.model.charging_profile import Moment, Number, RateUnit
from csms.model.command import Command, EvseNumber
from csms.model.inbound import Inbound, Reply

Rate = Annotated[float, Meta(gt=-1e9, lt=1e9)]
"""In the unit of the schedule; what flows out of the car is negative."""
Draw = Annotated[float, Meta(ge=0, lt=1e9)]
Feed = Annotated[float, Meta(gt=-1e9, le=0)]
Transaction = Annotated[str, Meta(min_length=1, max_length=36)]
"""The name of a transaction, no longer than in 2.1."""
Span = Annotated[int, Meta(gt=0, lt=2**31)]

CURVE_POINTS_MAX = 20
"""v2xFreqWattCurve and v2xSignalWattCurve, maxItems."""

EnergyTransfer = Literal[
    "AC_single_phase",
    "AC_two_phase",
    "AC_three_phase",
    "DC",
    "AC_BPT",
    "AC_BPT_DER",
    "AC_DER",
    "DC_BPT",
    "DC_ACDP",
    "DC_ACDP_BPT",
    "WPT",
]
"""Ways to move energy that a car and a station can agree on."""


class OperationMode(StrEnum):
    """Who decides how much flows."""

    CHARGING_ONLY = "ChargingOnly"
    CENTRAL_SETPOINT = "CentralSetpoint"
    CENTRAL_FREQUENCY = "CentralFrequency"
    EXTERNAL_SETPOINT = "ExternalSetpoint"
    EXTERNAL_LIMITS = "ExternalLimits"
    LOCAL_FREQUENCY = "LocalFrequency"
    LOCAL_LOAD_BALANCING = "LocalLoadBalancing"
    IDLE = "Idle"


class FrequencyPoint(Struct, frozen=True, forbid_unknown_fields=True):
    """Power at a frequency of the grid."""

    frequency_hz: Annotated[float, Meta(ge=0, le=1000)]
    power_w: Rate


class SignalPoint(Struct, frozen=True, forbid_unknown_fields=True):
    """Power at a level of the aFRR signal."""

    signal: Annotated[int, Meta(ge=-(2**31), lt=2**31)]
    power_w: Rate


Curve = Annotated[tuple[FrequencyPoint, ...], Meta(min_length=2, max_length=CURVE_POINTS_MAX)]
SignalCurve = Annotated[tuple[SignalPoint, ...], Meta(min_length=2, max_length=CURVE_POINTS_MAX)]

_FIGURES = ("limit", "discharge_limit", "setpoint", "setpoint_reactive")
_ALLOWED: dict[OperationMode, tuple[str, ...]] = {
    OperationMode.CHARGING_ONLY: ("limit",),
    OperationMode.CENTRAL_SETPOINT: ("setpoint", "setpoint_reactive"),
    OperationMode.CENTRAL_FREQUENCY: ("setpoint",),
    OperationMode.EXTERNAL_SETPOINT: ("limit", "discharge_limit"),
    OperationMode.LOCAL_LOAD_BALANCING: ("limit", "discharge_limit"),
}
"""The figures that go with each mode (2.1 block Q, section 2.2; Q02.FR.02, Q03.FR.02, Q07.FR.03, Q09.FR.05); none
elsewhere (Q08.FR.01, Q10.FR.01)."""
_NEEDED = {
    OperationMode.CHARGING_ONLY: "limit",
    OperationMode.CENTRAL_SETPOINT: "setpoint",
    OperationMode.CENTRAL_FREQUENCY: "setpoint",
    OperationMode.LOCAL_FREQUENCY: "frequency_curve",
}


class V2xPeriod(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From `start_s` seconds after the schedule's start on. A setpoint is followed, limits bound it."""

    start_s: Annotated[int, Meta(ge=0, le=10**8)] = 0
    mode: OperationMode = OperationMode.CHARGING_ONLY
    limit: Draw | None = None
    discharge_limit: Feed | None = None
    setpoint: Rate | None = None
    setpoint_reactive: Rate | None = None
    phases: Annotated[int, Meta(ge=1, le=3)] | None = None
    baseline_w: Rate | None = None
    frequency_curve: Curve | None = None
    signal_curve: SignalCurve | None = None
    precondition: bool | None = None
    evse_sleep: bool | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for figures that the mode does not have, or lacks."""
        allowed = _ALLOWED.get(self.mode, ())
        odd = [name for name in _FIGURES if getattr(self, name) is not None and name not in allowed]
        if odd:
            raise ValueError(f"{self.mode} has no {', '.join(odd)}")
        needed = _NEEDED.get(self.mode)
        if needed and getattr(self, needed) is None:
            raise ValueError(f"{self.mode} needs {needed}")


class V2xProfile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A charging profile of 2.1. `kind` Dynamic: one period whose figures are changed while it runs.

    `update_interval_s`: how often the station asks for new figures by itself; `duration_s` of a dynamic one: how long
    figures hold without news. `offline_max_s`: how long the profile holds without a connection.
    """

    profile_id: Number
    stack_level: Annotated[int, Meta(ge=0, le=1000)] = 0
    purpose: Literal[
        "TxProfile", "TxDefaultProfile", "ChargingStationMaxProfile", "PriorityCharging", "LocalGeneration"
    ] = "TxProfile"
    kind: Literal["Absolute", "Recurring", "Relative", "Dynamic"] = "Absolute"
    unit: RateUnit = RateUnit.W
    periods: Annotated[tuple[V2xPeriod, ...], Meta(min_length=1, max_length=SCHEDULE_PERIODS_MAX)]
    start: Moment | None = None
    duration_s: Span | None = None
    valid_from: Moment | None = None
    valid_to: Moment | None = None
    recurrency: Literal["Daily", "Weekly"] | None = None
    transaction_id: Transaction | None = None
    update_interval_s: Span | None = None
    offline_max_s: Span | None = None
    ends_after_offline: bool | None = None

    @property
    def dynamic(self) -> bool:
        """Whether its figures may be changed while it runs."""
        return self.kind == "Dynamic"

    def __post_init__(self) -> None:
        """Raises ValueError for a profile that no station may get (K28.FR.01, K28.FR.02, K28.FR.04, Q07.FR.02)."""
        starts = [period.start_s for period in self.periods]
        if starts[:1] != [0] or starts != sorted(set(starts)):
            raise ValueError("periods start at 0 and rise")
        if self.dynamic and len(starts) > 1:
            raise ValueError("a dynamic profile has one period")
        if self.update_interval_s is not None and not self.dynamic:
            raise ValueError("only a dynamic profile is updated")
        if not self.dynamic and any(period.mode is OperationMode.CENTRAL_FREQUENCY for period in self.periods):
            raise ValueError("CentralFrequency is for dynamic profiles")
        if (self.purpose == "TxProfile") != (self.transaction_id is not None):
            raise ValueError("a TxProfile, and only it, names its transaction")
        if self.unit is not RateUnit.W and any(p.frequency_curve or p.signal_curve for p in self.periods):
            raise ValueError("curves are in W")


class ScheduleFigures(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """New figures of a dynamic profile; L2 and L3 stand beside the one without a phase, which is then that of L1."""

    limit: Draw | None = None
    limit_l2: Draw | None = None
    limit_l3: Draw | None = None
    discharge_limit: Feed | None = None
    discharge_limit_l2: Feed | None = None
    discharge_limit_l3: Feed | None = None
    setpoint: Rate | None = None
    setpoint_l2: Rate | None = None
    setpoint_l3: Rate | None = None
    setpoint_reactive: Rate | None = None
    setpoint_reactive_l2: Rate | None = None
    setpoint_reactive_l3: Rate | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for the figure of a phase without the one that it goes with (V2X.07)."""
        for name in _FIGURES:
            phases = getattr(self, f"{name}_l2") is not None or getattr(self, f"{name}_l3") is not None
            if phases and getattr(self, name) is None:
                raise ValueError(f"{name}_l2 and {name}_l3 go with {name}")


class SetV2xProfile(Command, frozen=True):
    """Install a charging profile of 2.1 on an EVSE (0: the station)."""

    evse_id: EvseNumber
    profile: V2xProfile


class UpdateDynamicSchedule(Command, frozen=True):
    """New figures for a dynamic profile; `on_pull`: only kept until the station asks for them (K28)."""

    profile_id: Number
    figures: ScheduleFigures
    on_pull: bool = False


class UsePriorityCharging(Command, frozen=True):
    """Charge this session as fast as its PriorityCharging profile lets it, or no longer so (K21)."""

    transaction_id: Transaction
    activate: bool = True


class AllowEnergyTransfer(Command, frozen=True):
    """Tell which ways to move energy this session may use (Q01)."""

    transaction_id: Transaction
    allowed: Annotated[tuple[EnergyTransfer, ...], Meta(min_length=1, max_length=11)]


class SendAfrrSignal(Command, frozen=True):
    """The level of the frequency restoration reserve that the grid operator asks for (Q08)."""

    signal: Annotated[int, Meta(ge=-(2**31), lt=2**31)]
    time: Moment


class PullSchedule(Inbound, frozen=True):
    """A station asks for the figures of a dynamic profile."""

    profile_id: int


class PullScheduleReply(Reply, frozen=True):
    """The figures; None where no dynamic profile of this number was set (K28.FR.12)."""

    figures: ScheduleFigures | None


class PriorityCharging(Inbound, frozen=True):
    """A session charges with priority now, or no longer."""

    transaction_id: str
    active: bool


class V2xNeeds(Inbound, frozen=True):
    """What a car says it can and wants beyond charging; `detail` as the station wrote it. `time` if it is not new."""

    evse_id: int
    time: datetime | None
    detail: dict[str, Any] = field(default_factory=dict)


class TransactionTerms(Inbound, frozen=True):
    """What an event of a transaction says of its terms: None or empty where it says nothing.

    `cost` and `limit` as the station wrote them.
    """

    transaction_id: str
    tariff_id: str = ""
    operation_mode: str = ""
    preconditioning: str = ""
    evse_sleep: bool | None = None
    cost: dict[str, Any] | None = None
    limit: dict[str, Any] | None = None
