"""Tables of the central system. Times are UTC; energy in Wh, power in W, current in A.

Rows are written by the writer as plain values, never through the ORM. Migrations in `migrations/` follow this file;
a test compares the two.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, TextClause, UniqueConstraint, text
from sqlmodel import Field

from csms.store.row import Row
from csms.store.times import Moment, Utc

BIG_ID = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite numbers rows by itself only in a column of this very name, which has 64 bits there too."""


ADDED_TEXT: dict[str, Any] = {"server_default": text("''")}
"""For columns that were added to a table with rows in it."""


class Station(Row, table=True):
    """A charging station. `registered` False: it was let in by `accept_unknown`.

    `stage` as in `Stage`. `boot_wish` is what its next boot is answered, `registration` what its last one was, both as
    in `RegistrationStatus`.
    """

    id: str = Field(primary_key=True, max_length=48)
    registered: bool = True
    site_id: str = ""
    feeder_id: str = ""
    vendor: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""
    protocol: str = ""
    booted_at: datetime | None = Field(default=None, sa_type=Utc)
    last_seen_at: datetime | None = Field(default=None, sa_type=Utc)
    stage: str = Field(default="commissioned", sa_column_kwargs={"server_default": "commissioned"})
    boot_wish: str = Field(default="Accepted", sa_column_kwargs={"server_default": "Accepted"})
    registration: str = Field(default="Accepted", sa_column_kwargs={"server_default": "Accepted"})
    boot_reason: str = Field(default="", sa_column_kwargs=ADDED_TEXT)
    iccid: str = Field(default="", sa_column_kwargs=ADDED_TEXT)
    imsi: str = Field(default="", sa_column_kwargs=ADDED_TEXT)
    meter_type: str = Field(default="", sa_column_kwargs=ADDED_TEXT)
    meter_serial: str = Field(default="", sa_column_kwargs=ADDED_TEXT)


class Evse(Row, table=True):
    """Nameplate of one EVSE, from configuration (or assumed for an unknown station)."""

    station_id: str = Field(primary_key=True, foreign_key="station.id")
    evse_id: int = Field(primary_key=True)
    kind: str = "ac"
    phases: int = 3
    current_max_a: float = 32.0
    power_max_w: int = 22080
    rotation: str = Field(default="", sa_column_kwargs=ADDED_TEXT)


class Connector(Row, table=True):
    """Last state of one connector."""

    station_id: str = Field(primary_key=True, foreign_key="station.id")
    evse_id: int = Field(primary_key=True)
    connector_id: int = Field(primary_key=True)
    status: str
    error_code: str = ""
    info: str = ""
    station_time: datetime | None = Field(default=None, sa_type=Utc)
    received_at: datetime = Field(sa_type=Utc)


UNREPORTED = text("status = 'ended' AND reported_at IS NULL")
OUTBOX_NEW = text("state = 'queued'")
OUTBOX_TRIED = text("state IN ('sent', 'retry')")
"""Sessions whose orders still have to be written; as words of SQL, so that the index of just these is used."""


class Session(Row, table=True):
    """A charging session; to stations it is known by `transaction_id` alone.

    `transaction_id` is the station's word for it.
    `status` is open, aside (it runs, or ran while the station was offline, but holds no EVSE now) or ended.
    `flags` lists deviations (orphan_stop, register_reset, stop_below_start, clock_odd, offline, seq_gap, ...).
    `seq_first`, `last_seq_no` and the ranges in `seq_missing` say which events have come. `ev_needs` and `ev_schedule`
    are the car's own words; `cost` is what the driver was told at the end. `reported_at`: when its order was put into
    the outbox, or when it was passed over because it ended before there was a partner.
    """

    __table_args__: ClassVar[Any] = (
        Index("ix_session_station", "station_id", "transaction_id"),
        Index("ix_session_ended", "ended_at"),
        Index("ix_session_unreported", "id", sqlite_where=UNREPORTED, postgresql_where=UNREPORTED),
    )

    id: int = Field(primary_key=True, sa_type=BIG_ID)
    station_id: str = Field(foreign_key="station.id")
    evse_id: int
    connector_id: int = 1
    transaction_id: str
    id_token: str = ""
    status: str = Field(default="open", index=True)
    started_at: datetime = Field(sa_type=Utc)
    received_at: datetime = Field(sa_type=Utc)
    ended_at: datetime | None = Field(default=None, sa_type=Utc)
    stop_reason: str = ""
    charging_state: str = ""
    start_register_wh: float | None = None
    last_register_wh: float | None = None
    end_register_wh: float | None = None
    energy_wh: float = 0.0
    last_power_w: float | None = None
    last_soc: float | None = None
    last_sample_at: datetime | None = Field(default=None, sa_type=Utc)
    last_seq_no: int = Field(default=-1, sa_type=BigInteger)
    wanted_wh: float | None = None
    departure_at: datetime | None = Field(default=None, sa_type=Utc)
    flags: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    seq_first: int | None = Field(default=None, sa_type=BigInteger)
    seq_missing: list[list[int]] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    remote_start_id: int | None = Field(default=None, sa_type=BigInteger)
    reservation_id: int | None = Field(default=None, sa_type=BigInteger)
    charging_s: int | None = Field(default=None, sa_type=BigInteger)
    cable_max_a: int | None = Field(default=None, sa_type=BigInteger)
    phases_used: int | None = Field(default=None, sa_type=BigInteger)
    cost: float | None = None
    ev_needs: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    ev_schedule: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    reported_at: datetime | None = Field(default=None, sa_type=Utc)


