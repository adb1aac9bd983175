"""DER control (OCPP 2.1 block R): what a grid code asks of the inverters at a station. Messages and commands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from csms.model.charging_profile import Moment
from csms.model.command import Command, Whole
from csms.model.inbound import Inbound

ControlName = Annotated[str, Meta(min_length=1, max_length=36)]
Priority = Annotated[int, Meta(ge=0, lt=2**31)]
"""0 goes first."""
Figure = Annotated[float, Meta(gt=-1e12, lt=1e12)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]

ControlType = Literal[
    "EnterService",
    "FreqDroop",
    "FreqWatt",
    "FixedPFAbsorb",
    "FixedPFInject",
    "FixedVar",
    "Gradients",
    "HFMustTrip",
    "HFMayTrip",
    "HVMustTrip",
    "HVMomCess",
    "HVMayTrip",
    "LimitMaxDischarge",
    "LFMustTrip",
    "LVMustTrip",
    "LVMomCess",
    "LVMayTrip",
    "PowerMonitoringMustTrip",
    "VoltVar",
    "VoltWatt",
    "WattPF",
    "WattVar",
]
DerUnit = Literal["Not_Applicable", "PctMaxW", "PctMaxVar", "PctWAvail", "PctVarAvail", "PctEffectiveV"]


class _Setting(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    priority: Priority = 0


class _Scheduled(_Setting, frozen=True, kw_only=True):
    """Default controls hold for ever; others from `start` for `duration_s`."""

    start: Moment | None = None
    duration_s: Seconds | None = None


class CurvePoint(Struct, frozen=True, forbid_unknown_fields=True):
    """A point of a curve; what its axes are depends on the type of control."""

    x: Figure
    y: Figure


class Hysteresis(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a curve is left again."""

    hysteresis_high: Figure | None = None
    hysteresis_low: Figure | None = None
    hysteresis_delay_s: Seconds | None = None
    hysteresis_gradient: Figure | None = None


class ReactivePower(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of volt-var curves."""

    v_ref: Figure | None = None
    autonomous_v_ref_enable: bool | None = None
    autonomous_v_ref_time_constant_s: Seconds | None = None


class Voltage(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of voltage trip curves."""

    hv10_min_mean_value: Figure | None = None
    hv10_min_mean_trip_delay_s: Seconds | None = None
    power_during_cessation: Literal["Active", "Reactive"] | None = None


class DerCurve(_Scheduled, frozen=True, kw_only=True):
    """A curve."""

    points: Annotated[tuple[CurvePoint, ...], Meta(min_length=1, max_length=10)]
    unit: DerUnit = "Not_Applicable"
    response_time_s: Seconds | None = None
    hysteresis: Hysteresis | None = None
    reactive_power: ReactivePower | None = None
    voltage: Voltage | None = None


class EnterService(_Setting, frozen=True, kw_only=True):
    """When an inverter may feed in again after a disturbance: voltages in percent, frequencies in Hz."""

    high_voltage: Figure
    low_voltage: Figure
    high_freq: Figure
    low_freq: Figure
    delay_s: Seconds | None = None
    random_delay_s: Seconds | None = None
    ramp_rate: Figure | None = None


class FixedPowerFactor(_Scheduled, frozen=True, kw_only=True):
    """A power factor; `excitation` True: over-excited."""

    displacement: Annotated[float, Meta(ge=0, le=1)]
    excitation: bool


class FixedVar(_Scheduled, frozen=True, kw_only=True):
    """A reactive power."""

    setpoint: Figure
    unit: DerUnit


class FrequencyDroop(_Scheduled, frozen=True, kw_only=True):
    """Power follows the frequency outside of a band; frequencies in Hz."""

    over_freq: Figure
    under_freq: Figure
    over_droop: Figure
    under_droop: Figure
    response_time_s: Seconds


class Gradients(_Setting, frozen=True, kw_only=True):
    """How fast power may change, in percent per second."""

    gradient: Figure
    soft_gradient: Figure


class LimitMaxDischarge(_Scheduled, frozen=True, kw_only=True):
    """The most a car may feed in, in percent of its rating."""

    max_discharge_percent: Annotated[float, Meta(ge=0, le=100)] | None = None
    power_monitoring_must_trip: DerCurve | None = None


SETTINGS = {
    "EnterService": "enter_service",
    "FreqDroop": "freq_droop",
    "FixedPFAbsorb": "fixed_pf",
    "FixedPFInject": "fixed_pf",
    "FixedVar": "fixed_var",
    "Gradients": "gradients",
    "LimitMaxDischarge": "limit_max_discharge",
}
"""Which setting goes with a type of control; a curve with all others (R04.FR.16)."""
DEFAULT_ONLY = ("EnterService", "Gradients")


class SetDerControl(Command, frozen=True, kw_only=True):
    """Install a control: the default of its type, or one for a time. The setting is the one of its type."""

    control_id: ControlName
    control_type: ControlType
    is_default: bool = True
    curve: DerCurve | None = None
    enter_service: EnterService | None = None
    fixed_pf: FixedPowerFactor | None = None
    fixed_var: FixedVar | None = None
    freq_droop: FrequencyDroop | None = None
    gradients: Gradients | None = None
    limit_max_discharge: LimitMaxDischarge | None = None

    @property
    def setting(self) -> Struct:
        """What the control is set to."""
        found: Struct = getattr(self, SETTINGS.get(self.control_type, "curve"))
        return found

    def __post_init__(self) -> None:
        """Raises ValueError for what no station may be sent (R04.FR.12, R04.FR.14, R04.FR.16)."""
        wanted = SETTINGS.get(self.control_type, "curve")
        given = [name for name in ("curve", *dict.fromkeys(SETTINGS.values())) if getattr(self, name) is not None]
        if given != [wanted]:
            raise ValueError(f"{self.control_type} is set by {wanted} alone")
        if not self.is_default and self.control_type in DEFAULT_ONLY:
            raise ValueError(f"{self.control_type} is always a default")
        timed = isinstance(self.setting, _Scheduled) and (self.setting.start, self.setting.duration_s) != (None, None)
        if self.is_default and timed:
            raise ValueError("a default control has neither start nor duration_s")


class GetDerControl(Command, frozen=True):
    """Ask for the controls that a station holds: all, those of a type, or one. They come as reports.

    `request_id`: which our side fills in.
    """

    is_default: bool | None = None
    control_type: ControlType | None = None
    control_id: ControlName | None = None
    request_id: Whole = 0


class ClearDerControl(Command, frozen=True):
    """Remove the defaults, or the others: all of a type, or one."""

    is_default: bool
    control_type: ControlType | None = None
    control_id: ControlName | None = None


class DerAlarm(Inbound, frozen=True):
    """A control makes a station deviate from what it was to do, or no longer does."""

    control_type: str
    fault: str
    ended: bool
    time: datetime | None
    info: str = ""


class DerStartStop(Inbound, frozen=True):
    """A control for a time came into force, in place of others, or ended."""

    control_id: str
    started: bool
    time: datetime | None
    superseded: tuple[str, ...] = ()


class HeldControl(Struct, frozen=True):
    """A control that a station holds."""

    control_id: str
    control_type: str
    is_default: bool
    superseded: bool
    setting: dict[str, Any] = field(default_factory=dict)


class DerReport(Inbound, frozen=True):
    """Controls that a station holds; `more`: others follow under the same request id."""

    request_id: int | None
    more: bool
    controls: tuple[HeldControl, ...] = ()
