"""Our answers to 2.0.1 stations; each passes the schema strictly."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from csms.model.inbound import (
    Acknowledged,
    AuthorizeReply,
    BootReply,
    DataTransferReply,
    HeartbeatReply,
    Reply,
    SessionStoppedReply,
    TransactionEventReply,
)
from csms.model.session import AuthorizationStatus
from csms.model.station import RegistrationStatus
from csms.ocpp201 import TRANSLATOR
from csms.wire.codec import Codec
from csms.wire.translator import Payload

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CODEC = Codec(TRANSLATOR)


@pytest.mark.parametrize(
    ("action", "reply", "payload"),
    [
        (
            "BootNotification",
            BootReply(RegistrationStatus.REJECTED, NOW, 3600),
            {"status": "Rejected", "currentTime": "2026-03-01T12:00:00.000Z", "interval": 3600},
        ),
        ("Heartbeat", HeartbeatReply(NOW), {"currentTime": "2026-03-01T12:00:00.000Z"}),
        ("StatusNotification", Acknowledged(), {}),
        ("MeterValues", Acknowledged(), {}),
        ("Authorize", AuthorizeReply(AuthorizationStatus.ACCEPTED), {"idTokenInfo": {"status": "Accepted"}}),
        (
            "Authorize",
            AuthorizeReply(AuthorizationStatus.ACCEPTED, "GROUP", NOW),
            {
                "idTokenInfo": {
                    "status": "Accepted",
                    "groupIdToken": {"idToken": "GROUP", "type": "Central"},
                    "cacheExpiryDateTime": "2026-03-01T12:00:00.000Z",
                }
            },
        ),
        (
            "Authorize",
            AuthorizeReply(AuthorizationStatus.CONCURRENT_TX, "G" * 37),
            {"idTokenInfo": {"status": "ConcurrentTx"}},
        ),
        ("TransactionEvent", TransactionEventReply(), {}),
        (
            "TransactionEvent",
            TransactionEventReply(AuthorizeReply(AuthorizationStatus.INVALID)),
            {"idTokenInfo": {"status": "Invalid"}},
        ),
        ("DataTransfer", DataTransferReply("UnknownMessageId"), {"status": "UnknownMessageId"}),
        ("DataTransfer", DataTransferReply("Accepted", "ok"), {"status": "Accepted", "data": "ok"}),
    ],
)
def test_replies(action: str, reply: Reply, payload: Payload) -> None:
    assert CODEC.encode_reply(action, reply) == payload


@pytest.mark.parametrize("status", list(AuthorizationStatus))
def test_every_authorization_status_is_one_of_2_0_1(status: AuthorizationStatus) -> None:
    assert CODEC.encode_reply("Authorize", AuthorizeReply(status)) == {"idTokenInfo": {"status": status.value}}


def test_a_reply_of_another_version() -> None:
    with pytest.raises(TypeError, match=r"2\.0\.1"):
        CODEC.encode_reply("TransactionEvent", SessionStoppedReply())
