"""Tables of the provincial interface besides the outbox and the identifiers. Times are UTC, powers in W."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index
from sqlmodel import Field

from csms.store.row import Row
from csms.store.times import Utc


class ProvinceKey(Row, table=True):
    """A set of secrets of a partner and direction. `sealed` is empty for number 0: those stand in the settings."""

    __tablename__ = "province_key"

    partner: str = Field(primary_key=True)
    direction: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    sealed: str = ""
    fingerprint: str = ""
    made_at: datetime = Field(sa_type=Utc)
    used_at: datetime | None = Field(default=None, sa_type=Utc)
    retired_at: datetime | None = Field(default=None, sa_type=Utc)


class ProvinceStart(Row, table=True):
    """A session that a partner asked for. `number` is its StartChargeSeq, `stat` a StartChargeSeqStat, `connector` the
    ConnectorID as the partner knows it. `told_at`: when what came of it was put into the outbox; likewise of the end
    that it asked for at `stop_asked_at`."""

    __tablename__ = "province_start"

    partner: str = Field(primary_key=True)
    number: str = Field(primary_key=True)
    connector: str
    station_id: str
    evse_id: int
    asked_at: datetime = Field(sa_type=Utc)
    remote_start_id: int = Field(sa_type=BigInteger, unique=True)
    session_id: int | None = Field(default=None, sa_type=BigInteger)
    stat: int = 1
    fail_reason: int = 0
    told_at: datetime | None = Field(default=None, sa_type=Utc)
    stop_asked_at: datetime | None = Field(default=None, sa_type=Utc)
    stop_told_at: datetime | None = Field(default=None, sa_type=Utc)


class ProvinceSite(Row, table=True):
    """When what is told of a site changed last, for a partner that asks for changes only."""

    __tablename__ = "province_site"

    site_id: str = Field(primary_key=True)
    digest: str
    changed_at: datetime = Field(sa_type=Utc)


class ProvinceSeen(Row, table=True):
    """An envelope of a partner that was taken: the key of `csms.province.replay`, and from when on its TimeStamp alone
    keeps it out."""

    __tablename__ = "province_seen"
    __table_args__: ClassVar[Any] = (Index("ix_province_seen_expires", "expires_at"),)

    key: str = Field(primary_key=True)
    expires_at: datetime = Field(sa_type=Utc)
