"""Tables of energy control beyond charging profiles: DER, V2X, tariffs, event streams, battery swap. Times are UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field

from csms.store.row import Row
from csms.store.tables import BIG_ID
from csms.store.times import Utc


class DerControl(Row, table=True):
    """A DER control as a station holds it (2.1 block R), by what it accepted and what it reported.

    `active`: whether it says that a control for a time is in force; None: it said nothing. `setting`: as we set it, or
    as the station reported it (then under the names of OCPP).
    """

    __tablename__ = "der_control"

    station_id: str = Field(primary_key=True)
    control_id: str = Field(primary_key=True)
    control_type: str = ""
    is_default: bool = True
    superseded: bool = False
    active: bool | None = None
    reported: bool = False
    changed_at: datetime = Field(sa_type=Utc)
    setting: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class V2xEvent(Row, table=True):
    """What a station told about power in both directions: alarms, controls that start and end, what a car can do.

    `kind`: alarm, alarm_ended, started, ended, needs, priority. `subject`: the control, its type or the transaction.
    """

    __tablename__ = "v2x_event"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    station_id: str = Field(index=True)
    received_at: datetime = Field(sa_type=Utc)
    time: datetime | None = Field(default=None, sa_type=Utc)
    kind: str
    subject: str = ""
    evse_id: int = 0
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class DynamicSchedule(Row, table=True):
    """The figures of a dynamic charging profile as last set: what a station gets that asks for them (2.1 K28)."""

    __tablename__ = "dynamic_schedule"

    station_id: str = Field(primary_key=True)
    profile_id: int = Field(primary_key=True)
    evse_id: int = 0
    changed_at: datetime = Field(sa_type=Utc)
    pulled_at: datetime | None = Field(default=None, sa_type=Utc)
    figures: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class Tariff(Row, table=True):
    """A default tariff that a station accepted for an EVSE (0: all of them) (2.1 block I)."""

    station_id: str = Field(primary_key=True)
    evse_id: int = Field(primary_key=True)
    tariff_id: str = Field(primary_key=True)
    set_at: datetime = Field(sa_type=Utc)
    valid_from: datetime | None = Field(default=None, sa_type=Utc)
    content: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class TransactionTerms(Row, table=True):
    """What is agreed for a transaction beyond its energy (2.1): tariff, cost so far, limits, modes of transfer.

    `cost` and `limit` as the station wrote them last; `priority` None: nobody spoke of it.
    """

    __tablename__ = "transaction_terms"

    station_id: str = Field(primary_key=True)
    transaction_id: str = Field(primary_key=True)
    changed_at: datetime = Field(sa_type=Utc)
    tariff_id: str = ""
    operation_mode: str = ""
    preconditioning: str = ""
    evse_sleep: bool | None = None
    priority: bool | None = None
    energy_transfer: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    cost: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    limit: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class EventStream(Row, table=True):
    """A stream of values of one monitor (2.1 N11). `values`: how many came; `pending`: how many wait at the station."""

    __tablename__ = "event_stream"

    station_id: str = Field(primary_key=True)
    stream_id: int = Field(primary_key=True)
    monitor_id: int
    interval_s: int | None = None
    values_max: int | None = None
    opened_at: datetime = Field(sa_type=Utc)
    closed_at: datetime | None = Field(default=None, sa_type=Utc)
    last_at: datetime | None = Field(default=None, sa_type=Utc)
    values: int = 0
    pending: int = 0


class StreamBatch(Row, table=True):
    """Values that came together on a stream: times as text and values."""

    __tablename__ = "stream_batch"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    station_id: str = Field(index=True)
    stream_id: int
    monitor_id: int | None = None
    received_at: datetime = Field(sa_type=Utc)
    values: list[Any] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))


class BatterySwap(Row, table=True):
    """Batteries that were put in or taken out (2.1 block S); `batteries` as the station wrote them."""

    __tablename__ = "battery_swap"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    station_id: str = Field(index=True)
    received_at: datetime = Field(sa_type=Utc)
    request_id: int | None = None
    event: str
    id_token: str = ""
    batteries: list[Any] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
