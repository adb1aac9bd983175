"""Tables of the supervising platform's intake, in a metadata of their own. Times are UTC, energy in kWh, money in yuan.

`intake_message` is the log of every call, taken or refused; the others hold the present state by business id.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from csms.store.times import Utc


class Intake(SQLModel, registry=registry()):
    """Base of the intake tables."""


class IntakeMessage(Intake, table=True):
    """One call. `review`: a stored business id came with other content; then `body` keeps what came."""

    __tablename__ = "intake_message"
    __table_args__ = (Index("intake_message_operator_time", "operator_id", "received_at"),)

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    )
    received_at: datetime = Field(sa_type=Utc, index=True)
    operator_id: str = ""
    interface: str
    business_id: str = ""
    http_status: int
    ret: int | None = None
    reason: str = ""
    defects: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    size_bytes: int = 0
    latency_us: int = 0
    pulled: bool = False
    replay_key: str = ""
    stamped_at: datetime | None = Field(default=None, sa_type=Utc)
    duplicate: bool = False
    review: bool = False
    body: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class IntakeOrder(Intake, table=True):
    """An accepted order; it is stored once. `ended_local`: its EndTime as on the wire. When retention has taken its
    content (`{}`), the rest stays, so that the same order is known again."""

    __tablename__ = "intake_order"
    __table_args__ = (
        Index("intake_order_ended", "operator_id", "ended_local"),
        Index("intake_order_received", "operator_id", "received_at"),
    )

    operator_id: str = Field(primary_key=True)
    business_id: str = Field(primary_key=True)
    content_sha256: str
    received_at: datetime = Field(sa_type=Utc)
    energy_kwh: float = 0.0
    money_yuan: float = 0.0
    ended_local: str = ""
    content: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class IntakeStatus(Intake, table=True):
    """Last pushed state of a connector."""

    __tablename__ = "intake_status"

    operator_id: str = Field(primary_key=True)
    business_id: str = Field(primary_key=True)
    status: int
    received_at: datetime = Field(sa_type=Utc)
    changes: int = 1


class IntakeSession(Intake, table=True):
    """Last snapshot of a charging session."""

    __tablename__ = "intake_session"

    operator_id: str = Field(primary_key=True)
    business_id: str = Field(primary_key=True)
    received_at: datetime = Field(sa_type=Utc, index=True)
    snapshots: int = 1
    content: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class IntakeStation(Intake, table=True):
    """A station as last told."""

    __tablename__ = "intake_station"

    operator_id: str = Field(primary_key=True)
    business_id: str = Field(primary_key=True)
    received_at: datetime = Field(sa_type=Utc)
    content: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class IntakeToken(Intake, table=True):
    """The access token an operator holds."""

    __tablename__ = "intake_token"

    operator_id: str = Field(primary_key=True)
    token: str
    issued_at: datetime = Field(sa_type=Utc)
    expires_at: datetime = Field(sa_type=Utc)


class IntakeKey(Intake, table=True):
    """A set of secrets of an operator and direction (csms.province.keys.KeyRecord); none is readable here."""

    __tablename__ = "intake_key"

    partner: str = Field(primary_key=True)
    direction: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    sealed: str
    fingerprint: str
    made_at: datetime = Field(sa_type=Utc)
    used_at: datetime | None = Field(default=None, sa_type=Utc)
    retired_at: datetime | None = Field(default=None, sa_type=Utc)


class IntakeCheck(Intake, table=True):
    """A result of a reconciliation: how many orders were listed, what was disputed, and orders of ours that were not
    listed. One that is asked again and comes out otherwise is a row more; no row is ever changed."""

    __tablename__ = "intake_check_result"
    __table_args__ = (
        Index("intake_check_result_thing", "operator_id", "business_id", "id"),
        Index("intake_check_result_time", "operator_id", "received_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    operator_id: str
    business_id: str
    content_sha256: str
    received_at: datetime = Field(sa_type=Utc)
    listed: int
    disputes: list[list[Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    unlisted: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))


class IntakePull(Intake, table=True):
    """When an operator was asked last: for all stations, for changed ones, for states."""

    __tablename__ = "intake_pull"

    operator_id: str = Field(primary_key=True)
    full_at: datetime | None = Field(default=None, sa_type=Utc)
    changed_at: datetime | None = Field(default=None, sa_type=Utc)
    states_at: datetime | None = Field(default=None, sa_type=Utc)


class QualityDay(Intake, table=True):
    """A judged day of an operator: the published document, and its digest for whoever recomputes it."""

    __tablename__ = "quality_day"

    operator_id: str = Field(primary_key=True)
    day: str = Field(primary_key=True)
    judged_at: datetime = Field(sa_type=Utc)
    grade: str
    digest: str
    document: str
    written: str = ""
    """Digest of the judgement whose page was written, and sent to the operator."""
    mailed: str = ""


class QualityHour(Intake, table=True):
    """Calls of an operator by interface and hour (section 18.3)."""

    __tablename__ = "quality_hour"

    operator_id: str = Field(primary_key=True)
    interface: str = Field(primary_key=True)
    hour: datetime = Field(sa_type=Utc, primary_key=True, index=True)
    document: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class QualityAlarm(Intake, table=True):
    """An alarm to an operator: raised, told, acknowledged, over."""

    __tablename__ = "quality_alarm"

    id: int | None = Field(default=None, primary_key=True)
    operator_id: str = Field(index=True)
    name: str
    subject: str = ""
    detail: str = ""
    level: int = 1
    raised_at: datetime = Field(sa_type=Utc)
    seen_at: datetime = Field(sa_type=Utc)
    told_at: datetime | None = Field(default=None, sa_type=Utc)
    told_level: int = 0
    acknowledged_at: datetime | None = Field(default=None, sa_type=Utc)
    acknowledged_by: str = ""
    over_at: datetime | None = Field(default=None, sa_type=Utc)


class EvidenceLog(Intake, table=True):
    """The end of an operator's evidence log: how many records, the chain, and the day that the next one belongs to."""

    __tablename__ = "evidence_log"

    operator_id: str = Field(primary_key=True)
    size: int = 0
    chain: bytes
    last_day: str
    hash: str = Field(default="sha256", sa_column_kwargs={"server_default": "sha256"})


