"""Neutral replies as 2.0.1 answers."""

from __future__ import annotations

from collections.abc import Mapping

from csms.model.inbound import (
    BootReply,
    DataTransferReply,
    HeartbeatReply,
    Reply,
    TransactionEventReply,
)
from csms.ocpp201.cost import personal_message
from csms.ocpp201.id_tokens import id_token_info
from csms.wire.block import WriteReply, present
from csms.wire.times import format_time
from csms.wire.translator import Payload


def _heartbeat(reply: HeartbeatReply) -> Payload:
    return {"currentTime": format_time(reply.now)}


def _boot(reply: BootReply) -> Payload:
    return {"status": reply.status.value, "currentTime": format_time(reply.now), "interval": reply.interval_s}


def _transaction_event(reply: TransactionEventReply) -> Payload:
    members = {
        "idTokenInfo": id_token_info(reply.authorization) if reply.authorization else None,
        "totalCost": reply.total_cost,
        "updatedPersonalMessage": personal_message(reply.message) if reply.message else None,
    }
    return present(members)


def _data_transfer(reply: DataTransferReply) -> Payload:
    return {"status": reply.status, "data": reply.data} if reply.data else {"status": reply.status}


REPLIES: Mapping[type[Reply], WriteReply] = {
    HeartbeatReply: _heartbeat,
    BootReply: _boot,
    TransactionEventReply: _transaction_event,
    DataTransferReply: _data_transfer,
}
