"""Id tokens in 1.6: answered, listed, forgotten (OCPP 1.6 sections 4.1, 5.6, 5.10 and 5.15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo

from csms.model.authorization import ClearCache
from csms.model.command import CommandResult
from csms.model.inbound import AuthorizeReply
from csms.model.local_list import GetLocalListVersion, ListEntry, ListVersion, WriteLocalList
from csms.model.session import AuthorizationStatus
from csms.wire.block import Block, Calls, present
from csms.wire.reading import optional_number
from csms.wire.times import format_time
from csms.wire.translator import Payload

ID_TAG_LENGTH_MAX = 20
"""CiString20Type IdToken."""

_WORDS: Mapping[AuthorizationStatus, str] = {
    AuthorizationStatus.NO_CREDIT: "Blocked",
    AuthorizationStatus.NOT_ALLOWED_TYPE_EVSE: "Blocked",
    AuthorizationStatus.NOT_AT_THIS_LOCATION: "Blocked",
    AuthorizationStatus.NOT_AT_THIS_TIME: "Blocked",
    AuthorizationStatus.UNKNOWN: "Invalid",
}
"""What 1.6 has no word for: known, but not to charge here and now; or not known."""


def id_tag_info(authorization: AuthorizeReply) -> Payload:
    """A group id that is too long for 1.6 is left out: cut short it would name another group."""
    status = authorization.status
    info: Payload = {"status": _WORDS.get(status, status.value)}
    if 0 < len(authorization.group_id) <= ID_TAG_LENGTH_MAX:
        info["parentIdTag"] = authorization.group_id
    if authorization.expires_at is not None:
        info["expiryDate"] = format_time(authorization.expires_at)
    return info


def _answer(reply: AuthorizeReply) -> Payload:
    return {"idTagInfo": id_tag_info(reply)}


def _clear_cache(command: ClearCache) -> Calls:
    return [("ClearCache", {})]


def _get_version(command: GetLocalListVersion) -> Calls:
    return [("GetLocalListVersion", {})]


def _version(command: GetLocalListVersion, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    """Version -1 says that the station has no list at all."""
    answer = answers[0] if answers else {}
    version = optional_number(answer, "listVersion") or 0
    status = "NotSupported" if version < 0 else "Accepted"
    return CommandResult(status, values={"version": str(version)}, payload=answer, records=(ListVersion(version),))


def _write(command: WriteLocalList) -> Calls:
    """Tokens that no 1.6 station could be shown, because they are too long, are left out."""
    entries = [_entry(entry) for entry in command.entries if 0 < len(entry.id_token) <= ID_TAG_LENGTH_MAX]
    kind = "Full" if command.full else "Differential"
    listed = {"localAuthorizationList": entries} if entries or command.full else {}
    return [("SendLocalList", {"listVersion": command.version, "updateType": kind, **listed})]


def _entry(entry: ListEntry) -> Payload:
    return {"idTag": entry.id_token, **present({"idTagInfo": id_tag_info(entry.info) if entry.info else None})}


BLOCK = Block(
    replies={AuthorizeReply: _answer},
    commands={ClearCache: _clear_cache, GetLocalListVersion: _get_version, WriteLocalList: _write},
    results={GetLocalListVersion: _version},
)
