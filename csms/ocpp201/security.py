"""Security of 2.0.1 stations (block A)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from csms.model.command import CommandResult
from csms.model.security import (
    SecurityEventReport,
    SendCertificate,
    SetPassword,
    SignCertificate,
    SignCertificateReply,
    SigningUse,
)
from csms.wire.block import Block, Calls, present
from csms.wire.reading import items, name, text
from csms.wire.times import parse_time
from csms.wire.translator import Payload


def _sign(payload: Payload, received_at: datetime, zone: tzinfo) -> SignCertificate:
    use = name(SigningUse, payload.get("certificateType"), SigningUse.EVERYTHING)
    return SignCertificate(text(payload, "csr"), use)


def _signing(reply: SignCertificateReply) -> Payload:
    return {"status": "Accepted" if reply.accepted else "Rejected"}


def _event(payload: Payload, received_at: datetime, zone: tzinfo) -> SecurityEventReport:
    time = parse_time(payload.get("timestamp"), zone)
    return SecurityEventReport(text(payload, "type"), time, text(payload, "techInfo"), payload)


def _send(command: SendCertificate) -> Calls:
    """The type is told back when the request told it (A02.FR.14)."""
    use = command.use.value or None
    return [("CertificateSigned", {"certificateChain": command.chain, **present({"certificateType": use})})]


def _password(command: SetPassword) -> Calls:
    """A01.FR.02."""
    place = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    return [("SetVariables", {"setVariableData": [{**place, "attributeValue": command.password}]})]


def _password_set(command: SetPassword, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    """The status alone: an answer may repeat the value that it is about."""
    results = items(answers[0], "setVariableResult") if answers else []
    return CommandResult(text(results[0], "attributeStatus") if results else "Rejected")


BLOCK = Block(
    calls={"SignCertificate": _sign, "SecurityEventNotification": _event},
    replies={SignCertificateReply: _signing},
    commands={SendCertificate: _send, SetPassword: _password},
    results={SetPassword: _password_set},
)
