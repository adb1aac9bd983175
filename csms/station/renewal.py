"""Stations that came with a certificate that has ended, which the house lets in: held until they have another one.

A00.FR.429: such a station's boot is answered Pending, and it is asked at once for a signing request (A02).
"""

from __future__ import annotations

import logging

from csms.model.command import Trigger
from csms.model.errors import CsmsError, PeerError
from csms.model.station import RegistrationStatus
from csms.station import lifecycle
from csms.station.asking import ask
from csms.station.context import StationContext
from csms.station.state import StationState

SIGN = Trigger("SignChargingStationCertificate")

log = logging.getLogger(__name__)


def answer_to_boot(station: StationState) -> RegistrationStatus:
    """What is wished for the station, but none is accepted with a certificate that has ended."""
    held = station.proof.expired and station.boot_wish is RegistrationStatus.ACCEPTED
    return RegistrationStatus.PENDING if held else station.boot_wish


def booted(context: StationContext, station: StationState) -> None:
    """Have it renew its certificate; it boots anew when it comes back with the new one."""
    if station.proof.expired and station.registration is RegistrationStatus.PENDING:
        context.spawn(_ask(context, station))


async def _ask(context: StationContext, station: StationState) -> None:
    if station.link is None:
        return
    try:
        lifecycle.check_command(station, SIGN)
        await ask(context, station, station.link, SIGN)
    except (CsmsError, PeerError) as fault:
        log.warning("renewal_not_triggered", extra={"station": station.station_id, "fault": str(fault)})
