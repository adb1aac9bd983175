"""Payment at the station on the wire (C18 to C25)."""

from __future__ import annotations

from datetime import datetime, tzinfo

from csms.model.payment import VatNumber, VatNumberReply, WebPaymentStarted
from csms.wire.block import Block, Calls, present
from csms.wire.reading import optional_number, text
from csms.wire.translator import Payload

VAT_NUMBER_LENGTH_MAX = 20


def _vat_number(payload: Payload, received_at: datetime, zone: tzinfo) -> VatNumber:
    return VatNumber(text(payload, "vatNumber"), optional_number(payload, "evseId"))


def _vat_answer(reply: VatNumberReply) -> Payload:
    """What came back must fit the answer's schema, whatever came in."""
    evse_id = reply.evse_id if reply.evse_id is not None and reply.evse_id >= 0 else None
    info = {"reasonCode": reply.reason} if reply.reason else None
    status = "Accepted" if reply.valid else "Rejected"
    number = reply.number[:VAT_NUMBER_LENGTH_MAX]
    return {"status": status, "vatNumber": number, **present({"evseId": evse_id, "statusInfo": info})}


def _web_payment(command: WebPaymentStarted) -> Calls:
    return [("NotifyWebPaymentStarted", {"evseId": command.evse_id, "timeout": command.timeout_s})]


BLOCK = Block(
    calls={"VatNumberValidation": _vat_number},
    replies={VatNumberReply: _vat_answer},
    commands={WebPaymentStarted: _web_payment},
)
