"""Certificates of stations are renewed before they end: the house asks in time (A02), a station that came with one that
has ended is held until it has another (A00.FR.429), and who cannot renew is told to a person.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from csms.model.command import Trigger
from csms.model.errors import CsmsError, PeerError
from csms.model.station import RegistrationStatus
from csms.station import lifecycle, operations
from csms.station.asking import ask
from csms.station.context import StationContext
from csms.station.own_certificates import is_due
from csms.station.state import StationState
from csms.store.security_tables import InstalledCertificate

SIGN = Trigger("SignChargingStationCertificate")
AT_ONCE = 20
"""Stations that are asked in one look: after a restart of ours all that are due come together."""

URGENT = timedelta(days=7)
EXPIRING = "CertificateExpiring"
"""The kind of the alert about a certificate that nothing has renewed."""

TOLD_EVERY = timedelta(days=1)

log = logging.getLogger(__name__)


def answer_to_boot(station: StationState) -> RegistrationStatus:
    """What is wished for the station, but none is accepted with a certificate that has ended."""
    held = station.proof.expired and station.boot_wish is RegistrationStatus.ACCEPTED
    return RegistrationStatus.PENDING if held else station.boot_wish


def booted(context: StationContext, station: StationState) -> None:
    """Have it renew its certificate; it boots anew when it comes back with the new one. One whose certificate has not
    ended yet is looked at soon.
    """
    context.renewals.look_soon()
    if station.proof.expired and station.registration is RegistrationStatus.PENDING:
        context.spawn(_ask(context, station))


async def look(context: StationContext, now: datetime) -> None:
    """Ask those whose certificates end soon, and tell of those that end very soon. Raises StoreUnavailable."""
    due = [
        context.stations[station_id]
        for station_id in context.own_certificates.stations
        if station_id in context.stations and _due(context, station_id, now) is not None
    ]
    asked = [station for station in due if _can_be_asked(context, station, now)][:AT_ONCE]
    for station in asked:
        context.renewals.note(station.station_id, now)
    if asked:
        context.spawn(_ask_all(context, asked))
    for station in due:
        await _tell(context, station, now)


def _due(context: StationContext, station_id: str, now: datetime) -> InstalledCertificate | None:
    """The certificate that the station uses, if it is to be renewed and no new one waits to be used."""
    ahead = timedelta(days=context.settings.renew_days)
    held = context.own_certificates.in_use(station_id)
    can = context.outside.authority is not None and context.outside.signs_stations
    if not can or not ahead or held is None or not is_due(held, now, ahead):
        return None
    waiting = context.own_certificates.waiting(station_id)
    return None if waiting is not None and not is_due(waiting, now, ahead) else held


def _can_be_asked(context: StationContext, station: StationState, now: datetime) -> bool:
    accepted = station.registration is RegistrationStatus.ACCEPTED and station.booted
    return station.link is not None and accepted and context.renewals.may_ask(station.station_id, now)


async def _ask_all(context: StationContext, stations: list[StationState]) -> None:
    await asyncio.gather(*(_ask(context, station) for station in stations))


async def _ask(context: StationContext, station: StationState) -> None:
    """The station answers with a signing request (A02.FR.02), which `security.sign_certificate` takes."""
    if station.link is None:
        return
    try:
        lifecycle.check_command(station, SIGN)
        status = (await ask(context, station, station.link, SIGN)).status
    except (CsmsError, PeerError) as fault:
        status = operations.outcome(fault)
        log.warning("renewal_not_triggered", extra={"station": station.station_id, "fault": str(fault)})
    else:
        log.info("renewal_triggered", extra={"station": station.station_id, "answer": status})
    context.renewals.answered(station.station_id, status)


async def _tell(context: StationContext, station: StationState, now: datetime) -> None:
    """Once a day while it goes on; it may have been renewed while others were told of."""
    held = _due(context, station.station_id, now)
    if held is None or held.expires_at is None or held.expires_at - now > URGENT:
        return
    if context.renewals.tell(station.station_id, now, TOLD_EVERY):
        until = f"{held.expires_at:%Y-%m-%d %H:%M} UTC"
        await context.alerts.raise_(EXPIRING, station.station_id, f"its certificate ends {until} and is not renewed")


async def used(context: StationContext, station_id: str) -> None:
    """The station came in with another certificate than before: if that is a new one, all is well again."""
    if _due(context, station_id, context.clock.now()) is None:
        context.renewals.done(station_id)
        await context.alerts.over(EXPIRING, station_id, "renewed")
