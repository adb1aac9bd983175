"""Neutral replies as 2.0.1 answers."""

from __future__ import annotations

from collections.abc import Mapping

from csms.model.inbound import (
    AuthorizeReply,
    BootReply,
    DataTransferReply,
    HeartbeatReply,
    Reply,
    TransactionEventReply,
)
from csms.ocpp201.cost import personal_message
from csms.wire.block import WriteReply, present
from csms.wire.times import format_time
from csms.wire.translator import Payload

ID_TOKEN_LENGTH_MAX = 36
"""IdTokenType.idToken."""


def _heartbeat(reply: HeartbeatReply) -> Payload:
    return {"currentTime": format_time(reply.now)}


def _boot(reply: BootReply) -> Payload:
    return {"status": reply.status.value, "currentTime": format_time(reply.now), "interval": reply.interval_s}


def _authorize(reply: AuthorizeReply) -> Payload:
    return {"idTokenInfo": _id_token_info(reply)}


def _transaction_event(reply: TransactionEventReply) -> Payload:
    members = {
        "idTokenInfo": _id_token_info(reply.authorization) if reply.authorization else None,
        "totalCost": reply.total_cost,
        "updatedPersonalMessage": personal_message(reply.message) if reply.message else None,
    }
    return present(members)


def _data_transfer(reply: DataTransferReply) -> Payload:
    return {"status": reply.status, "data": reply.data} if reply.data else {"status": reply.status}


def _id_token_info(authorization: AuthorizeReply) -> Payload:
    """A group id that is too long is left out: cut short it would name another group."""
    info: Payload = {"status": authorization.status.value}
    if 0 < len(authorization.group_id) <= ID_TOKEN_LENGTH_MAX:
        info["groupIdToken"] = {"idToken": authorization.group_id, "type": "Central"}
    if authorization.expires_at is not None:
        info["cacheExpiryDateTime"] = format_time(authorization.expires_at)
    return info


REPLIES: Mapping[type[Reply], WriteReply] = {
    HeartbeatReply: _heartbeat,
    BootReply: _boot,
    AuthorizeReply: _authorize,
    TransactionEventReply: _transaction_event,
    DataTransferReply: _data_transfer,
}
