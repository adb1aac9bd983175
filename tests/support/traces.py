"""Notes for tests of traces, and everything that a folder of traces holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from csms.model.clock import Clock, ManualClock
from csms.trace.block import Columns
from csms.trace.notes import Kind, Note
from csms.trace.reading import Page, Query, search
from csms.trace.recorder import Bounds, Recorder
from csms.trace.redaction import Redactor

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOON_MS = 1_772_452_800_000


def frame(*items: Any) -> str:
    return json.dumps(items, separators=(",", ":"))


def note(at_ms: int, station: str = "CP-1", text: str = "[]", kind: Kind = Kind.IN, action: str = "") -> Note:
    return Note(at_ms, kind, station, action, text)


def columns(*notes: Note) -> Columns:
    return Columns(
        [n.at_ms for n in notes],
        bytes(n.kind for n in notes),
        [n.station_id for n in notes],
        [n.action for n in notes],
        [n.text for n in notes],
    )


def notes_of(part: Columns) -> list[Note]:
    return [part.note(place) for place in range(len(part))]


def everything(folder: Path, **query: Any) -> list[Note]:
    """All notes in order of time, page by page."""
    found: list[Note] = []
    after = None
    while True:
        page: Page = search(folder, Query(after=after, **query))
        found += page.notes
        after = page.following
        if after is None:
            return found


@contextmanager
def recorder(
    folder: Path, clock: Clock | None = None, redactor: Redactor | None = None, **bounds: int
) -> Iterator[Recorder]:
    """A recorder at work."""
    made = Recorder(
        clock or ManualClock(NOON), folder, "gw", redactor or Redactor(), Bounds(**{"files": 10**9} | bounds)
    )
    made.start()
    try:
        yield made
    finally:
        made.close()


def later(seconds: float) -> float:
    """Unix time so many seconds after noon."""
    return NOON_MS / 1000 + seconds
