"""Neutral replies as 1.6 answers."""

from __future__ import annotations

from collections.abc import Mapping

from csms.model.inbound import (
    AuthorizeReply,
    BootReply,
    DataTransferReply,
    HeartbeatReply,
    Reply,
    SessionStartedReply,
    SessionStoppedReply,
)
from csms.wire.block import WriteReply
from csms.wire.times import format_time
from csms.wire.translator import Payload

ID_TAG_LENGTH_MAX = 20
"""CiString20Type IdToken."""


def _heartbeat(reply: HeartbeatReply) -> Payload:
    return {"currentTime": format_time(reply.now)}


def _boot(reply: BootReply) -> Payload:
    return {"status": reply.status.value, "currentTime": format_time(reply.now), "interval": reply.interval_s}


def _authorize(reply: AuthorizeReply) -> Payload:
    return {"idTagInfo": _id_tag_info(reply)}


def _started(reply: SessionStartedReply) -> Payload:
    return {"transactionId": reply.transaction_id, "idTagInfo": _id_tag_info(reply.authorization)}


def _stopped(reply: SessionStoppedReply) -> Payload:
    return {"idTagInfo": _id_tag_info(reply.authorization)} if reply.authorization else {}


def _data_transfer(reply: DataTransferReply) -> Payload:
    return {"status": reply.status, "data": reply.data} if reply.data else {"status": reply.status}


def _id_tag_info(authorization: AuthorizeReply) -> Payload:
    """A group id that is too long for 1.6 is left out: cut short it would name another group."""
    info: Payload = {"status": authorization.status.value}
    if 0 < len(authorization.group_id) <= ID_TAG_LENGTH_MAX:
        info["parentIdTag"] = authorization.group_id
    if authorization.expires_at is not None:
        info["expiryDate"] = format_time(authorization.expires_at)
    return info


REPLIES: Mapping[type[Reply], WriteReply] = {
    HeartbeatReply: _heartbeat,
    BootReply: _boot,
    AuthorizeReply: _authorize,
    SessionStartedReply: _started,
    SessionStoppedReply: _stopped,
    DataTransferReply: _data_transfer,
}
