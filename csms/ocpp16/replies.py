"""Neutral replies as 1.6 answers."""

from __future__ import annotations

from csms.model.inbound import (
    Acknowledged,
    AuthorizeReply,
    BootReply,
    DataTransferReply,
    HeartbeatReply,
    Reply,
    SessionStartedReply,
    SessionStoppedReply,
)
from csms.ocpp16.actions import NOTICES
from csms.wire.times import format_time
from csms.wire.translator import Payload

ID_TAG_LENGTH_MAX = 20
"""CiString20Type IdToken."""


def encode(action: str, reply: Reply) -> Payload:
    """The payload that answers `action`; raises TypeError for a reply that 1.6 does not have."""
    match reply:
        case Acknowledged():
            return dict(NOTICES.get(action, {}))
        case HeartbeatReply(now):
            return {"currentTime": format_time(now)}
        case BootReply(status, now, interval_s):
            return {"status": status.value, "currentTime": format_time(now), "interval": interval_s}
        case AuthorizeReply():
            return {"idTagInfo": _id_tag_info(reply)}
        case SessionStartedReply(transaction_id, authorization):
            return {"transactionId": transaction_id, "idTagInfo": _id_tag_info(authorization)}
        case SessionStoppedReply(authorization):
            return {"idTagInfo": _id_tag_info(authorization)} if authorization else {}
        case DataTransferReply(status, data):
            return {"status": status, "data": data} if data else {"status": status}
    raise TypeError(f"{type(reply).__name__} cannot answer {action} in OCPP 1.6")


def _id_tag_info(authorization: AuthorizeReply) -> Payload:
    """A group id that is too long for 1.6 is left out: cut short it would name another group."""
    info: Payload = {"status": authorization.status.value}
    if 0 < len(authorization.group_id) <= ID_TAG_LENGTH_MAX:
        info["parentIdTag"] = authorization.group_id
    if authorization.expires_at is not None:
        info["expiryDate"] = format_time(authorization.expires_at)
    return info
