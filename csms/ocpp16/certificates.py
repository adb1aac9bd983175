"""Roots in 1.6 stations: the security extension's use cases M03 to M05."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from enum import StrEnum

from csms.model.certificates import (
    CertificatesFound,
    CertificateUse,
    DeleteCertificate,
    GetInstalledCertificates,
    InstallCertificate,
)
from csms.model.command import CommandResult
from csms.model.errors import NotInThisVersion
from csms.wire.block import Block, Calls
from csms.wire.hashes import read_hash, write_hash
from csms.wire.reading import items, text
from csms.wire.translator import Payload

_USES: Mapping[CertificateUse, str] = {
    CertificateUse.CENTRAL_SYSTEM: "CentralSystemRootCertificate",
    CertificateUse.MANUFACTURER: "ManufacturerRootCertificate",
}


def _use(use: StrEnum) -> str:
    """1.6 knows two kinds of roots."""
    known = _USES.get(CertificateUse(use.value))
    if known is None:
        raise NotInThisVersion(f"OCPP 1.6 stations have no {use}")
    return known


def _install(command: InstallCertificate) -> Calls:
    return [("InstallCertificate", {"certificateType": _use(command.use), "certificate": command.certificate})]


def _asked(command: GetInstalledCertificates) -> Sequence[CertificateUse]:
    return command.uses or tuple(_USES)


def _get(command: GetInstalledCertificates) -> Calls:
    """One call for each kind."""
    return [("GetInstalledCertificateIds", {"certificateType": _use(use)}) for use in _asked(command)]


def _found(command: GetInstalledCertificates, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    """Accepted when any kind was found."""
    found = [
        (use, read_hash(entry))
        for use, answer in zip(_asked(command), answers, strict=False)
        for entry in items(answer, "certificateHashData")
    ]
    statuses = [text(answer, "status") for answer in answers]
    status = "Accepted" if "Accepted" in statuses else next(iter(statuses), "NotFound")
    payload: Payload = answers[0] if len(answers) == 1 else {"answers": list(answers)}
    return CertificatesFound(status, payload=payload, certificates=tuple(found))


def _delete(command: DeleteCertificate) -> Calls:
    return [("DeleteCertificate", {"certificateHashData": write_hash(command)})]


BLOCK = Block(
    commands={InstallCertificate: _install, GetInstalledCertificates: _get, DeleteCertificate: _delete},
    results={GetInstalledCertificates: _found},
)
