"""Neutral replies as 1.6 answers."""

from __future__ import annotations

from collections.abc import Mapping

from csms.model.inbound import (
    BootReply,
    DataTransferReply,
    HeartbeatReply,
    Reply,
    SessionStartedReply,
    SessionStoppedReply,
)
from csms.ocpp16.id_tokens import id_tag_info
from csms.wire.block import WriteReply
from csms.wire.times import format_time
from csms.wire.translator import Payload


def _heartbeat(reply: HeartbeatReply) -> Payload:
    return {"currentTime": format_time(reply.now)}


def _boot(reply: BootReply) -> Payload:
    return {"status": reply.status.value, "currentTime": format_time(reply.now), "interval": reply.interval_s}


def _started(reply: SessionStartedReply) -> Payload:
    return {"transactionId": reply.transaction_id, "idTagInfo": id_tag_info(reply.authorization)}


def _stopped(reply: SessionStoppedReply) -> Payload:
    return {"idTagInfo": id_tag_info(reply.authorization)} if reply.authorization else {}


def _data_transfer(reply: DataTransferReply) -> Payload:
    return {"status": reply.status, "data": reply.data} if reply.data else {"status": reply.status}


REPLIES: Mapping[type[Reply], WriteReply] = {
    HeartbeatReply: _heartbeat,
    BootReply: _boot,
    SessionStartedReply: _started,
    SessionStoppedReply: _stopped,
    DataTransferReply: _data_transfer,
}
