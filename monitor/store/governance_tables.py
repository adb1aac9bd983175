"""Tables of the one set of facts: what is known of each charging order, from where, what was repaired, what waits for a
person, and what a day of a station earned. Times are UTC, energy in Wh, money in yuan.

A row of a source is known by its `key`: the line of a file, the id of a session, the number of a partner's order.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, Column, UniqueConstraint
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from csms.store.times import Utc


class State(StrEnum):
    """Of a row in quarantine. `settled`: nobody decided, but its source told it right later."""

    HELD = "held"
    RELEASED = "released"
    DROPPED = "dropped"
    SETTLED = "settled"


class Kind(StrEnum):
    """Of a source: a file that was imported, stations over OCPP, a partner's orders."""

    FILE = "file"
    STATIONS = "stations"
    PARTNER = "partner"


class Governance(SQLModel, registry=registry()):
    """Base of the tables."""


class GovernedSource(Governance, table=True):
    """Where facts come from. `digest` tells sources apart: of a file its content, else the kind and a name.

    `mapping` is what a file was read by; `read_to` how far a source that goes on was read.
    """

    __tablename__ = "governed_source"

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Kind.FILE
    digest: str = Field(unique=True)
    name: str
    mapping: str = ""
    taken_at: datetime = Field(sa_type=Utc)
    read_to: datetime | None = Field(default=None, sa_type=Utc)


class GovernedOrder(Governance, table=True):
    """One fact. `cause`: the rule of physics that doubts it (empty: none). `raw_digest`: of what it was read from, so
    that the same is not read twice; `same_as`: an order of a better source that tells of the same charge. The price is
    a mean over `periods` priced parts (0: not told); `capacity_wh` is that of the car's battery, by its own word;
    hashes name a user and a vehicle and tell nobody who they are.
    """

    __tablename__ = "governed_order"
    __table_args__: ClassVar[Any] = (UniqueConstraint("source_id", "key"),)

    id: int | None = Field(default=None, primary_key=True)
    source_id: int = Field(foreign_key="governed_source.id", index=True)
    key: str
    number: str = Field(index=True)
    operator: str
    station: str
    connector: str
    start: datetime = Field(sa_type=Utc, index=True)
    end: datetime = Field(sa_type=Utc)
    energy_wh: float
    meter_start_wh: float | None = None
    meter_stop_wh: float | None = None
    fee_yuan: float | None = None
    price_yuan_per_kwh: float | None = None
    periods: int = 0
    capacity_wh: float | None = None
    user_hash: str = ""
    vehicle_hash: str = ""
    cause: str = ""
    released: bool = False
    version: int = 1
    raw_digest: str = ""
    same_as: int | None = None
    taken_at: datetime | None = Field(default=None, sa_type=Utc)


class GovernedVersion(Governance, table=True):
    """What an order said before it was replaced."""

    __tablename__ = "governed_version"

    id: int | None = Field(default=None, primary_key=True)
    order_id: int = Field(foreign_key="governed_order.id", index=True)
    version: int
    replaced_at: datetime = Field(sa_type=Utc)
    document: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class GovernedRepair(Governance, table=True):
    """What was done to a row: the rule, what stood there before and what stands there now. One that was `undone_at` is
    not made again.
    """

    __tablename__ = "governed_repair"

    id: int | None = Field(default=None, primary_key=True)
    source_id: int = Field(foreign_key="governed_source.id", index=True)
    key: str
    rule: str
    detail: str
    before: str = ""
    after: str = ""
    undone_at: datetime | None = Field(default=None, sa_type=Utc)
    note: str = ""


class GovernedSeries(Governance, table=True):
    """Of which samples a row is made: one measurand of a session, from its first sample to its last by the station's
    clock, and the span by ours in which the messages came that held them: by it they are found among the frames.
    """

    __tablename__ = "governed_series"

    source_id: int = Field(primary_key=True, foreign_key="governed_source.id")
    key: str = Field(primary_key=True)
    measurand: str = Field(primary_key=True)
    samples: int
    first_at: datetime = Field(sa_type=Utc)
    last_at: datetime = Field(sa_type=Utc)
    heard_from: datetime = Field(sa_type=Utc)
    heard_to: datetime = Field(sa_type=Utc)


class GovernedDue(Governance, table=True):
    """A local day of a station that has to be judged: written with whatever makes it so, gone when it is judged."""

    __tablename__ = "governed_due"

    source_id: int = Field(primary_key=True, foreign_key="governed_source.id")
    station: str = Field(primary_key=True)
    day: str = Field(primary_key=True)


class QuarantinedRow(Governance, table=True):
    """A row that is no fact yet: what is wrong with it, and the row as it came."""

    __tablename__ = "quarantined_row"
    __table_args__: ClassVar[Any] = (UniqueConstraint("source_id", "key"),)

    id: int | None = Field(default=None, primary_key=True)
    source_id: int = Field(foreign_key="governed_source.id", index=True)
    key: str
    faults: list[dict[str, str]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    raw: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    state: str = State.HELD
    note: str = ""
    decided_at: datetime | None = Field(default=None, sa_type=Utc)


class GovernedDay(Governance, table=True):
    """What a station's orders of one local day earned by a set of rules; `broken`: how often, by rule."""

    __tablename__ = "governed_day"

    operator: str = Field(primary_key=True)
    station: str = Field(primary_key=True)
    day: str = Field(primary_key=True)
    orders: int
    doubted: int
    score: float
    dimensions: dict[str, float] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    broken: dict[str, int] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    rule_set: str
    judged_at: datetime = Field(sa_type=Utc)