class EvidenceRecord(Intake, table=True):
    """An accepted message in canonical bytes, with its hash as a leaf and the chain up to it. Never changed, but that
    retention takes the bytes of old ones (`record` is empty then); the hashes stay."""

    __tablename__ = "evidence_record"
    __table_args__ = (
        Index("evidence_record_newest", "operator_id", "kind", "business_id", "number"),
        Index("evidence_record_day", "operator_id", "day"),
        Index("evidence_record_time", "operator_id", "received_at"),
    )

    operator_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    day: str
    kind: str
    business_id: str
    received_at: datetime = Field(sa_type=Utc)
    record: bytes
    leaf: bytes
    chain: bytes


class EvidenceNode(Intake, table=True):
    """A complete subtree of a log's Merkle tree, of 2^level leaves from place * 2^level on; leaves stand with their
    records."""

    __tablename__ = "evidence_node"

    operator_id: str = Field(primary_key=True)
    level: int = Field(primary_key=True)
    place: int = Field(primary_key=True)
    hash: bytes


class EvidenceHead(Intake, table=True):
    """The signed head of a local day."""

    __tablename__ = "evidence_head"

    operator_id: str = Field(primary_key=True)
    day: str = Field(primary_key=True)
    size: int
    document: str
    peaks: bytes


class QualityProfile(Intake, table=True):
    """A platform profile that days were judged by, so that an appeal has it after it was changed."""

    __tablename__ = "quality_profile"

    digest: str = Field(primary_key=True)
    document: str


class RetentionMark(Intake, table=True):
    """How far retention has come with a kind of data of an operator: to which record of the evidence log (`number`) or
    which time of arrival (`reached_at`) it has looked, and before which moment things may be gone."""

    __tablename__ = "retention_mark"

    operator_id: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    number: int = 0
    reached_at: datetime | None = Field(default=None, sa_type=Utc)
    gone_before: datetime = Field(sa_type=Utc)


class HeadGiven(Intake, table=True):
    """The newest day whose signed head an operator was given by a channel."""

    __tablename__ = "evidence_head_given"

    operator_id: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    day: str
