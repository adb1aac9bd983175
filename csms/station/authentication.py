"""Who is let in: stations prove themselves by the security profile of the port that they came to (A00, A05).

A station's own profile is a fact in the store. It rises by itself with the first success on a higher one, and never
falls but by an operator's hand (A05.FR.09 of 1.6, A05.FR.07 of 2.0.1). What does not prove itself is refused alike
whether such a station is known or not, in words and in time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from csms.model.authentication import Attempt, Decided, PeerCertificate, Refused, SecurityProfile
from csms.model.authorization import ContractStatus
from csms.model.errors import CsmsError, StoreUnavailable
from csms.security.addresses import address_of
from csms.station import alarms, proving, renewal
from csms.station.context import StationContext
from csms.station.state import StationState
from csms.store import changes
from csms.store.change import Change
from csms.store.security_tables import StationCredential

REFUSED_AFTER_S = 1.0
"""Of the wall, from the request on: longer than the work that ends in a refusal, so that its length tells nothing; and
nobody tries passwords fast. A refusal that comes later comes after so many times as long."""

log = logging.getLogger(__name__)


def judge(context: StationContext, attempt: Attempt, decided: Decided) -> None:
    """Call `decided` at once where nothing has to be computed, else later."""
    if attempt.profile is SecurityProfile.OPEN:
        decided(_of_open(context, attempt))
    elif attempt.profile is SecurityProfile.CERTIFICATE:
        context.spawn(_in_time(context, attempt, decided, 0.0))
    elif attempt.password is None:
        decided(_refused(context, attempt, Refused.NO_PASSWORD))
    elif _is_at_home(context, attempt) and context.credentials.is_remembered(attempt.station_id, attempt.password):
        decided(None)
    else:
        context.spawn(_in_time(context, attempt, decided, REFUSED_AFTER_S))


def remembers(context: StationContext, attempt: Attempt) -> bool:
    """Whether it shows a password that was verified lately: such a station is not kept waiting for what others do."""
    return attempt.password is not None and context.credentials.is_remembered(attempt.station_id, attempt.password)


def admits_unproven(context: StationContext, station_id: str) -> bool:
    """Whether it may come by the open port: it is known and nothing better was ever asked of it or shown by it; or
    strangers are let in and are not too many already."""
    station = context.stations.get(station_id)
    if station is not None:
        return station.proof.profile is SecurityProfile.OPEN
    return context.settings.accept_unknown and len(context.strangers) < context.settings.strangers_max


def _is_at_home(context: StationContext, attempt: Attempt) -> bool:
    """Whether it came by its own profile, so that nothing changes by letting it in."""
    station = context.stations.get(attempt.station_id)
    return station is not None and station.proof.profile is attempt.profile


def _of_open(context: StationContext, attempt: Attempt) -> Refused | None:
    if admits_unproven(context, attempt.station_id):
        return None
    station = context.stations.get(attempt.station_id)
    return _refused(context, attempt, Refused.LOWER_PROFILE if station is not None else Refused.UNKNOWN_STATION)


async def _in_time(context: StationContext, attempt: Attempt, decided: Decided, refused_after_s: float) -> None:
    """Decide, whatever happens; a refusal comes after a fixed time."""
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    found: Refused | None = Refused.UNDECIDED
    try:
        found = await _prove(context, attempt)
        if found is not None:
            _refused(context, attempt, found)
            await asyncio.sleep(_left_s(loop.time() - begun_s, refused_after_s))
    except (CsmsError, OSError, ValueError) as fault:
        log.error("authentication_failed", extra={"station": attempt.station_id, "fault": str(fault)})
    finally:
        decided(found)


def _left_s(spent_s: float, step_s: float) -> float:
    """Until the next whole step, so that also where many proofs wait their length tells nothing."""
    return -spent_s % step_s if step_s > 0 else 0.0


async def _prove(context: StationContext, attempt: Attempt) -> Refused | None:
    if attempt.profile is SecurityProfile.CERTIFICATE:
        return await _by_certificate(context, attempt)
    return await _by_password(context, attempt)


async def _by_password(context: StationContext, attempt: Attempt) -> Refused | None:
    """A00.FR.207, A00.FR.324."""
    assert attempt.password is not None
    book, station_id = context.credentials, attempt.station_id
    found = await book.matching(station_id, attempt.password)
    station, row = context.stations.get(station_id), book.of(station_id)
    if station is None:
        return Refused.UNKNOWN_STATION
    if row is None or not book.holds(station_id, found):
        return Refused.WRONG_PASSWORD
    if attempt.profile < station.proof.profile:
        return Refused.LOWER_PROFILE
    noted = [*_raised(context, station, attempt.profile), *_settled(context, row, found)]
    await _store(context, station_id, noted)
    if not book.holds(station_id, found):  # changed while that was stored
        return Refused.WRONG_PASSWORD
    book.remember(station_id, attempt.password)
    return None


def _settled(context: StationContext, row: StationCredential, found: str) -> list[Change]:
    """The station has shown the new password, so the one before it ends (A01.FR.03)."""
    if found != row.wanted:
        return []
    settled = StationCredential(
        station_id=row.station_id, in_force=row.wanted, wanted="", status=proving.IN_USE, changed_at=context.clock.now()
    )
    context.credentials.put(settled)
    return [changes.put_row(settled)]


async def _by_certificate(context: StationContext, attempt: Attempt) -> Refused | None:
    """The path to a trusted root was checked in the TLS handshake (A00.FR.403); here, whose certificate it is."""
    certificate, station = attempt.certificate, context.stations.get(attempt.station_id)
    organization = context.outside.organization
    if certificate is None or not certificate.common_name:
        return Refused.FOREIGN_CERTIFICATE
    if organization and certificate.organization != organization:  # A00.FR.404
        return Refused.FOREIGN_ORGANIZATION
    if station is None or not station.registered:
        return await _stranger(context, attempt, certificate)
    if not station.proof.serial:
        return Refused.NO_SERIAL_REGISTERED
    if certificate.common_name != station.proof.serial:  # A00.FR.405
        return Refused.FOREIGN_CERTIFICATE
    return await _status(context, attempt, certificate) or await _welcome(context, station, attempt, certificate)


async def _welcome(
    context: StationContext, station: StationState, attempt: Attempt, certificate: PeerCertificate
) -> Refused | None:
    now = context.clock.now()
    station.proof.expired = certificate.not_after < now
    shown = context.own_certificates.shown(station.station_id, certificate, now)
    await _store(context, attempt.station_id, [*_raised(context, station, attempt.profile), *shown])
    if shown:
        context.spawn(renewal.used(context, station.station_id))
    return None


async def _stranger(context: StationContext, attempt: Attempt, certificate: PeerCertificate) -> Refused | None:
    """One that nobody registered waits, with what its certificate says, until somebody approves it."""
    known = context.stations.get(attempt.station_id)
    claimed = known.proof.claimed if known else context.claims.get(attempt.station_id, "")
    if known is None and not admits_unproven(context, attempt.station_id):
        return Refused.UNKNOWN_STATION
    if claimed and claimed != certificate.common_name:
        return Refused.FOREIGN_CERTIFICATE
    if proving.holder(context.stations, certificate.common_name):
        return Refused.FOREIGN_CERTIFICATE
    refused = await _status(context, attempt, certificate)
    if refused is None:
        context.claims[attempt.station_id] = certificate.common_name
    return refused


async def _status(context: StationContext, attempt: Attempt, certificate: PeerCertificate) -> Refused | None:
    """Whether it is valid now, and, if somebody is to be asked, not revoked (A00.FR.407, A00.FR.429, A00.FR.705)."""
    now = context.clock.now()
    may_be_old = attempt.station_id in context.settings.expired_accepted
    if certificate.not_before > now or (certificate.not_after < now and not may_be_old):
        return Refused.CERTIFICATE_EXPIRED
    if _is_revoked(context, certificate):
        return Refused.CERTIFICATE_REVOKED
    check = context.outside.client_check
    if check is None:
        return None
    try:
        status = await check.check(certificate.pem, ())
    except (CsmsError, ValueError) as fault:
        log.warning("certificate_status_unknown", extra={"station": attempt.station_id, "fault": str(fault)})
        return Refused.CERTIFICATE_STATUS_UNKNOWN
    if status in (ContractStatus.ACCEPTED, ContractStatus.CERTIFICATE_EXPIRED):
        return None
    return Refused.CERTIFICATE_REVOKED


def _is_revoked(context: StationContext, certificate: PeerCertificate) -> bool:
    """By our own list. Raises OSError, ValueError: a list that cannot be read lets nobody in."""
    known = context.outside.revocations
    return known is not None and known.holds(certificate.number)


def _raised(context: StationContext, station: StationState, profile: SecurityProfile) -> list[Change]:
    """From now on nothing lower is accepted (A05.FR.07, A05.FR.09 of 1.6)."""
    if profile <= station.proof.profile:
        return []
    log.info("security_profile_raised", extra={"station": station.station_id, "profile": int(profile)})
    station.proof.profile = profile
    return [proving.proof_row(context, station.station_id, station.proof)]


async def _store(context: StationContext, station_id: str, noted: list[Change]) -> None:
    """Before the station is told. While the database is away it counts in memory: nobody is sent away for that."""
    if not noted:
        return
    try:
        await context.store.writer.commit(noted)
    except StoreUnavailable as fault:
        log.error("proof_not_stored", extra={"station": station_id, "fault": str(fault)})


def _refused(context: StationContext, attempt: Attempt, why: Refused) -> Refused:
    """Tell the operator."""
    kind = _EVENTS.get(why, alarms.FAILED_AUTHENTICATION)
    station_id = attempt.station_id if attempt.station_id in context.stations else ""
    named = "" if station_id else f" as {attempt.station_id}"
    shown = f" with the certificate of {attempt.certificate.common_name}" if attempt.certificate else ""
    info = f"{why} at security profile {int(attempt.profile)}{named}{shown}"
    if attempt.profile is not SecurityProfile.OPEN or why is Refused.LOWER_PROFILE:
        context.alarms.raise_(kind, station_id, info, address_of(attempt.peer))
    return why


_EVENTS: Mapping[Refused, str] = {
    Refused.LOWER_PROFILE: alarms.PROFILE_DOWNGRADE,
    Refused.NO_SERIAL_REGISTERED: alarms.INVALID_CERTIFICATE,
    Refused.FOREIGN_CERTIFICATE: alarms.INVALID_CERTIFICATE,
    Refused.FOREIGN_ORGANIZATION: alarms.INVALID_CERTIFICATE,
    Refused.CERTIFICATE_EXPIRED: alarms.INVALID_CERTIFICATE,
    Refused.CERTIFICATE_REVOKED: alarms.INVALID_CERTIFICATE,
    Refused.CERTIFICATE_STATUS_UNKNOWN: alarms.INVALID_CERTIFICATE,
}
"""All others are passwords."""
