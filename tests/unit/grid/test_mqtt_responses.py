"""Words about events over MQTT: what can be read, and what cannot."""

from __future__ import annotations

import pytest

from csms.grid.mqtt_payloads import BadPayload
from csms.grid.mqtt_responses import Word, read_word


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"id": "A", "invitation": {"type": "shave"}}', Word("A", "invitation", {"type": "shave"})),
        (b'{"id": "A", "clearing": {"accepted": false}}', Word("A", "clearing", {"accepted": False})),
        (b'{"id": "A", "cancel": true}', Word("A", "cancel")),
        (b'{"id": "A", "appeal": 2, "answer": {"upheld": true}}', Word("A", "answer", {"upheld": True}, 2)),
    ],
)
def test_what_is_read(raw: bytes, expected: Word) -> None:
    assert read_word(raw) == expected


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'{"id": "A"}',
        b'{"cancel": true}',
        b'{"id": 7, "cancel": true}',
        b'{"id": "", "cancel": true}',
        b'{"id": "A", "cancel": false}',
        b'{"id": "A", "cancel": true, "clearing": {}}',
        b'{"id": "A", "cancel": true, "more": 1}',
        b'{"id": "A", "clearing": []}',
        b'{"id": "A", "answer": {"upheld": true}}',
        b'{"id": "A", "appeal": true, "answer": {}}',
        b'{"id": "A", "appeal": 1, "clearing": {}}',
        b'{"id": "A", "id": "B", "cancel": true}',
    ],
)
def test_what_cannot_be_read(raw: bytes) -> None:
    with pytest.raises(BadPayload):
        read_word(raw)
