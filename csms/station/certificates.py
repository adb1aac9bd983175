"""Certificates in stations and for cars (2.0.1 block M; 1.6 security extension M03 to M05)."""

from __future__ import annotations

import logging
from datetime import datetime

from csms.model.certificates import (
    CertificatesFound,
    CertificateStatusQuery,
    CertificateStatusReply,
    CertificateUse,
    ContractReply,
    ContractRequest,
    DeleteCertificate,
    GetInstalledCertificates,
    InstallCertificate,
)
from csms.model.command import CommandResult
from csms.model.errors import CsmsError
from csms.model.hashes import CertificateHash
from csms.model.security import SigningUse
from csms.security.contracts import ProviderUnavailable
from csms.security.facts import facts, serial_of
from csms.security.ocsp import StatusUnavailable
from csms.station import alarms
from csms.station.context import Handlers, Performers, Send, StationContext
from csms.station.roots import RootNotAllowed
from csms.store import changes
from csms.store.security_tables import InstalledCertificate

log = logging.getLogger(__name__)


async def certificate_status(
    context: StationContext, station_id: str, message: CertificateStatusQuery, received_at: datetime
) -> CertificateStatusReply:
    """Ask the responder that the station names, if it is one of ours; what cannot be had is said so (M06)."""
    try:
        if context.outside.status_source is None:
            raise StatusUnavailable("nobody is there to ask")
        response = await context.outside.status_source.status(message.certificate, message.responder_url)
    except CsmsError as fault:
        await _tell(context, station_id, received_at, fault)
        return CertificateStatusReply()
    return CertificateStatusReply(response)


async def contract_certificate(
    context: StationContext, station_id: str, message: ContractRequest, received_at: datetime
) -> ContractReply:
    """Pass a car's request on to the provider, and its answer back (M01.FR.01, M02.FR.01)."""
    try:
        if context.outside.contracts is None:
            raise ProviderUnavailable("no contract certificate provider is configured")
        exi = await context.outside.contracts.forward(message)
    except CsmsError as fault:
        await _tell(context, station_id, received_at, fault)
        return ContractReply(accepted=False)
    return ContractReply(accepted=True, exi=exi)


async def install(context: StationContext, station_id: str, command: InstallCertificate, send: Send) -> CommandResult:
    """Install a root that stations may have (M05). Raises CertificateUnreadable, RootNotAllowed before it is sent."""
    try:
        await context.roots.check(command.certificate)
    except RootNotAllowed as fault:
        context.alarms.raise_(alarms.ROOT_REFUSED, station_id, str(fault).partition(" is not")[0])
        raise
    told = facts(command.certificate)
    result = await send(command)
    if result.accepted:
        row = InstalledCertificate(
            station_id=station_id,
            use=command.use.value,
            serial=serial_of(told.hash.serial_number),
            algorithm=told.hash.algorithm.value,
            issuer_name_hash=told.hash.issuer_name_hash,
            issuer_key_hash=told.hash.issuer_key_hash,
            serial_number=told.hash.serial_number,
            subject=told.subject,
            begins_at=told.begins_at,
            expires_at=told.expires_at,
            given_at=context.clock.now(),
        )
        await context.store.writer.commit([changes.put_row(row)])
    return result


async def look(
    context: StationContext, station_id: str, command: GetInstalledCertificates, send: Send
) -> CommandResult:
    """Take up what is installed, as the station tells it (M03); what was known of the same certificates stays."""
    result = await send(command)
    if not isinstance(result, CertificatesFound):
        return result
    known = await context.store.reader.find(InstalledCertificate, station_id=station_id)
    asked = {use.value for use in command.uses or tuple(CertificateUse)}
    before = {(row.use, row.serial): row for row in known}
    found = {(row.use, row.serial): row for row in (_row(context, station_id, *told) for told in result.certificates)}
    gone = [key for key in before if key[0] in asked and key not in found and key[0] != SigningUse.STATION]
    for key, row in found.items():
        if key in before:
            for name in ("subject", "begins_at", "expires_at", "given_at"):
                setattr(row, name, getattr(before[key], name))
    await context.store.writer.commit(
        [
            *(changes.delete_rows(InstalledCertificate, station_id=station_id, use=u, serial=s) for u, s in gone),
            *(changes.put_row(row) for row in found.values()),
        ]
    )
    return result


async def delete(context: StationContext, station_id: str, command: DeleteCertificate, send: Send) -> CommandResult:
    """Delete a certificate by the station's own name for it (M04); one that it does not find is gone too."""
    result = await send(command)
    if result.accepted or result.status == "NotFound":
        gone = {"station_id": station_id, "serial": serial_of(command.serial_number)}
        await context.store.writer.commit([changes.delete_rows(InstalledCertificate, **gone)])
    return result


def _row(
    context: StationContext, station_id: str, use: CertificateUse, certificate: CertificateHash
) -> InstalledCertificate:
    return InstalledCertificate(
        station_id=station_id,
        use=use.value,
        serial=serial_of(certificate.serial_number),
        algorithm=certificate.algorithm.value,
        issuer_name_hash=certificate.issuer_name_hash,
        issuer_key_hash=certificate.issuer_key_hash,
        serial_number=certificate.serial_number,
        told_at=context.clock.now(),
    )


async def _tell(context: StationContext, station_id: str, at: datetime, fault: CsmsError) -> None:
    """Why a station got no answer, for whoever looks for the reason."""
    log.warning(fault.code, extra={"station": station_id, "fault": str(fault)})
    await context.store.writer.commit([changes.add_notice(station_id, at, fault.code, {"fault": str(fault)})])


HANDLERS: Handlers = {CertificateStatusQuery: certificate_status, ContractRequest: contract_certificate}

PERFORMERS: Performers = {InstallCertificate: install, GetInstalledCertificates: look, DeleteCertificate: delete}
