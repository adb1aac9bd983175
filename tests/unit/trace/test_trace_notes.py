"""What a note says of itself."""

from __future__ import annotations

import pytest

from csms.trace.notes import Kind, event_text, unix_ms
from tests.support.traces import NOON, NOON_MS, note


def test_time() -> None:
    assert unix_ms(NOON) == NOON_MS
    assert note(NOON_MS).at == NOON


@pytest.mark.parametrize(
    ("kind", "text", "direction", "message", "is_error"),
    [
        (Kind.IN, '[2,"1","Heartbeat",{}]', "in", "call", False),
        (Kind.IN, ' [ 3 , "1",{}]', "in", "result", False),
        (Kind.OUT, '[4,"1","InternalError","",{}]', "out", "error", True),
        (Kind.IN, "[2.5,1]", "in", "", False),
        (Kind.IN, "[42]", "in", "", False),
        (Kind.UNREADABLE, '[2,"1"', "in", "", True),
        (Kind.OPENED, "{}", "", "", False),
        (Kind.CLOSED, event_text(code=1000), "", "", False),
        (Kind.CLOSED, event_text(code=1006), "", "", True),
        (Kind.CLOSED, "no JSON", "", "", True),
        (Kind.CLOSED, "[]", "", "", True),
        (Kind.REFUSED, "{}", "", "", True),
        (Kind.SILENT, "{}", "", "", True),
        (Kind.DROPPED, "{}", "", "", True),
    ],
)
def test_direction_message_and_error(kind, text, direction, message, is_error) -> None:
    made = note(0, text=text, kind=kind)
    assert (made.direction, made.message, made.is_error) == (direction, message, is_error)
