"""Payment at the station (OCPP 2.1 C18 to C25): messages and commands."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from csms.model.command import Command, ConnectorNumber
from csms.model.inbound import Inbound, Reply


class VatNumber(Inbound, frozen=True):
    """A driver typed a VAT number in."""

    number: str
    evse_id: int | None = None


class VatNumberReply(Reply, frozen=True):
    """Whether it is that of a company; `number` and `evse_id` come back as they came."""

    valid: bool
    number: str
    evse_id: int | None = None
    reason: str = ""


class WebPaymentStarted(Command, frozen=True):
    """Somebody opened the payment page of an EVSE's code: show nobody else the code until then (C25)."""

    evse_id: ConnectorNumber
    timeout_s: Annotated[int, Meta(gt=0, le=3600)]
