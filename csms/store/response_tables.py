"""Tables of demand response, and the load of feeders by quarter-hour. Times are UTC, powers in W."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column
from sqlmodel import Field

from csms.store.row import Row
from csms.store.times import Utc


class ResponseRow(Row, table=True):
    """A demand-response event. `content`: invitation, bid and clearing; `dispatch`: what its target became as a limit,
    None before."""

    __tablename__ = "response_event"

    id: str = Field(primary_key=True, max_length=64)
    source: str
    feeder_id: str = Field(index=True)
    starts_at: datetime = Field(sa_type=Utc, index=True)
    ends_at: datetime = Field(sa_type=Utc)
    received_at: datetime = Field(sa_type=Utc)
    content: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    dispatch: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))


class ResponseEvaluation(Row, table=True):
    """What an event came to, as computed at a time; a later one stands beside it. `cause`: over, asked, appeal.

    `appeal`: the number of the appeal that it answers.
    """

    __tablename__ = "response_evaluation"

    event_id: str = Field(primary_key=True, max_length=64)
    number: int = Field(primary_key=True)
    made_at: datetime = Field(sa_type=Utc)
    cause: str
    method: str
    appeal: int | None = None
    content: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class ResponseAppeal(Row, table=True):
    """An appeal against an evaluation. `reason`: 1 the baseline's maximum, 2 its mean, 3 the effect. `upheld` None: not
    answered yet."""

    __tablename__ = "response_appeal"

    event_id: str = Field(primary_key=True, max_length=64)
    number: int = Field(primary_key=True)
    filed_at: datetime = Field(sa_type=Utc)
    filed_by: str
    reason: int
    note: str = ""
    answered_at: datetime | None = Field(default=None, sa_type=Utc)
    answered_by: str = ""
    answer: str = ""
    upheld: bool | None = None


class FeederLoad(Row, table=True):
    """The load right at a feeder in a quarter-hour, as this server saw it: means of `looks` looks. `base_w`: of what is
    no station, metered in `metered` of them; `charging_w`: of the stations at this feeder and below."""

    __tablename__ = "feeder_load"

    feeder_id: str = Field(primary_key=True)
    begins_at: datetime = Field(primary_key=True, sa_type=Utc)
    base_w: float
    charging_w: float
    looks: int
    metered: int


class DriverOffer(Row, table=True):
    """What the driver of a running session was offered for an event. `incentive`: yuan for each kWh that it draws less
    in the event's hours (or more, when load is to rise) than `usual_wh`, what it would draw there without the event.
    `promised_wh`: what the car gets until `departure`, whatever the answer. `answer`: empty, accepted, declined;
    `moved_wh` and `pay` (yuan) when the event is evaluated."""

    __tablename__ = "response_driver_offer"

    event_id: str = Field(primary_key=True, max_length=64)
    session_id: int = Field(primary_key=True, index=True, sa_type=BigInteger)
    station_id: str
    evse_id: int
    made_at: datetime = Field(sa_type=Utc)
    incentive: float
    usual_wh: float
    promised_wh: float
    departure: datetime = Field(sa_type=Utc)
    answer: str = ""
    answered_at: datetime | None = Field(default=None, sa_type=Utc)
    moved_wh: float | None = None
    pay: float | None = None
