"""Tables of what stations are asked for beyond charging. Times are UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Text
from sqlmodel import Field, SQLModel

from csms.store.tables import BIG_ID
from csms.store.times import Utc


class Operation(SQLModel, table=True):
    """What a station was asked for and goes on after its answer: an update, an upload, a report.

    `id` is the request id that its later messages carry, 1..2^31-1, never used again. `kind` names the command.
    `status` is the last word of the station, or: asked (no answer yet), unanswered (whether it acts is unknown, so it
    goes on), superseded, or the code of what kept it from being asked.
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


class FileLink(SQLModel, table=True):
    """A one-time address under which a station may send or fetch one file.

    `id` is the SHA-256 of its token in hexadecimal: who reads the database cannot use the address. `file_name` is the
    firmware to fetch, empty for an upload. `uses_left`: whole transfers that it is still good for.
    """

    __tablename__ = "file_link"

    id: str = Field(primary_key=True, max_length=64)
    station_id: str
    operation_id: int = Field(sa_type=BIG_ID)
    file_name: str = ""
    uses_left: int = 1
    made_at: datetime = Field(sa_type=Utc)
    expires_at: datetime = Field(sa_type=Utc)


class ReceivedFile(SQLModel, table=True):
    """What a station sent for an operation; it lies in the data folder under the operation's number.

    `name` is the station's word for it, never used as a path.
    """

    __tablename__ = "received_file"

    id: int = Field(primary_key=True, sa_type=BIG_ID)
    station_id: str
    name: str
    size_bytes: int = Field(sa_column=Column(BigInteger, nullable=False))
    sha256: str
    received_at: datetime = Field(sa_type=Utc)


class FirmwareFile(SQLModel, table=True):
    """Firmware that stations may fetch from this server, with its maker's signature if it was given one."""

    __tablename__ = "firmware_file"

    name: str = Field(primary_key=True, max_length=128)
    size_bytes: int = Field(sa_column=Column(BigInteger, nullable=False))
    sha256: str
    md5: str
    uploaded_at: datetime = Field(sa_type=Utc)
    signing_certificate: str = Field(default="", sa_column=Column(Text, nullable=False))
    signature: str = Field(default="", sa_column=Column(Text, nullable=False))


class InstalledCertificate(SQLModel, table=True):
    """A certificate in a station: as it told (`told_at`), as we installed or signed it (`given_at`), or both.

    `serial` is the number in one spelling; `serial_number` and the hashes are the station's own words. `expires_at` and
    `subject` are known of certificates that went through our hands.
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
    expires_at: datetime | None = Field(default=None, sa_type=Utc)
    given_at: datetime | None = Field(default=None, sa_type=Utc)
    told_at: datetime | None = Field(default=None, sa_type=Utc)


class SecurityEvent(SQLModel, table=True):
    """A security event that a station told (A04). `time` is the station's own, `critical` as in the appendix."""

    __tablename__ = "security_event"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    station_id: str = Field(index=True)
    received_at: datetime = Field(sa_type=Utc)
    time: datetime | None = Field(default=None, sa_type=Utc)
    kind: str
    info: str = ""
    critical: bool = False


class StationCredential(SQLModel, table=True):
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
