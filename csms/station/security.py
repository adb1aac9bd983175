"""Security of stations (2.0.1 block A; 1.6 security extension): certificates, security events, passwords."""

from __future__ import annotations

import json
import logging
from datetime import datetime

from msgspec.structs import replace

from csms.model.command import ACCEPTING, CommandResult
from csms.model.errors import CsmsError, PeerError, StoreUnavailable, UnknownStation
from csms.model.inbound import Acknowledged
from csms.model.security import (
    V2G_USES,
    SecurityEventReport,
    SendCertificate,
    SetPassword,
    SignCertificate,
    SignCertificateReply,
    SigningUse,
)
from csms.security import passwords
from csms.security.facts import facts, serial_of
from csms.security.requests import RequestRefused, SigningRequest, check_subject, read_request
from csms.station import alarms, operations, proving
from csms.station.asking import ask
from csms.station.context import Handlers, Performers, Send, StationContext
from csms.station.state import StationState
from csms.store import changes
from csms.store.change import Change
from csms.store.security_tables import InstalledCertificate, SecurityEvent, StationCredential
from csms.store.station_tables import Operation

log = logging.getLogger(__name__)

SIGNING = "sign_certificate"
"""The kind of the operation that begins with a station's request and ends with its answer to the certificate."""

KIND_LENGTH_MAX, INFO_LENGTH_MAX, RAW_LENGTH_MAX = 50, 255, 10_000

CRITICAL = frozenset(
    {
        "FirmwareUpdated",
        "SettingSystemTime",
        "StartupOfTheDevice",
        "ResetOrReboot",
        "SecurityLogWasCleared",
        "MemoryExhaustion",
        "TamperDetectionActivated",
        "InvalidFirmwareSignature",
        "InvalidFirmwareSigningCertificate",
        "InvalidCsmsCertificate",
        "InvalidCentralSystemCertificate",
        "InvalidChargingStationCertificate",
        "InvalidChargePointCertificate",
        "InvalidTLSVersion",
        "InvalidTLSCipherSuite",
        "MaintenanceLoginAccepted",
        "MaintenanceLoginFailed",
    }
)
"""2.0.1 part 2 appendix 1, and the spellings of 1.6 for the same events (its older list is milder)."""


async def security_event(
    context: StationContext, station_id: str, message: SecurityEventReport, received_at: datetime
) -> Acknowledged:
    """Keep it as it came, known or not (A04.FR.03); a critical one opens an alert."""
    critical = message.kind in CRITICAL
    row = SecurityEvent(
        station_id=station_id,
        received_at=received_at,
        time=message.time,
        kind=message.kind[:KIND_LENGTH_MAX],
        info=message.info[:INFO_LENGTH_MAX],
        critical=critical,
        raw=_raw(message),
    )
    if not critical:
        await context.store.writer.commit([changes.add_row(row)])
        return Acknowledged()
    await context.alerts.raise_(row.kind, station_id, row.info, [changes.add_row(row)])
    log.warning("security_event", extra={"station": station_id, "kind": row.kind})
    return Acknowledged()


def _check_authority(context: StationContext, use: SigningUse) -> None:
    """A certificate that nobody here takes would lock its station out. Raises RequestRefused."""
    if context.outside.authority is None:
        raise RequestRefused("there is no certificate authority")
    if use not in V2G_USES and not context.outside.signs_stations:
        raise RequestRefused(
            "certificates of stations are signed by an authority of others (certificates.client_roots), and no program "
            "that asks it is configured (certificates.authority_command)"
        )


def _raw(message: SecurityEventReport) -> str:
    """The message, JSON; a text that no database takes stands as it is escaped."""
    return json.dumps(message.raw, ensure_ascii=True, default=str)[:RAW_LENGTH_MAX] if message.raw else ""