class MeteringPoint(Row, table=True):
    """Where samples are metered: an EVSE (0: the station itself).

    `transaction_id` is empty but for samples that name a transaction which is not known: they stay apart under the
    station's word for it.
    """

    __tablename__ = "metering_point"
    __table_args__: ClassVar[Any] = (
        UniqueConstraint("station_id", "evse_id", "transaction_id", name="uq_metering_point"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    station_id: str
    evse_id: int
    transaction_id: str = ""


class Quantity(Row, table=True):
    """What a sample is a value of, in its base unit."""

    __table_args__: ClassVar[Any] = (
        UniqueConstraint("measurand", "phase", "context", "location", "unit", name="uq_quantity"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    measurand: str
    phase: str = ""
    context: str = ""
    location: str = ""
    unit: str = ""


class Sample(Row, table=True):
    """One metered value; equal ones sent twice (offline replays) are stored once.

    Rows lie in the order of their key (docs/decisions/0006): POINTS_PER_BANK metering points share a bank, in which
    time rules. So a commit changes a few pages instead of one for each station, and a session's curve is found by
    reading a stretch of its bank. PostgreSQL: also a partition for each day, with a small index on the time.
    """

    __table_args__: ClassVar[Any] = (
        Index("ix_sample_time", "time", postgresql_using="brin").ddl_if(dialect="postgresql"),
        {"sqlite_with_rowid": False, "postgresql_partition_by": "RANGE (time)"},
    )

    bank: int = Field(primary_key=True, sa_type=BigInteger)
    time: datetime = Field(primary_key=True, sa_type=Moment)
    point_id: int = Field(primary_key=True, sa_type=BigInteger)
    quantity_id: int = Field(primary_key=True, sa_type=BigInteger)
    value: float
    session_id: int | None = Field(default=None, sa_type=BigInteger)
    received_at: datetime = Field(sa_type=Moment)


class Rollup(Row, table=True):
    """Samples of one point and quantity within `grain_s` seconds from `begins_at`: 900, or 86400 for a UTC day."""

    __table_args__: ClassVar[Any] = ({"sqlite_with_rowid": False},)

    point_id: int = Field(primary_key=True)
    grain_s: int = Field(primary_key=True)
    begins_at: datetime = Field(primary_key=True, sa_type=Moment)
    quantity_id: int = Field(primary_key=True)
    samples: int
    minimum: float
    maximum: float
    mean: float
    first: float
    last: float
    first_at: datetime = Field(sa_type=Moment)
    last_at: datetime = Field(sa_type=Moment)


class RollupDue(Row, table=True):
    """A note that a bucket has to be computed (again). Written with the sample that makes it so."""

    __tablename__ = "rollup_due"
    __table_args__: ClassVar[Any] = ({"sqlite_with_rowid": False},)

    grain_s: int = Field(primary_key=True)
    begins_at: datetime = Field(primary_key=True, sa_type=Moment)
    point_id: int = Field(primary_key=True)


class Tally(Row, table=True):
    """Sums that are kept with each transaction, because counting the rows would take too long.

    `holder` is who adds up; the sum over all holders counts. `samples`: ever stored; `samples_deleted`: by retention,
    so the table holds the difference. `rolled_up_until`: a moment in seconds since 1970, see `rollup`.
    """

    name: str = Field(primary_key=True)
    holder: str = Field(primary_key=True)
    value: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))


class IdToken(Row, table=True):
    """A card or app token. `status` as in `AuthorizationStatus`, `token_type` as OCPP 2.0.1 has it (empty: any).

    `folded` is what it is found by: the case of letters does not count. `expires_at` ends the token,
    `cache_expires_at` what a station remembers of it. `allowed` are the stations (`CP-1`) and EVSEs (`CP-1/2`) where it
    may charge, none for everywhere.
    """

    __tablename__ = "id_token"

    id_token: str = Field(primary_key=True, max_length=64)
    status: str = "Accepted"
    group_id: str = ""
    expires_at: datetime | None = Field(default=None, sa_type=Utc)
    folded: str = Field(default="", index=True, sa_column_kwargs=ADDED_TEXT)
    token_type: str = Field(default="", sa_column_kwargs=ADDED_TEXT)
    cache_expires_at: datetime | None = Field(default=None, sa_type=Utc)
    languages: list[str] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    message: str = Field(default="", sa_column_kwargs=ADDED_TEXT)
    allowed: list[str] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))


