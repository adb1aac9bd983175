"""How stations prove who they are (OCPP security profiles: 1.6 white paper, 2.0.1 block A00)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import IntEnum, StrEnum

from msgspec import Struct


class SecurityProfile(IntEnum):
    """The four of OCPP; a higher one is safer, and stations move upwards only (A05)."""

    OPEN = 0
    PASSWORD = 1
    TLS_PASSWORD = 2
    CERTIFICATE = 3

    @property
    def has_tls(self) -> bool:
        """Whether the connection is encrypted and the server proves itself."""
        return self >= SecurityProfile.TLS_PASSWORD


class PeerCertificate(Struct, frozen=True):
    """What the certificate of a TLS client says; its path to a trusted root has been checked. Validity: of the path.

    `number`: its serial number; 0: not known.
    """

    common_name: str
    organization: str
    not_before: datetime
    not_after: datetime
    pem: str = ""
    number: int = 0


class Attempt(Struct, frozen=True):
    """A handshake that asks to be let in as `station_id`.

    `password`: what it says beside this id as user; None without such a header, or one that cannot be read.
    """

    station_id: str
    profile: SecurityProfile
    peer: str
    password: bytes | None = None
    certificate: PeerCertificate | None = None

    def __repr__(self) -> str:
        """Without the password: this may stand in a log."""
        return f"Attempt({self.station_id!r}, {int(self.profile)}, {self.peer!r})"


class Refused(StrEnum):
    """Why a handshake is not let in. For the log, the counters and the operator; the peer is told less."""

    UNKNOWN_STATION = "unknown_station"
    LOWER_PROFILE = "lower_profile"
    NO_PASSWORD = "no_password"
    WRONG_PASSWORD = "wrong_password"
    NO_SERIAL_REGISTERED = "no_serial_registered"
    FOREIGN_CERTIFICATE = "foreign_certificate"
    FOREIGN_ORGANIZATION = "foreign_organization"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_REVOKED = "certificate_revoked"
    CERTIFICATE_STATUS_UNKNOWN = "certificate_status_unknown"
    UNDECIDED = "undecided"


Decided = Callable[[Refused | None], None]
"""Called once, at once or later, from the event loop; None lets the station in."""