async def sign_certificate(
    context: StationContext, station_id: str, message: SignCertificate, received_at: datetime
) -> SignCertificateReply:
    """Accept a request that fits the station and have it signed (A02.FR.11); any other is refused (A02.FR.12).

    A station that gets no certificate asks again by itself (A02.FR.17), so nothing is lost with a restart of ours. One
    that asks all the time is refused before anything is reckoned or kept.
    """
    if context.signing_requests.take(station_id, context.clock.monotonic_s()) > 0:
        context.alarms.raise_(alarms.REQUESTS_THROTTLED, station_id, "too many signing requests")
        return SignCertificateReply(accepted=False)
    operation = await operations.begin(context, station_id, SIGNING, {"use": message.use.value or "everything"})
    try:
        _check_authority(context, message.use)
        request = read_request(message.request_pem)
        check_subject(request, _names(context, station_id, request, message.use), context.outside.organization)
    except RequestRefused as fault:
        log.warning("signing_request_refused", extra={"station": station_id, "fault": str(fault)})
        context.alarms.raise_(alarms.REQUEST_REFUSED, station_id, str(fault))
        await operations.answered(context, operation, "Rejected", ended=True, fault=str(fault))
        return SignCertificateReply(accepted=False)
    await _take_name(context, station_id, request, message.use)
    await operations.answered(context, operation, "Accepted", ended=False, subject=request.csr.subject.rfc4514_string())
    context.spawn(_sign(context, operation, request, message))
    return SignCertificateReply(accepted=True)


def _names(context: StationContext, station_id: str, request: SigningRequest, use: SigningUse) -> frozenset[str]:
    """The common names that this station may have: its serial number as it is registered, else as it told it, else its
    id (A00.FR.511); never the serial number of another station. For ISO 15118 it is the SECC's id, which only the
    station knows.
    """
    serial = _serial(context.stations[station_id])
    foreign = {_serial(station) for name, station in context.stations.items() if name != station_id} - {""}
    if use in V2G_USES and request.common_name not in context.stations:
        return frozenset({request.common_name}) - foreign
    return frozenset({serial or station_id}) - foreign


async def _take_name(context: StationContext, station_id: str, request: SigningRequest, use: SigningUse) -> None:
    """Whoever has a certificate in a name has that name: a serial number that a station only told, and that its real
    owner is registered with later, would let it in as that one.
    """
    if use in V2G_USES:
        return
    taken = proving.take_serial(context, context.stations[station_id], request.common_name)
    if taken:
        await context.store.writer.commit(taken)


def _serial(station: StationState) -> str:
    return station.proof.serial or (station.identity.serial if station.identity else "")


async def _sign(
    context: StationContext, operation: Operation, request: SigningRequest, message: SignCertificate
) -> None:
    """Have the request signed, give the station its certificate, enter what it says to it."""
    station_id, use = operation.station_id, message.use
    try:
        assert context.outside.authority is not None
        chain = await context.outside.authority.sign(request, use)
        status = await _give(context, station_id, SendCertificate(chain, use, message.request_id))
    except (CsmsError, PeerError) as fault:
        status = fault.code if isinstance(fault, CsmsError) else operations.UNANSWERED
        log.warning("certificate_not_given", extra={"station": station_id, "fault": str(fault)})
    except (OSError, ValueError) as fault:
        status = "not signed: the authority failed"
        log.error("certificate_authority_failed", extra={"station": station_id, "fault": str(fault)})
    if status == "Rejected":
        log.warning("certificate_refused_by_station", extra={"station": station_id, "operation": operation.id})
    try:
        await operations.reported(
            context, station_id, SIGNING, operation.id, context.clock.now(), f"certificate {status}", ended=True
        )
    except CsmsError as fault:
        log.error("certificate_answer_not_stored", extra={"station": station_id, "fault": str(fault)})


async def _give(context: StationContext, station_id: str, command: SendCertificate) -> str:
    station = context.stations[station_id]
    if station.link is None:
        return "not sent: the station is gone"
    result = await ask(context, station, station.link, command)
    if result.accepted:
        await context.store.writer.commit(_noted(context, station_id, command))
    return result.status