class Notice(Row, table=True):
    """What is worth keeping without a table of its own: orphan stops, vendor messages, deviations, security events."""

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    station_id: str = Field(index=True)
    received_at: datetime = Field(sa_type=Utc)
    code: str
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class LimitRow(Row, table=True):
    """A limit as acknowledged to its source; every version is kept, the highest one counts. `blocks`: (start, W)."""

    __tablename__ = "grid_limit"

    source: str = Field(primary_key=True)
    feeder_id: str = Field(primary_key=True)
    limit_id: str = Field(primary_key=True)
    version: int = Field(primary_key=True, sa_type=BigInteger)
    power_w: int = Field(sa_column=Column(BigInteger, nullable=False))
    valid_from: datetime = Field(sa_type=Utc)
    valid_to: datetime = Field(sa_type=Utc)
    issued_at: datetime = Field(sa_type=Utc)
    received_at: datetime = Field(sa_type=Utc)
    cancelled: bool = False
    reason: str = ""
    direction: str = Field(default="import", sa_column_kwargs={"server_default": "import"})
    priority: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    blocks: list[Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    failsafe_w: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))


class FailsafeRow(Row, table=True):
    """What a source of limits stated last for its silence, by feeder; it wins over the configuration."""

    __tablename__ = "grid_failsafe"

    source: str = Field(primary_key=True)
    feeder_id: str = Field(primary_key=True)
    power_w: int = Field(sa_column=Column(BigInteger, nullable=False))


class PlanRow(Row, table=True):
    """A plan as adopted: what the optimiser wanted and how good it certifies to be."""

    __tablename__ = "plan"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    feeder_id: str = Field(index=True)
    made_at: datetime = Field(sa_type=Utc)
    cause: str
    method: str
    objective: float
    lower_bound: float
    gap: float
    solve_s: float
    content: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class ProfileRow(Row, table=True):
    """A charging profile sent to a station. `status`: sent, Accepted, Rejected, NotSupported, timeout, error.

    `seen_at`: when metering first showed that the EVSE keeps it.
    """

    __tablename__ = "charging_profile"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    station_id: str = Field(index=True)
    evse_id: int
    session_id: int | None = Field(default=None, sa_type=BigInteger)
    profile_id: int
    purpose: str
    limit_w: int
    content: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    sent_at: datetime = Field(sa_type=Utc)
    answered_at: datetime | None = Field(default=None, sa_type=Utc)
    status: str = "sent"
    seen_at: datetime | None = Field(default=None, sa_type=Utc)


class UpperBoundRow(Row, table=True):
    """Write-ahead row of the safety ledger: the most one EVSE may be drawing, durable before a frame goes out.

    `places`: the feeders with whose room it was granted; `lines_ma`: milliampere on each of their conductors;
    `limits`: those that made it, {session, acknowledged, sent: [...]}, each [W, until, renewed before or null, phases];
    `boot`, `uptime_s`: in which run of the machine it was written, and how long that had lasted: clocks are set.
    """

    __tablename__ = "upper_bound"

    station_id: str = Field(primary_key=True)
    evse_id: int = Field(primary_key=True)
    upper_bound_w: int
    until: datetime = Field(sa_type=Utc)
    places: list[str] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    lines_ma: list[int] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    updated_at: datetime = Field(sa_type=Utc)
    boot: str | None = None
    uptime_s: float | None = None
    limits: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))


def _waiting(name: str, which: TextClause) -> Index:
    """What waits in the outbox, in the order of sending."""
    return Index(name, "partner", "interface", "next_at", "id", sqlite_where=which, postgresql_where=which)


class OutboxRow(Row, table=True):
    """A message for a partner platform. `state`: queued, sent, retry, acked, dead.

    Ids are never used again: a late answer to a message that was replaced must not hit its successor.
    """

    __tablename__ = "outbox"
    __table_args__: ClassVar[Any] = (
        Index("ix_outbox_due", "partner", "state", "next_at"),
        Index("ix_outbox_key", "partner", "interface", "business_key"),
        _waiting("ix_outbox_new", OUTBOX_NEW),
        _waiting("ix_outbox_tried", OUTBOX_TRIED),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    partner: str
    interface: str
    business_key: str
    payload: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    state: str = "queued"
    attempts: int = 0
    created_at: datetime = Field(sa_type=Utc)
    next_at: datetime = Field(sa_type=Utc)
    acked_at: datetime | None = Field(default=None, sa_type=Utc)
    last_code: int | None = Field(default=None, sa_type=BigInteger)
    last_error: str = ""


class ExternalId(Row, table=True):
    """Our key to a platform's identifier: generated once, never recycled."""

    __tablename__ = "external_id"
    __table_args__: ClassVar[Any] = (UniqueConstraint("scope", "external", name="uq_external_id"),)

    scope: str = Field(primary_key=True)
    local: str = Field(primary_key=True)
    external: str
