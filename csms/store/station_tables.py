"""Tables of what stations are asked for beyond charging. Times are UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Column, Index, Text, text
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


class DerControl(Row, table=True):
    """A DER control as a station holds it (2.1 block R), by what it accepted and what it reported.

    `active`: whether it says that a control for a time is in force; None: it said nothing. `setting`: as we set it, or
    as the station reported it (then under the names of OCPP).
    """

    __tablename__ = "der_control"

    station_id: str = Field(primary_key=True)
    control_id: str = Field(primary_key=True)
    control_type: str = ""
    is_default: bool = True
    superseded: bool = False
    active: bool | None = None
    reported: bool = False
    changed_at: datetime = Field(sa_type=Utc)
    setting: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class V2xEvent(Row, table=True):
    """What a station told about power in both directions: alarms, controls that start and end, what a car can do.

    `kind`: alarm, alarm_ended, started, ended, needs, priority. `subject`: the control, its type or the transaction.
    """

    __tablename__ = "v2x_event"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    station_id: str = Field(index=True)
    received_at: datetime = Field(sa_type=Utc)
    time: datetime | None = Field(default=None, sa_type=Utc)
    kind: str
    subject: str = ""
    evse_id: int = 0
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class DynamicSchedule(Row, table=True):
    """The figures of a dynamic charging profile as last set: what a station gets that asks for them (2.1 K28)."""

    __tablename__ = "dynamic_schedule"

    station_id: str = Field(primary_key=True)
    profile_id: int = Field(primary_key=True)
    evse_id: int = 0
    changed_at: datetime = Field(sa_type=Utc)
    pulled_at: datetime | None = Field(default=None, sa_type=Utc)
    figures: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class Tariff(Row, table=True):
    """A default tariff that a station accepted for an EVSE (0: all of them) (2.1 block I)."""

    station_id: str = Field(primary_key=True)
    evse_id: int = Field(primary_key=True)
    tariff_id: str = Field(primary_key=True)
    set_at: datetime = Field(sa_type=Utc)
    valid_from: datetime | None = Field(default=None, sa_type=Utc)
    content: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class TransactionTerms(Row, table=True):
    """What is agreed for a transaction beyond its energy (2.1): tariff, cost so far, limits, modes of transfer.

    `cost` and `limit` as the station wrote them last; `priority` None: nobody spoke of it.
    """

    __tablename__ = "transaction_terms"

    station_id: str = Field(primary_key=True)
    transaction_id: str = Field(primary_key=True)
    changed_at: datetime = Field(sa_type=Utc)
    tariff_id: str = ""
    operation_mode: str = ""
    preconditioning: str = ""
    evse_sleep: bool | None = None
    priority: bool | None = None
    energy_transfer: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    cost: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    limit: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class EventStream(Row, table=True):
    """A stream of values of one monitor (2.1 N11). `values`: how many came; `pending`: how many wait at the station."""

    __tablename__ = "event_stream"

    station_id: str = Field(primary_key=True)
    stream_id: int = Field(primary_key=True)
    monitor_id: int
    interval_s: int | None = None
    values_max: int | None = None
    opened_at: datetime = Field(sa_type=Utc)
    closed_at: datetime | None = Field(default=None, sa_type=Utc)
    last_at: datetime | None = Field(default=None, sa_type=Utc)
    values: int = 0
    pending: int = 0


class StreamBatch(Row, table=True):
    """Values that came together on a stream: times as text and values."""

    __tablename__ = "stream_batch"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    station_id: str = Field(index=True)
    stream_id: int
    monitor_id: int | None = None
    received_at: datetime = Field(sa_type=Utc)
    values: list[Any] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))


class BatterySwap(Row, table=True):
    """Batteries that were put in or taken out (2.1 block S); `batteries` as the station wrote them."""

    __tablename__ = "battery_swap"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    station_id: str = Field(index=True)
    received_at: datetime = Field(sa_type=Utc)
    request_id: int | None = None
    event: str
    id_token: str = ""
    batteries: list[Any] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))


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
