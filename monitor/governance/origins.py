"""Where a quarter-hour of an outlet comes from: its samples, the messages that held them, the facts that used them, and
what was done to those. Reads and changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from csms.store.queries import Reader
from csms.store.samples import StoredSample
from csms.trace.notes import Note, unix_ms
from csms.trace.reading import LIMIT_MAX, Query, search
from monitor.governance.series import Series, series_of
from monitor.store.governance import GovernanceStore
from monitor.store.governance_tables import Kind

QUARTER = timedelta(minutes=15)
SAMPLES_MAX = 10_000
"""Of a quarter-hour: ten values a second."""
METERING = frozenset({"MeterValues", "TransactionEvent", "StartTransaction", "StopTransaction"})
"""Messages that hold samples."""
NEAR_MS = 1000
"""A frame is noted and its samples are stored at the same moment, but for the time that reading it takes."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the station that held some of them."""

    at: datetime
    action: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Origin:
    """`orders`: the lineage of each fact whose session the samples are of. `messages`: as far as frames are kept."""

    station: str
    evse: int
    begins_at: datetime
    samples: Sequence[Series]
    messages: Sequence[Message]
    orders: Sequence[dict[str, Any]]


async def origin_of(
    reader: Reader, facts: GovernanceStore | None, traces: Path, station: str, evse: int, moment: datetime
) -> Origin:
    """Of the quarter-hour, by the station's clock, that a moment lies in. Raises StoreUnavailable."""
    begins_at = moment - (moment - moment.replace(minute=0, second=0, microsecond=0)) % QUARTER
    end = begins_at + QUARTER
    samples = await reader.samples(station_id=station, evse_id=evse, since=begins_at, until=end, limit=SAMPLES_MAX)
    sessions = sorted({one.session_id for one in samples if one.session_id is not None})
    orders = [] if facts is None else [told for one in sessions if (told := _lineage(facts, one))]
    messages = _messages(traces, station, samples)
    return Origin(station, evse, begins_at, series_of(samples), messages, orders)


def _lineage(facts: GovernanceStore, session_id: int) -> dict[str, Any] | None:
    fact = facts.facts_of(Kind.STATIONS, [str(session_id)]).get(str(session_id))
    return facts.lineage(fact.id) if fact is not None and fact.id is not None else None


def _messages(traces: Path, station: str, samples: Iterable[StoredSample]) -> list[Message]:
    heard_ms = sorted({unix_ms(one.received_at) for one in samples})
    if not heard_ms or not traces.is_dir():
        return []
    query = Query(
        stations=frozenset({station}),
        since_ms=heard_ms[0] - NEAR_MS,
        until_ms=heard_ms[-1] + NEAR_MS + 1,
        actions=METERING,
        direction="in",
        limit=LIMIT_MAX,
    )
    return [message for note in search(traces, query).notes if _near(note.at_ms, heard_ms) and (message := _read(note))]


def _near(at_ms: int, heard_ms: Iterable[int]) -> bool:
    return any(abs(at_ms - one) <= NEAR_MS for one in heard_ms)


def _read(note: Note) -> Message | None:
    """A call's own number; None for a frame that is none."""
    try:
        kind, message_id, *_ = json.loads(note.text)
    except (ValueError, TypeError):
        return None
    return Message(note.at, note.action, str(message_id)) if kind == 2 else None
