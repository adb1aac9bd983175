"""Signing requests that carry a number, which goes back with the certificate (A02, A03)."""

from __future__ import annotations

from datetime import datetime, tzinfo

from msgspec import structs

from csms.model.security import SendCertificate, SignCertificate
from csms.ocpp201 import security
from csms.wire.block import Block, Calls
from csms.wire.reading import optional_number
from csms.wire.translator import Payload


def _sign(payload: Payload, received_at: datetime, zone: tzinfo) -> SignCertificate:
    message = security.BLOCK.calls["SignCertificate"](payload, received_at, zone)
    assert isinstance(message, SignCertificate)
    return structs.replace(message, request_id=optional_number(payload, "requestId"))


def _send(command: SendCertificate) -> Calls:
    [(action, payload)] = security.BLOCK.commands[SendCertificate](command)
    return [(action, payload if command.request_id is None else {**payload, "requestId": command.request_id})]


BLOCK = Block(calls={"SignCertificate": _sign}, commands={SendCertificate: _send})
