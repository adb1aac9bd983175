"""What is known of a station and of its connectors."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Protocol(StrEnum):
    """Websocket subprotocols, newest first by value of use."""

    OCPP16 = "ocpp1.6"
    OCPP201 = "ocpp2.0.1"
    OCPP21 = "ocpp2.1"


class CurrentKind(StrEnum):
    """AC or DC outlet."""

    AC = "ac"
    DC = "dc"


class RegistrationStatus(StrEnum):
    """Answer to a boot notification."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class Stage(StrEnum):
    """How far a station has come: met as a stranger, taken for one of ours, in service; or not wanted here."""

    SEEN = "seen"
    APPROVED = "approved"
    COMMISSIONED = "commissioned"
    REJECTED = "rejected"


class ConnectorStatus(StrEnum):
    """Union of the connector states of OCPP 1.6 and 2.0.1 (2.0.1 says only Occupied where 1.6 has five states)."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE"
    SUSPENDED_EV = "SuspendedEV"
    FINISHING = "Finishing"
    OCCUPIED = "Occupied"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


@dataclass(frozen=True, slots=True)
class StationIdentity:
    """What a station says of itself at boot; any of it may be empty."""

    vendor: str
    model: str
    serial: str = ""
    firmware: str = ""
    iccid: str = ""
    imsi: str = ""
    meter_type: str = ""
    meter_serial: str = ""


@dataclass(frozen=True, slots=True)
class EvseRating:
    """Nameplate of one EVSE. `current_max_a` is per phase for AC and the module input equivalent for DC.

    `rotation`: to which phases of its feeder its own first, second and third are wired, such as `STR`; empty: unknown.
    """

    kind: CurrentKind
    phases: int
    current_max_a: float
    power_max_w: int
    rotation: str = ""
