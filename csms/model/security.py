"""Security of stations (2.0.1 block A; 1.6 security extension): their certificates, events and passwords."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta

from csms.model.command import Command
from csms.model.files import END
from csms.model.inbound import Inbound, Reply


class SigningUse(StrEnum):
    """What a certificate of a station is for; EVERYTHING when its request does not say."""

    STATION = "ChargingStationCertificate"
    V2G = "V2GCertificate"
    V2G_20 = "V2G20Certificate"
    EVERYTHING = ""


V2G_USES = (SigningUse.V2G, SigningUse.V2G_20)


class SignCertificate(Inbound, frozen=True):
    """A certificate signing request, PEM (A02, A03). `request_id` (2.1) goes back with the certificate."""

    request_pem: str
    use: SigningUse = SigningUse.EVERYTHING
    request_id: int | None = None


class SignCertificateReply(Reply, frozen=True):
    """Whether the request can be processed (A02.FR.11, A02.FR.12)."""

    accepted: bool


class SecurityEventReport(Inbound, frozen=True):
    """Something that concerns the station's security (A04). `time` is the station's word, `raw` all of its message."""

    kind: str
    time: datetime | None
    info: str = ""
    raw: Mapping[str, Any] = {}


class SendCertificate(Command, frozen=True):
    """Give the station its signed certificate, with what lies between it and the root (PEM)."""

    chain: Annotated[str, Meta(min_length=1, max_length=10_000)]
    use: SigningUse = SigningUse.EVERYTHING
    request_id: int | None = None


class SetPassword(Command, frozen=True):
    """Give the station another password for HTTP Basic (A01). Without one it gets a random one that nobody is told.

    1.6 stations take at most 20 characters, or a key of 16 to 20 bytes in hexadecimal digits; 2.0.1 stations 40, newer
    ones up to 64.
    """

    password: Annotated[str, Meta(max_length=64, pattern=rf"^{END}|^[A-Za-z0-9*\-_=:+|@.]{{16,64}}{END}")] = ""

    def __repr__(self) -> str:
        """Without the password: this may stand in a log (A01.FR.09)."""
        return "SetPassword()"
