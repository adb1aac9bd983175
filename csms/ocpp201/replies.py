"""Neutral replies as 2.0.1 answers."""

from __future__ import annotations

from csms.model.inbound import (
    Acknowledged,
    AuthorizeReply,
    BootReply,
    DataTransferReply,
    HeartbeatReply,
    Reply,
    TransactionEventReply,
)
from csms.ocpp201.actions import NOTICES
from csms.wire.times import format_time
from csms.wire.translator import Payload

ID_TOKEN_LENGTH_MAX = 36
"""IdTokenType.idToken."""


def encode(action: str, reply: Reply) -> Payload:
    """The payload that answers `action`; raises TypeError for a reply that 2.0.1 does not have."""
    match reply:
        case Acknowledged():
            return dict(NOTICES.get(action, {}))
        case HeartbeatReply(now):
            return {"currentTime": format_time(now)}
        case BootReply(status, now, interval_s):
            return {"status": status.value, "currentTime": format_time(now), "interval": interval_s}
        case AuthorizeReply():
            return {"idTokenInfo": _id_token_info(reply)}
        case TransactionEventReply(authorization):
            return {"idTokenInfo": _id_token_info(authorization)} if authorization else {}
        case DataTransferReply(status, data):
            return {"status": status, "data": data} if data else {"status": status}
    raise TypeError(f"{type(reply).__name__} cannot answer {action} in OCPP 2.0.1")


def _id_token_info(authorization: AuthorizeReply) -> Payload:
    """A group id that is too long is left out: cut short it would name another group."""
    info: Payload = {"status": authorization.status.value}
    if 0 < len(authorization.group_id) <= ID_TOKEN_LENGTH_MAX:
        info["groupIdToken"] = {"idToken": authorization.group_id, "type": "Central"}
    if authorization.expires_at is not None:
        info["cacheExpiryDateTime"] = format_time(authorization.expires_at)
    return info