def _noted(context: StationContext, station_id: str, command: SendCertificate) -> list[Change]:
    if command.use in (SigningUse.STATION, SigningUse.EVERYTHING):
        return context.own_certificates.given(station_id, command.chain, context.clock.now())
    told = facts(command.chain)
    row = InstalledCertificate(
        station_id=station_id,
        use=command.use.value,
        serial=serial_of(told.hash.serial_number),
        serial_number=told.hash.serial_number,
        subject=told.subject,
        begins_at=told.begins_at,
        expires_at=told.expires_at,
        given_at=context.clock.now(),
    )
    older = changes.delete_rows(InstalledCertificate, station_id=station_id, use=row.use, subject=row.subject)
    return [older, changes.put_row(row)]


async def issue(context: StationContext, station_id: str, request_pem: str) -> str:
    """The first certificate of a station that is being commissioned, for a key that somebody made for it: the chain.

    Its name is the serial number that is registered for the station, nothing that the station said. Raises
    UnknownStation, RequestRefused, AuthorityFailed, OSError, ValueError.
    """
    station = context.stations.get(station_id)
    if station is None:
        raise UnknownStation(f"no station {station_id!r} is registered")
    _check_authority(context, SigningUse.STATION)
    if not station.proof.serial or context.outside.authority is None:
        raise RequestRefused(f"no serial number is registered for station {station_id}: csms station security --serial")
    request = read_request(request_pem)
    check_subject(request, {station.proof.serial}, context.outside.organization)
    chain = await context.outside.authority.sign(request, SigningUse.STATION)
    await context.store.writer.commit(context.own_certificates.given(station_id, chain, context.clock.now()))
    log.info("certificate_issued", extra={"station": station_id, "serial": station.proof.serial})
    return chain


async def set_password(context: StationContext, station_id: str, command: SetPassword, send: Send) -> CommandResult:
    """Note the new password (hashed) before the station is asked, then what it said (A01.FR.02 to A01.FR.04).

    Both are kept until the station has shown which one it uses; a refused one is forgotten.
    """
    async with context.credentials.turn(station_id):
        return await _set_password(context, station_id, command, send)


async def _set_password(context: StationContext, station_id: str, command: SetPassword, send: Send) -> CommandResult:
    password = command.password or passwords.random_password()
    wanted = await context.credentials.hashed(password.encode(), random=not command.password)
    known = context.credentials.of(station_id)
    in_force = _in_force(known) if known else ""
    credential = StationCredential(
        station_id=station_id, in_force=in_force, wanted=wanted, status=operations.ASKED, changed_at=context.clock.now()
    )
    context.credentials.put(credential)
    try:
        await context.store.writer.commit([changes.put_row(credential)])
    except StoreUnavailable:
        context.credentials.take_back(credential, known)
        raise
    try:
        result = await send(replace(command, password=password))
    except (CsmsError, PeerError) as fault:
        status = operations.outcome(fault)
        await _note_answer(context, credential, status, keep=status == operations.UNANSWERED)
        raise
    await _note_answer(context, credential, result.status, keep=result.accepted)
    return CommandResult(result.status)


def _in_force(known: StationCredential) -> str:
    """The password before the next one: what the station accepted last."""
    return known.wanted if known.wanted and known.status in ACCEPTING else known.in_force


async def _note_answer(context: StationContext, asked: StationCredential, status: str, *, keep: bool) -> None:
    """Unless the station was quicker and has already come back with the new one."""
    now = context.credentials.of(asked.station_id)
    if now is None or now.wanted != asked.wanted:
        return
    wanted = asked.wanted if keep else ""
    answered = StationCredential(
        station_id=asked.station_id,
        in_force=asked.in_force,
        wanted=wanted,
        status=status,
        changed_at=context.clock.now(),
    )
    context.credentials.put(answered)
    await context.store.writer.commit([changes.put_row(answered)])


HANDLERS: Handlers = {SecurityEventReport: security_event, SignCertificate: sign_certificate}

PERFORMERS: Performers = {SetPassword: set_password}
