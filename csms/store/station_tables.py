"""Tables of what stations are asked for beyond charging. Times are UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Column, Index, Text
from sqlmodel import Field

from csms.store.row import Row
from csms.store.tables import BIG_ID
from csms.store.times import Utc


class Operation(Row, table=True):
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


class VariableRow(Row, table=True):
    """One attribute of a variable as a station told it last, or a configuration key of 1.6 (then without a component).

    `key` is the name without regard to case. A value that is a secret is never kept, see `csms.model.device`.
    `reboot_required`: it was set, and counts after the next boot.
    """

    __tablename__ = "variable"

    station_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    name: str
    component: str = ""
    component_instance: str = ""
    evse_id: int | None = None
    connector_id: int | None = None
    variable: str
    variable_instance: str = ""
    attribute: str = "Actual"
    value: str | None = Field(default=None, sa_column=Column(Text))
    mutability: str = ""
    data_type: str = ""
    unit: str = ""
    min_limit: float | None = None
    max_limit: float | None = None
    values_list: str = ""
    monitored: bool = False
    reboot_required: bool = False
    reported_at: datetime = Field(sa_type=Utc)


class MonitorRow(Row, table=True):
    """A monitor on a variable as the station told it last; `severity` 0 is the worst."""

    __tablename__ = "monitor"

    station_id: str = Field(primary_key=True)
    monitor_id: int = Field(primary_key=True)
    name: str
    kind: str
    value: float
    severity: int
    in_transaction: bool = False
    reported_at: datetime = Field(sa_type=Utc)


class EventRow(Row, table=True):
    """Something that happened to a variable. `open`: an alert that has not been cleared yet.

    `severity` is that of the monitor, None when it is not known.
    """

    __tablename__ = "station_event"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    station_id: str = Field(index=True)
    event_id: int
    occurred_at: datetime = Field(sa_type=Utc)
    received_at: datetime = Field(sa_type=Utc)
    trigger: str
    name: str
    value: str = Field(default="", sa_column=Column(Text, nullable=False))
    severity: int | None = None
    monitor_id: int | None = None
    cause_id: int | None = None
    cleared: bool = False
    open: bool = Field(default=False, index=True)
    transaction_id: str = ""
    tech_code: str = ""
    tech_info: str = ""
    origin: str = ""


class LocalListRow(Row, table=True):
    """The local list of a station as it acknowledged it: `entries` hold by token its type and a digest of what is said.

    `version` 0: nothing is known of it, -1: the station has none. `chosen` None: all tokens; those that are `left_out`
    are never on it.
    """

    __tablename__ = "local_list"

    station_id: str = Field(primary_key=True)
    version: int = 0
    status: str = ""
    entries: dict[str, list[str]] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    chosen: list[str] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    left_out: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    changed_at: datetime = Field(sa_type=Utc)


class Reservation(Row, table=True):
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


class DisplayMessage(Row, table=True):
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


class InstalledProfile(Row, table=True):
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


class ExternalLimit(Row, table=True):
    """A limit that somebody else set on a station (EVSE 0) or an EVSE. `cleared_at` None: it holds."""

    __tablename__ = "external_limit"

    station_id: str = Field(primary_key=True)
    evse_id: int = Field(primary_key=True)
    source: str = Field(primary_key=True)
    grid_critical: bool | None = None
    schedules: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    received_at: datetime = Field(sa_type=Utc)
    cleared_at: datetime | None = Field(default=None, sa_type=Utc)


class SignedValue(Row, table=True):
    """A metered value as the meter signed it: evidence, kept as long as its session, else as long as samples."""

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


class WantedAvailability(Row, table=True):
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


class StateChange(Row, table=True):
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


class FileLink(Row, table=True):
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


class ReceivedFile(Row, table=True):
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


class FirmwareFile(Row, table=True):
    """Firmware that stations may fetch from this server, with its maker's signature if it was given one."""

    __tablename__ = "firmware_file"

    name: str = Field(primary_key=True, max_length=128)
    size_bytes: int = Field(sa_column=Column(BigInteger, nullable=False))
    sha256: str
    md5: str
    uploaded_at: datetime = Field(sa_type=Utc)
    signing_certificate: str = Field(default="", sa_column=Column(Text, nullable=False))
    signature: str = Field(default="", sa_column=Column(Text, nullable=False))


class LimitRung(Row, table=True):
    """On which rung of the limit ladder a station stands, for its floor or for the limits of its sessions (`role`).

    `vendor`, `model`, `firmware`: what it was when that was found out; others of the same kind begin there. `state` and
    the rest as in `csms.charging.ladder.Track`. `changed_at`: since when it is in this state.
    """

    __tablename__ = "limit_rung"

    station_id: str = Field(primary_key=True)
    role: str = Field(primary_key=True)
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    state: str
    rung: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    proof: str = ""
    changed_at: datetime = Field(sa_type=Utc)
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
