"""The words of a trace: a `Note` is one frame or one event of a connection. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import IntEnum

import msgspec

_TYPE = re.compile(r"\s*\[\s*([234])(?![\d.eE])")
_MESSAGES = {"2": "call", "3": "result", "4": "error"}
_GOOD_ENDS = (1000, 1001)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Kind(IntEnum):
    """What was noted; the numbers stand in files. The text of all but frames is a small JSON object of ours."""

    IN = 0
    """A frame of the station."""
    OUT = 1
    """A frame of ours."""
    UNREADABLE = 2
    """A frame of the station that is no OCPP-J."""
    OPENED = 3
    CLOSED = 4
    REFUSED = 5
    """A handshake that was refused."""
    SILENT = 6
    """The station did not answer a call of ours in time."""
    DROPPED = 7
    """So many notes could not be kept."""


CLEAN = 16
"""Added to a kind while a note is in memory: its frame was checked to hold nothing but what is no secret."""

IN_CLEAN, OUT_CLEAN = Kind.IN | CLEAN, Kind.OUT | CLEAN
FRAMES = (Kind.IN, Kind.OUT, Kind.UNREADABLE)


class Note(msgspec.Struct, frozen=True):
    """One line of a trace; `at_ms` is Unix time, `action` that of the call, also for its answer ("" if unknown)."""

    at_ms: int
    kind: Kind
    station_id: str
    action: str
    text: str

    @property
    def at(self) -> datetime:
        """The moment."""
        return _EPOCH + timedelta(milliseconds=self.at_ms)

    @property
    def direction(self) -> str:
        """`in` or `out`; "" for what is no frame."""
        return "out" if self.kind is Kind.OUT else "in" if self.kind in FRAMES else ""

    @property
    def message(self) -> str:
        """`call`, `result` or `error`; "" for what is no such frame."""
        found = _TYPE.match(self.text) if self.kind in (Kind.IN, Kind.OUT) else None
        return _MESSAGES[found[1]] if found else ""

    @property
    def is_error(self) -> bool:
        """Whether something went wrong here: a refusal, a frame or an end that should not be."""
        if self.kind is Kind.CLOSED:
            return _code(self.text) not in _GOOD_ENDS
        return self.kind in (Kind.UNREADABLE, Kind.REFUSED, Kind.SILENT, Kind.DROPPED) or self.message == "error"


def unix_ms(at: datetime) -> int:
    """A moment as notes have it."""
    return round(at.timestamp() * 1000)


def event_text(**facts: object) -> str:
    """The text of a note that is no frame."""
    return msgspec.json.encode(facts).decode()


def _code(text: str) -> int:
    try:
        facts = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return 0
    return int(facts.get("code") or 0) if isinstance(facts, dict) else 0
