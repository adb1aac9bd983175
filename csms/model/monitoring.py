"""Monitors on variables and the events that they cause (OCPP 2.0.1 block N, use cases N02 to N08)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from csms.model.command import Command, Name, Whole
from csms.model.device import VariableName
from csms.model.inbound import Inbound

MonitorKind = Literal["UpperThreshold", "LowerThreshold", "Delta", "Periodic", "PeriodicClockAligned"]
Severity = Annotated[int, Meta(ge=0, le=9)]
"""0 is danger, 9 is debug."""
DEBUG = 9


class MonitorWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """A monitor to set: `value` is a threshold, a change or a number of seconds, by its kind.

    A change of 1 is what variables that are no numbers take (N04.FR.17). `monitor_id` changes the one that is there.
    """

    name: Name
    kind: MonitorKind
    severity: Severity
    value: float = 1.0
    monitor_id: Whole | None = None
    transaction: bool = False


class SetMonitoringBase(Command, frozen=True):
    """Choose the monitors that a station came with (N03); HardWiredOnly and FactoryDefault drop our own."""

    base: Literal["All", "FactoryDefault", "HardWiredOnly"]


class SetMonitoringLevel(Command, frozen=True):
    """Be told of events with this severity or a worse one only (N05)."""

    severity: Annotated[int, Meta(ge=0, lt=2**31)]


class SetVariableMonitoring(Command, frozen=True):
    """Set monitors (N04)."""

    monitors: Annotated[tuple[MonitorWanted, ...], Meta(min_length=1, max_length=500)]


class ClearVariableMonitoring(Command, frozen=True):
    """Remove monitors by their ids (N06)."""

    monitor_ids: Annotated[tuple[Whole, ...], Meta(min_length=1, max_length=1000)]


MonitorCriterion = Literal["ThresholdMonitoring", "DeltaMonitoring", "PeriodicMonitoring"]


class GetMonitoringReport(Command, frozen=True):
    """Ask which monitors there are (N02): all, those of a kind, those on some components or variables."""

    names: Annotated[tuple[Name, ...], Meta(max_length=500)] = ()
    criteria: Annotated[tuple[MonitorCriterion, ...], Meta(max_length=3)] = ()
    request_id: Whole = 0


class MonitorAnswer(Struct, frozen=True):
    """What a station answered about one monitor that was to be set; `monitor_id` is its number from now on."""

    wanted: MonitorWanted
    status: str
    monitor_id: int | None = None


class MonitorCleared(Struct, frozen=True):
    """What a station answered about one monitor that was to be removed."""

    monitor_id: int
    status: str


class Monitor(Struct, frozen=True):
    """One monitor as a station reported it."""

    name: VariableName
    monitor_id: int
    kind: str
    value: float
    severity: int
    transaction: bool = False


class MonitoringReport(Inbound, frozen=True):
    """One part of a report of monitors; `more` parts follow."""

    request_id: int | None
    seq_no: int
    more: bool
    monitors: tuple[Monitor, ...] = ()


class StationEvent(Struct, frozen=True):
    """Something happened to a variable. `trigger` is Alerting, Delta or Periodic; `origin` says what kind of monitor
    found it; `cleared` ends an alert. Only 2.1 stations tell the `severity`.
    """

    event_id: int
    time: datetime | None
    trigger: str
    name: VariableName
    value: str = ""
    cause_id: int | None = None
    cleared: bool = False
    monitor_id: int | None = None
    transaction_id: str = ""
    tech_code: str = ""
    tech_info: str = ""
    origin: str = ""
    severity: int | None = None


class EventReport(Inbound, frozen=True):
    """NotifyEvent."""

    events: tuple[StationEvent, ...] = ()
