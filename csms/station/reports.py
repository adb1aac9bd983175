"""Reports that come in parts: which came, which are missing, when the last one is there (RB-70, RB-71).

Parts are counted from 0, by some stations from 1. One without the word that more follow is the last.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any

from csms.station import operations
from csms.station.context import StationContext
from csms.store.change import Change
from csms.store.station_tables import Operation

Span = list[int]
"""The first and the last of some numbers in a row."""


@asynccontextmanager
async def about(
    context: StationContext, station_id: str, kinds: Sequence[str], request_id: int | None
) -> AsyncIterator[Operation | None]:
    """The operation that a part belongs to, for its `turn`; None when the station was not asked for it."""
    async with AsyncExitStack() as turns:
        found = None
        if request_id is not None:
            await turns.enter_async_context(operations.turn(context, request_id))
            for kind in kinds:
                found = found or await operations.find(context, station_id, kind, request_id)
        yield found


def part(operation: Operation, at: datetime, seq_no: int, more: bool, **kept: Any) -> Change:
    """Enter one part; the operation is Complete or Incomplete when the last one has come, however late others come."""
    parts = added(operation.detail.get("parts", []), max(seq_no, 0))
    last = operation.detail.get("last_part") if more else max(seq_no, 0)
    missing = gaps(parts, last) if last is not None else []
    status = "Receiving" if last is None else "Incomplete" if missing else "Complete"
    facts: dict[str, Any] = {"parts": parts, "last_part": last, "missing": missing}
    return operations.step(operation, at, status, ended=last is not None, **facts, **kept)


def added(spans: Sequence[Span], number: int) -> list[Span]:
    """The spans with one more number in them, in order and as few as possible."""
    merged: list[Span] = []
    for first, last in sorted([*spans, [number, number]]):
        if merged and first <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    return merged


def gaps(spans: Sequence[Span], last: int) -> list[Span]:
    """What is missing up to `last`; whether counting began at 0 or 1 is not known when neither came."""
    missing, expected = [], min(spans[0][0], 1) if spans else 0
    for first, end in spans:
        if first > expected:
            missing.append([expected, min(first - 1, last)])
        expected = max(expected, end + 1)
    return missing if expected > last else [*missing, [expected, last]]
