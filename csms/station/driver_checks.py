"""What a 2.1 station asks us about a driver or a car and we cannot look up: answered so, never guessed.

VAT numbers and revocation lists are with others; a register of the one or a way to the other would be asked here.
"""

from __future__ import annotations

from datetime import datetime

from csms.model.certificate_status import CertificateChain, CertificateChainReply, CertificateStatus
from csms.model.inbound import Notice
from csms.model.payment import VatNumber, VatNumberReply
from csms.station.context import Handlers, StationContext
from csms.station.data_transfer import notice

UNCHECKED = "NotSupported"


async def vat_number(
    context: StationContext, station_id: str, message: VatNumber, received_at: datetime
) -> VatNumberReply:
    """No register of companies is asked, so no number is confirmed; it is kept for the invoice."""
    detail: dict[str, object] = {"vat_number": message.number, "evse_id": message.evse_id}
    await notice(context, station_id, Notice("VatNumberValidation", detail), received_at)
    return VatNumberReply(False, message.number, message.evse_id, UNCHECKED)


async def certificate_chain(
    context: StationContext, station_id: str, message: CertificateChain, received_at: datetime
) -> CertificateChainReply:
    """Failed for each: nobody was asked (M07.FR.02, M07.FR.05), so nothing is to be remembered until later."""
    detail: dict[str, object] = {"certificates": [wanted.hashes for wanted in message.wanted]}
    await notice(context, station_id, Notice("GetCertificateChainStatus", detail), received_at)
    statuses: tuple[CertificateStatus, ...] = tuple("Failed" for _ in message.wanted)
    return CertificateChainReply(message.wanted, statuses, context.clock.now())


HANDLERS: Handlers = {VatNumber: vat_number, CertificateChain: certificate_chain}
