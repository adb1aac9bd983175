"""Security of 1.6 stations: the security extension's blocks A01 to A04."""

from __future__ import annotations

from datetime import datetime, tzinfo

from csms.model.errors import NotInThisVersion
from csms.model.security import (
    SecurityEventReport,
    SendCertificate,
    SetPassword,
    SignCertificate,
    SignCertificateReply,
    SigningUse,
)
from csms.security.basic import canonical
from csms.wire.block import Block, Calls
from csms.wire.reading import text
from csms.wire.times import parse_time
from csms.wire.translator import Payload

KEY_BYTES_MAX = 20
"""AuthorizationKey: at most 40 hexadecimal digits."""


def _sign(payload: Payload, received_at: datetime, zone: tzinfo) -> SignCertificate:
    """The only certificate of a 1.6 station is the one for its connection."""
    return SignCertificate(text(payload, "csr"), SigningUse.STATION)


def _signing(reply: SignCertificateReply) -> Payload:
    return {"status": "Accepted" if reply.accepted else "Rejected"}


def _event(payload: Payload, received_at: datetime, zone: tzinfo) -> SecurityEventReport:
    time = parse_time(payload.get("timestamp"), zone)
    return SecurityEventReport(text(payload, "type"), time, text(payload, "techInfo"), payload)


def _send(command: SendCertificate) -> Calls:
    return [("CertificateSigned", {"certificateChain": command.chain})]


def _password(command: SetPassword) -> Calls:
    """Written as hexadecimal digits; the station sends its bytes (A01)."""
    key = canonical(command.password.encode())
    if len(key) > KEY_BYTES_MAX:
        raise NotInThisVersion(f"passwords of OCPP 1.6 stations have at most {KEY_BYTES_MAX} characters")
    return [("ChangeConfiguration", {"key": "AuthorizationKey", "value": key.hex()})]


BLOCK = Block(
    calls={"SignCertificate": _sign, "SecurityEventNotification": _event},
    replies={SignCertificateReply: _signing},
    commands={SendCertificate: _send, SetPassword: _password},
)
