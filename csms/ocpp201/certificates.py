"""Certificates in 2.0.1 stations and for cars (block M)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

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
from csms.model.hashes import CertificateHash
from csms.wire.block import Block, Calls, plain_result
from csms.wire.hashes import read_hash, write_hash
from csms.wire.reading import items, optional_name, section, text
from csms.wire.translator import Payload


def _status_query(payload: Payload, received_at: datetime, zone: tzinfo) -> CertificateStatusQuery:
    asked = section(payload, "ocspRequestData")
    return CertificateStatusQuery(read_hash(asked), text(asked, "responderURL"))


def _status(reply: CertificateStatusReply) -> Payload:
    """M06.FR.02, M06.FR.04."""
    return {"status": "Failed"} if reply.response is None else {"status": "Accepted", "ocspResult": reply.response}


def _contract_request(payload: Payload, received_at: datetime, zone: tzinfo) -> ContractRequest:
    version = text(payload, "iso15118SchemaVersion")
    return ContractRequest(text(payload, "action"), version, text(payload, "exiRequest"))


def _contract(reply: ContractReply) -> Payload:
    return {"status": "Accepted" if reply.accepted else "Failed", "exiResponse": reply.exi}


def _install(command: InstallCertificate) -> Calls:
    return [("InstallCertificate", {"certificateType": command.use.value, "certificate": command.certificate})]


def _get(command: GetInstalledCertificates) -> Calls:
    uses = [use.value for use in command.uses]
    return [("GetInstalledCertificateIds", {"certificateType": uses} if uses else {})]


def _found(command: GetInstalledCertificates, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    plain = plain_result(answers)
    chains = items(plain.payload, "certificateHashDataChain")
    found = tuple(entry for chain in chains for entry in _chain(chain))
    return CertificatesFound(plain.status, payload=plain.payload, certificates=found)


def _chain(chain: Mapping[str, Any]) -> Iterator[tuple[CertificateUse, CertificateHash]]:
    """A certificate and the sub CAs below it (M03.FR.05)."""
    use = optional_name(CertificateUse, chain.get("certificateType"))
    if use is None:
        return
    for entry in (section(chain, "certificateHashData"), *items(chain, "childCertificateHashData")):
        yield use, read_hash(entry)


def _delete(command: DeleteCertificate) -> Calls:
    return [("DeleteCertificate", {"certificateHashData": write_hash(command)})]


BLOCK = Block(
    calls={"GetCertificateStatus": _status_query, "Get15118EVCertificate": _contract_request},
    replies={CertificateStatusReply: _status, ContractReply: _contract},
    commands={InstallCertificate: _install, GetInstalledCertificates: _get, DeleteCertificate: _delete},
    results={GetInstalledCertificates: _found},
)
