"""Tables of what stations are asked for beyond charging. Times are UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Column, Index, Text
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


class Reservation(SQLModel, table=True):
    """An outlet held free for a token. `id` is that of its operation, so it is never used again.

    `state` as in `ReservationState`; `answer` is the station's word on the last request about it. EVSE 0: any.
    """

    id: int = Field(primary_key=True, sa_type=BIG_ID)
    station_id: str = Field(index=True)
    evse_id: int = 0
    connector_type: str = ""
    id_token: str
    token_type: str = ""
    group_id: str = ""
    expires_at: datetime = Field(sa_type=Utc)
    made_at: datetime = Field(sa_type=Utc)
    changed_at: datetime = Field(sa_type=Utc)
    state: str = Field(index=True)
    answer: str = ""
    session_id: int | None = Field(default=None, sa_type=BigInteger)


class DisplayMessage(SQLModel, table=True):
    """A message on the display of a station, as it was sent or as the station reported it.

    `status`: asked, Accepted, unanswered, a refusal of the station, Cleared, Over (its end or that of its session),
    Replaced (by another one that is always in front), Missing (the station told all its messages without this one).
    """

    __tablename__ = "display_message"

    station_id: str = Field(primary_key=True)
    message_id: int = Field(primary_key=True, sa_type=BigInteger)
    status: str
    priority: str = ""
    state: str = ""
    starts_at: datetime | None = Field(default=None, sa_type=Utc)
    ends_at: datetime | None = Field(default=None, sa_type=Utc)
    transaction_id: str = ""
    format: str = ""
    language: str = ""
    content: str = Field(sa_column=Column(Text, nullable=False))
    display: str = ""
    evse_id: int | None = None
    sent_at: datetime | None = Field(default=None, sa_type=Utc)
    reported_at: datetime | None = Field(default=None, sa_type=Utc)


class InstalledProfile(SQLModel, table=True):
    """A charging profile that a station said it keeps; `source` is who set it (CSO, EMS, SO, Other)."""

    __tablename__ = "installed_profile"

    station_id: str = Field(primary_key=True)
    evse_id: int = Field(primary_key=True)
    profile_id: int = Field(primary_key=True, sa_type=BigInteger)
    source: str = ""
    purpose: str = ""
    stack_level: int = 0
    content: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    reported_at: datetime = Field(sa_type=Utc)


class ExternalLimit(SQLModel, table=True):
    """A limit that somebody else set on a station (EVSE 0) or an EVSE. `cleared_at` None: it holds."""

    __tablename__ = "external_limit"

    station_id: str = Field(primary_key=True)
    evse_id: int = Field(primary_key=True)
    source: str = Field(primary_key=True)
    grid_critical: bool | None = None
    schedules: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    received_at: datetime = Field(sa_type=Utc)
    cleared_at: datetime | None = Field(default=None, sa_type=Utc)


class SignedValue(SQLModel, table=True):
    """A metered value as the meter signed it: evidence, kept as long as the session."""

    __tablename__ = "signed_value"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    station_id: str
    evse_id: int
    session_id: int | None = Field(default=None, index=True, sa_type=BigInteger)
    transaction_id: str = ""
    time: datetime = Field(sa_type=Utc)
    received_at: datetime = Field(sa_type=Utc)
    measurand: str = ""
    context: str = ""
    signing: str = ""
    encoding: str = ""
    public_key: str = Field(sa_column=Column(Text, nullable=False))
    data: str = Field(sa_column=Column(Text, nullable=False))


class WantedAvailability(SQLModel, table=True):
    """What an operator wants of a station (EVSE 0), an EVSE (connector 0) or a connector, until the station does it.

    `answer` is the station's last word: Accepted, Scheduled, Rejected, or unanswered.
    """

    __tablename__ = "wanted_availability"

    station_id: str = Field(primary_key=True)
    evse_id: int = Field(primary_key=True)
    connector_id: int = Field(primary_key=True)
    operative: bool
    answer: str = ""
    asked_at: datetime = Field(sa_type=Utc)
    sent_at: datetime = Field(sa_type=Utc)


class StateChange(SQLModel, table=True):
    """A connector (or a session: `session_id`) went into another state; repeated reports of the same leave no row."""

    __tablename__ = "state_change"
    __table_args__: ClassVar[Any] = (Index("ix_state_change_evse", "station_id", "evse_id", "id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    station_id: str
    evse_id: int
    connector_id: int
    session_id: int | None = Field(default=None, index=True, sa_type=BigInteger)
    state: str
    error_code: str = ""
    cause: str = ""
    at: datetime = Field(sa_type=Utc)
    received_at: datetime = Field(sa_type=Utc)
