"""Tables of the supply side as administrators changed it; what stands here wins over the settings. Times are UTC."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Column, Integer
from sqlmodel import Field

from csms.store.row import Row
from csms.store.times import Utc


class FeederRow(Row, table=True):
    """A feeder as it was set or taken away (`removed`); powers in W, `base_load_w` one value or 96 by quarter-hour."""

    __tablename__ = "feeder"

    id: str = Field(primary_key=True, max_length=64)
    parent: str = ""
    rating_w: int = Field(sa_column=Column(BigInteger, nullable=False))
    base_load_w: list[int] = Field(sa_column=Column(JSON, nullable=False))
    lowest_cap_w: int = Field(sa_column=Column(BigInteger, nullable=False))
    phase_a: float | None = None
    removed: bool = False
    added_at: datetime = Field(sa_type=Utc)
    changed_at: datetime = Field(sa_type=Utc)


class StationPlaceRow(Row, table=True):
    """Where an administrator put a station."""

    __tablename__ = "station_place"

    station_id: str = Field(primary_key=True, max_length=48)
    feeder_id: str
    moved_at: datetime = Field(sa_type=Utc)


class SupplyChange(Row, table=True):
    """A change of the tree. Its number is the next one, so of two servers that change it at once one is refused, and
    judges anew on what the other one made. `subject`: the feeder or the station."""

    __tablename__ = "supply_change"

    number: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    made_at: datetime = Field(sa_type=Utc)
    subject: str


class BaseLoadHighRow(Row, table=True):
    """The highest base load that was metered at a feeder within the last day of its metering, and in which hour."""

    __tablename__ = "base_load_high"

    feeder_id: str = Field(primary_key=True, max_length=64)
    power_w: int = Field(sa_column=Column(BigInteger, nullable=False))
    hour: datetime = Field(sa_type=Utc)
