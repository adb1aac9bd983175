"""What stations say, version-free: translators make these out of OCPP calls, the station blocks answer them.

Times in messages are the station's own (UTC), None when absent. Here are the messages of a charging session; those of
functional blocks with records of their own (firmware, certificates, ...) stand in the module of that block.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct, field

from csms.model.cost import PersonalMessage
from csms.model.hashes import ContractLink
from csms.model.meter import Samples, SignedValue
from csms.model.session import AuthorizationStatus, ChargingState, StopReason
from csms.model.station import ConnectorStatus, RegistrationStatus, StationIdentity


class Inbound(Struct, frozen=True, gc=False):
    """Base of what a station says."""


class Reply(Struct, frozen=True, gc=False):
    """Base of what it is answered."""


class Boot(Inbound, frozen=True):
    """BootNotification. `reason` is empty in 1.6."""

    identity: StationIdentity
    reason: str = ""


class BootReply(Reply, frozen=True):
    """Registration, the server's time and the heartbeat (or retry) interval in seconds."""

    status: RegistrationStatus
    now: datetime
    interval_s: int


class Heartbeat(Inbound, frozen=True):
    """Heartbeat."""


class HeartbeatReply(Reply, frozen=True):
    """The server's time."""

    now: datetime


class StatusReport(Inbound, frozen=True):
    """StatusNotification; `evse_id` 0 is the station itself."""

    evse_id: int
    connector_id: int
    status: ConnectorStatus
    error_code: str = ""
    info: str = ""
    vendor_error_code: str = ""
    time: datetime | None = None


class Authorize(Inbound, frozen=True):
    """May this id token charge? A contract comes with its certificate (PEM), or with the names of its chain (C07)."""

    id_token: str
    token_type: str = ""
    certificate: str = ""
    chain: tuple[ContractLink, ...] = ()


class AuthorizeReply(Reply, frozen=True):
    """The answer, with what the station may cache until `expires_at`.

    `evse_ids`: the only ones that the token may use, empty for all. `languages` are tags like en-US, the first one is
    preferred. `message` is shown to the driver. `certificate_status` is empty when no contract was asked about.
    """

    status: AuthorizationStatus
    group_id: str = ""
    expires_at: datetime | None = None
    evse_ids: tuple[int, ...] = ()
    languages: tuple[str, ...] = ()
    message: str = ""
    certificate_status: str = ""


class SessionStarted(Inbound, frozen=True):
    """1.6 StartTransaction: the central system issues the transaction id. `register_wh` is the meter at start."""

    evse_id: int
    id_token: str
    register_wh: float
    time: datetime | None
    reservation_id: int | None = None


class SessionStartedReply(Reply, frozen=True):
    """The id the station shall use for this transaction (1..2^31-1, never reused) and whether the token may charge."""

    transaction_id: int
    authorization: AuthorizeReply


class SessionStopped(Inbound, frozen=True):
    """1.6 StopTransaction. `transaction_id` is the station's word: it may be unknown, 0, negative or 64 bits wide."""

    transaction_id: str
    register_wh: float
    time: datetime | None
    reason: StopReason
    id_token: str = ""
    samples: Samples = ()
    signed: tuple[SignedValue, ...] = ()


class SessionStoppedReply(Reply, frozen=True):
    """Acknowledged; the token's state if a token came along."""

    authorization: AuthorizeReply | None = None


class TransactionEvent(Inbound, frozen=True):
    """2.0.1 TransactionEvent: `kind` is Started, Updated or Ended; the station names the transaction.

    `evse_id` and `connector_id` are None when left out (RB-57). `offline` events never change live state.
    `charging_s`: time spent charging; `cable_max_a` and `phases_used`: what the cable carries and the car uses.
    """

    kind: str
    transaction_id: str
    seq_no: int
    time: datetime | None
    trigger: str
    evse_id: int | None = None
    connector_id: int | None = None
    id_token: str = ""
    token_type: str = ""
    charging_state: ChargingState | None = None
    stop_reason: StopReason | None = None
    remote_start_id: int | None = None
    offline: bool = False
    samples: Samples = ()
    signed: tuple[SignedValue, ...] = ()
    reservation_id: int | None = None
    charging_s: int | None = None
    cable_max_a: int | None = None
    phases_used: int | None = None


class TransactionEventReply(Reply, frozen=True):
    """Token information only when the event carried a token (E01.FR.11 and following).

    `total_cost` None: no price is known; 0 means that the session is free (I03.FR.04).
    """

    authorization: AuthorizeReply | None = None
    total_cost: float | None = None
    message: PersonalMessage | None = None


class MeterReport(Inbound, frozen=True):
    """MeterValues; `transaction_id` is the station's word or empty."""

    evse_id: int
    samples: Samples
    transaction_id: str = ""
    signed: tuple[SignedValue, ...] = ()


def refuses_card(reply: Reply) -> bool:
    """Whether a transaction is told that its card may not charge."""
    told = getattr(reply, "authorization", None)
    return isinstance(told, AuthorizeReply) and told.status is not AuthorizationStatus.ACCEPTED


class Acknowledged(Reply, frozen=True):
    """An empty answer (StatusNotification, MeterValues, notifications)."""


class DataTransfer(Inbound, frozen=True):
    """Vendor-specific message."""

    vendor_id: str
    message_id: str = ""
    data: str = ""


class DataTransferReply(Reply, frozen=True):
    """`status` is Accepted, Rejected, UnknownMessageId or UnknownVendorId."""

    status: str
    data: str = ""


class Extended(Inbound, frozen=True):
    """A message, and what a later version of OCPP says in it beside what it always said; it is answered as `message`.

    So an effect that a message has is written once, whatever newer versions add to it.
    """

    message: Inbound
    extras: tuple[Inbound, ...]


class Notice(Inbound, frozen=True):
    """A known message that is kept but has no effect yet (firmware status, security event, report, ...)."""

    action: str
    payload: dict[str, object] = field(default_factory=dict)
