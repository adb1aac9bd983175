"""Our answers to 1.6 stations; each passes the schema strictly."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from csms.model.errors import PeerError, RpcErrorCode
from csms.model.inbound import (
    Acknowledged,
    AuthorizeReply,
    BootReply,
    DataTransferReply,
    HeartbeatReply,
    Reply,
    SessionStartedReply,
    SessionStoppedReply,
    TransactionEventReply,
)
from csms.model.session import AuthorizationStatus
from csms.model.station import RegistrationStatus
from csms.ocpp16 import TRANSLATOR
from csms.wire.codec import Codec
from csms.wire.translator import Payload

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CODEC = Codec(TRANSLATOR)
ACCEPTED = AuthorizeReply(AuthorizationStatus.ACCEPTED)


@pytest.mark.parametrize(
    ("action", "reply", "payload"),
    [
        (
            "BootNotification",
            BootReply(RegistrationStatus.ACCEPTED, NOW, 300),
            {"status": "Accepted", "currentTime": "2026-03-01T12:00:00.000Z", "interval": 300},
        ),
        (
            "BootNotification",
            BootReply(RegistrationStatus.PENDING, NOW, 60),
            {"status": "Pending", "currentTime": "2026-03-01T12:00:00.000Z", "interval": 60},
        ),
        ("Heartbeat", HeartbeatReply(NOW), {"currentTime": "2026-03-01T12:00:00.000Z"}),
        ("StatusNotification", Acknowledged(), {}),
        ("MeterValues", Acknowledged(), {}),
        ("Authorize", AuthorizeReply(AuthorizationStatus.BLOCKED), {"idTagInfo": {"status": "Blocked"}}),
        (
            "Authorize",
            AuthorizeReply(AuthorizationStatus.EXPIRED, "GROUP", NOW),
            {
                "idTagInfo": {
                    "status": "Expired",
                    "parentIdTag": "GROUP",
                    "expiryDate": "2026-03-01T12:00:00.000Z",
                }
            },
        ),
        ("Authorize", AuthorizeReply(AuthorizationStatus.INVALID, "G" * 21), {"idTagInfo": {"status": "Invalid"}}),
        (
            "StartTransaction",
            SessionStartedReply(4711, AuthorizeReply(AuthorizationStatus.CONCURRENT_TX)),
            {"transactionId": 4711, "idTagInfo": {"status": "ConcurrentTx"}},
        ),
        ("StopTransaction", SessionStoppedReply(), {}),
        ("StopTransaction", SessionStoppedReply(ACCEPTED), {"idTagInfo": {"status": "Accepted"}}),
        ("DataTransfer", DataTransferReply("UnknownVendorId"), {"status": "UnknownVendorId"}),
        ("DataTransfer", DataTransferReply("Accepted", "ok"), {"status": "Accepted", "data": "ok"}),
    ],
)
def test_replies(action: str, reply: Reply, payload: Payload) -> None:
    assert CODEC.encode_reply(action, reply) == payload


def test_a_reply_of_another_version() -> None:
    with pytest.raises(TypeError, match=r"1\.6"):
        CODEC.encode_reply("StopTransaction", TransactionEventReply())


def test_an_answer_that_breaks_the_schema_is_our_fault() -> None:
    with pytest.raises(PeerError) as caught:
        CODEC.encode_reply("BootNotification", Acknowledged())
    assert caught.value.code is RpcErrorCode.INTERNAL_ERROR
