"""Tables of certificates, proofs, security events and alerts. Times are UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Column, Index, Text, text
from sqlmodel import Field

from csms.store.row import Row
from csms.store.tables import BIG_ID
from csms.store.times import Utc


class InstalledCertificate(Row, table=True):
    """A certificate in a station: as it told (`told_at`), as we installed or signed it (`given_at`), or both.

    `serial` is the number in one spelling; `serial_number` and the hashes are the station's own words. `begins_at`,
    `expires_at` and `subject` are known of certificates that went through our hands, or that it proved itself with.
    """

    __tablename__ = "installed_certificate"

    station_id: str = Field(primary_key=True)
    use: str = Field(primary_key=True)
    serial: str = Field(primary_key=True)
    algorithm: str = ""
    issuer_name_hash: str = ""
    issuer_key_hash: str = ""
    serial_number: str = ""
    subject: str = ""
    begins_at: datetime | None = Field(default=None, sa_type=Utc)
    expires_at: datetime | None = Field(default=None, sa_type=Utc)
    given_at: datetime | None = Field(default=None, sa_type=Utc)
    told_at: datetime | None = Field(default=None, sa_type=Utc)


class SecurityEvent(Row, table=True):
    """A security event that a station told (A04), or that this server raised (`origin` csms; `station_id` empty when it
    is about none). `time` is the station's own, `critical` as in the appendix, `raw` the message as it came (JSON).
    """

    __tablename__ = "security_event"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    station_id: str = Field(index=True)
    received_at: datetime = Field(sa_type=Utc)
    time: datetime | None = Field(default=None, sa_type=Utc)
    kind: str
    info: str = ""
    critical: bool = False
    origin: str = Field(default="station", sa_column_kwargs={"server_default": "station"})
    raw: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=text("''")))


class Alert(Row, table=True):
    """A matter that a person should look at: a kind and a station, or none. What happens again while it is open is
    counted (`count`, `last_at`, `info` of the last time); acknowledged, it is closed, and the next time opens another.
    """

    __table_args__: ClassVar[Any] = (Index("ix_alert_matter", "kind", "station_id", "acknowledged_at"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    kind: str
    station_id: str = ""
    opened_at: datetime = Field(sa_type=Utc)
    last_at: datetime = Field(sa_type=Utc)
    count: int = 1
    info: str = ""
    acknowledged_at: datetime | None = Field(default=None, sa_type=Utc)
    acknowledged_by: str = ""
    note: str = ""


class RootApproval(Row, table=True):
    """A root certificate that somebody wants to give to stations; it may be once another person has agreed.

    `fingerprint`: SHA-256 of its DER form, hexadecimal.
    """

    __tablename__ = "root_approval"

    fingerprint: str = Field(primary_key=True, max_length=64)
    subject: str
    expires_at: datetime = Field(sa_type=Utc)
    proposed_by: str
    proposed_at: datetime = Field(sa_type=Utc)
    approved_by: str = ""
    approved_at: datetime | None = Field(default=None, sa_type=Utc)


class StationProof(Row, table=True):
    """How a station has to prove itself: `profile` is the lowest security profile that is let in, which rises by itself
    (A05.FR.09); `serial` what its certificate must be made out to (A00.FR.405), empty: none is taken.

    `claimed`: what the certificate of a stranger is made out to; it becomes the serial when somebody approves.
    """

    __tablename__ = "station_proof"

    station_id: str = Field(primary_key=True)
    profile: int = 0
    serial: str = ""
    claimed: str = ""
    changed_at: datetime = Field(sa_type=Utc)


class StationCredential(Row, table=True):
    """The password of a station, as salted hashes: `in_force` before the last change, `wanted` since.

    `status` is what the station answered to the change, or asked, or unanswered: until it shows by its use of `wanted`
    that the change came about, it may use either. A refused `wanted` is empty.
    """

    __tablename__ = "station_credential"

    station_id: str = Field(primary_key=True)
    in_force: str = ""
    wanted: str = ""
    status: str = ""
    changed_at: datetime = Field(sa_type=Utc)
