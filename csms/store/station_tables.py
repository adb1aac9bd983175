"""Tables of what stations are asked for beyond charging. Times are UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Text
from sqlmodel import Field, SQLModel

from csms.store.tables import BIG_ID
from csms.store.times import Utc


class Operation(SQLModel, table=True):
    """What a station was asked for and goes on after its answer: an update, an upload, a report.

    `id` is the request id that its later messages carry, 1..2^31-1, never used again. `kind` names the command.
    `status` is the last word of the station, or: asked (no answer yet), unanswered (whether it acts is unknown).
    `ended_at` None: it goes on. `detail` holds what was asked and, under `steps`, every status with its time.
    """

    id: int = Field(primary_key=True, sa_type=BIG_ID)
    station_id: str = Field(index=True)
    kind: str
    status: str = "asked"
    begun_at: datetime = Field(sa_type=Utc)
    changed_at: datetime = Field(sa_type=Utc)
    ended_at: datetime | None = Field(default=None, sa_type=Utc)
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class VariableRow(SQLModel, table=True):
    """One attribute of a variable as a station told it last, or a configuration key of 1.6 (then without a component).

    `key` is the name without regard to case. A value that is a secret is never kept, see `csms.model.device`.
    `reboot_required`: it was set, and counts after the next boot.
    """

    __tablename__ = "variable"

    station_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    name: str
    component: str = ""
    component_instance: str = ""
    evse_id: int | None = None
    connector_id: int | None = None
    variable: str
    variable_instance: str = ""
    attribute: str = "Actual"
    value: str | None = Field(default=None, sa_column=Column(Text))
    mutability: str = ""
    data_type: str = ""
    unit: str = ""
    min_limit: float | None = None
    max_limit: float | None = None
    values_list: str = ""
    monitored: bool = False
    reboot_required: bool = False
    reported_at: datetime = Field(sa_type=Utc)


class MonitorRow(SQLModel, table=True):
    """A monitor on a variable as the station told it last; `severity` 0 is the worst."""

    __tablename__ = "monitor"

    station_id: str = Field(primary_key=True)
    monitor_id: int = Field(primary_key=True)
    name: str
    kind: str
    value: float
    severity: int
    in_transaction: bool = False
    reported_at: datetime = Field(sa_type=Utc)


class EventRow(SQLModel, table=True):
    """Something that happened to a variable. `open`: an alert that has not been cleared yet.

    `severity` is that of the monitor, None when it is not known.
    """

    __tablename__ = "station_event"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    station_id: str = Field(index=True)
    event_id: int
    occurred_at: datetime = Field(sa_type=Utc)
    received_at: datetime = Field(sa_type=Utc)
    trigger: str
    name: str
    value: str = Field(default="", sa_column=Column(Text, nullable=False))
    severity: int | None = None
    monitor_id: int | None = None
    cause_id: int | None = None
    cleared: bool = False
    open: bool = Field(default=False, index=True)
    transaction_id: str = ""
    tech_code: str = ""
    tech_info: str = ""
    origin: str = ""


class LocalListRow(SQLModel, table=True):
    """The local list of a station as it acknowledged it: `entries` hold by token its type and a digest of what is said.

    `version` 0: nothing is known of it, -1: the station has none. `chosen` None: all tokens; those that are `left_out`
    are never on it.
    """

    __tablename__ = "local_list"

    station_id: str = Field(primary_key=True)
    version: int = 0
    status: str = ""
    entries: dict[str, list[str]] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    chosen: list[str] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    left_out: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    changed_at: datetime = Field(sa_type=Utc)
