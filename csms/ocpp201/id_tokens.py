"""Id tokens in 2.0.1: asked about, answered, listed, forgotten (part 2, blocks C and D, N09 and N10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from csms.model.authorization import TOKEN_TYPES, ClearCache
from csms.model.command import CommandResult
from csms.model.customer import CustomerInformation, CustomerReport
from csms.model.hashes import ContractLink
from csms.model.inbound import Authorize, AuthorizeReply
from csms.model.local_list import GetLocalListVersion, ListEntry, ListVersion, WriteLocalList
from csms.wire.block import Block, Calls, present
from csms.wire.hashes import read_hash, write_hash
from csms.wire.reading import items, optional_number, section, text
from csms.wire.times import format_time
from csms.wire.translator import Payload

ID_TOKEN_LENGTH_MAX = 36
"""IdTokenType.idToken."""

LANGUAGE_LENGTH_MAX = 8
MESSAGE_LENGTH_MAX = 512


def id_token(token: str, token_type: str) -> Payload:
    """A token as it stands in messages; one whose type nobody told is taken for a card."""
    return {"idToken": token, "type": token_type if token_type in TOKEN_TYPES else "ISO14443"}


def id_token_info(reply: AuthorizeReply) -> Payload:
    """What is known of a token. A group id that is too long is left out: cut short it would name another group."""
    languages = [tag for tag in dict.fromkeys(reply.languages) if 0 < len(tag) <= LANGUAGE_LENGTH_MAX]
    group = reply.group_id if 0 < len(reply.group_id) <= ID_TOKEN_LENGTH_MAX else ""
    info = {
        "status": reply.status.value,
        "groupIdToken": {"idToken": group, "type": "Central"} if group else None,
        "cacheExpiryDateTime": format_time(reply.expires_at) if reply.expires_at else None,
        "evseId": list(reply.evse_ids) or None,
        "language1": languages[0] if languages else None,
        "language2": languages[1] if len(languages) > 1 else None,
        "personalMessage": _message(reply.message, languages) if reply.message else None,
    }
    return present(info)


def _message(message: str, languages: Sequence[str]) -> Payload:
    language = {"language": languages[0]} if languages else {}
    return {"format": "UTF8", "content": message[:MESSAGE_LENGTH_MAX], **language}


def _authorize(payload: Payload, received_at: datetime, zone: tzinfo) -> Authorize:
    token = section(payload, "idToken")
    chain = tuple(_link(entry) for entry in items(payload, "iso15118CertificateHashData"))
    return Authorize(text(token, "idToken"), text(token, "type"), text(payload, "certificate"), chain)


def _link(entry: Mapping[str, Any]) -> ContractLink:
    return ContractLink(read_hash(entry), text(entry, "responderURL"))


def _answer(reply: AuthorizeReply) -> Payload:
    certificate = present({"certificateStatus": reply.certificate_status or None})
    return {"idTokenInfo": id_token_info(reply), **certificate}


def _clear_cache(command: ClearCache) -> Calls:
    return [("ClearCache", {})]


def _get_version(command: GetLocalListVersion) -> Calls:
    return [("GetLocalListVersion", {})]


def _version(command: GetLocalListVersion, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    answer = answers[0] if answers else {}
    version = optional_number(answer, "versionNumber") or 0
    return CommandResult("Accepted", values={"version": str(version)}, payload=answer, records=(ListVersion(version),))


def _write(command: WriteLocalList) -> Calls:
    """Tokens that no 2.0.1 station could be shown are left out."""
    entries = [_entry(entry) for entry in command.entries if 0 < len(entry.id_token) <= ID_TOKEN_LENGTH_MAX]
    kind = "Full" if command.full else "Differential"
    listed = present({"localAuthorizationList": entries or None})
    return [("SendLocalList", {"versionNumber": command.version, "updateType": kind, **listed})]


def _entry(entry: ListEntry) -> Payload:
    info = present({"idTokenInfo": id_token_info(entry.info) if entry.info else None})
    return {"idToken": id_token(entry.id_token, entry.token_type), **info}


def _customer(command: CustomerInformation) -> Calls:
    token = id_token(command.id_token, command.token_type) if command.id_token is not None else None
    customer = {
        "idToken": token,
        "customerCertificate": write_hash(command.certificate) if command.certificate else None,
        "customerIdentifier": command.identifier,
    }
    asked = {"requestId": command.request_id, "report": command.report, "clear": command.clear}
    return [("CustomerInformation", {**asked, **present(customer)})]


def _customer_report(payload: Payload, received_at: datetime, zone: tzinfo) -> CustomerReport:
    return CustomerReport(
        optional_number(payload, "requestId"),
        optional_number(payload, "seqNo") or 0,
        payload.get("tbc") is True,
        text(payload, "data"),
    )


BLOCK = Block(
    calls={"Authorize": _authorize, "NotifyCustomerInformation": _customer_report},
    replies={AuthorizeReply: _answer},
    commands={
        ClearCache: _clear_cache,
        GetLocalListVersion: _get_version,
        WriteLocalList: _write,
        CustomerInformation: _customer,
    },
    results={GetLocalListVersion: _version},
)
