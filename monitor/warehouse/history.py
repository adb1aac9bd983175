"""Loads what was told, raised, limited and sent, and rolls connectors up by day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from csms.store.queries import Reader
from monitor.warehouse import events
from monitor.warehouse.gathered import DAY, Gathered, Span

PAGE = 10_000
"""Each page writes the files of its days: larger than that of sessions, for there is more of it."""
FEEDER_DAYS = timedelta(days=14)


class History:
    """Of the central system's store."""

    def __init__(self, reader: Reader, into: Gathered) -> None:
        self._reader, self._into = reader, into

    async def load(self, since: datetime, span: Span) -> None:
        """What was heard of since a moment; of feeders what lies in the span."""
        await self._paged(self._reader.state_changes, since, "fact_status", events.status_row, "begins_at")
        await self._paged(self._reader.alerts_since, since, "fact_alarm", events.alert_row, "raised_at")
        await self._paged(self._reader.messages_since, since, "fact_call", events.sent_row, "begins_at")
        limits = await self._reader.limit_statements(since)
        self._into.merge("fact_limit", [[events.limit_row(one) for one in limits]], "received_at")
        for part in span.parts(FEEDER_DAYS):
            loads = await self._reader.loads_of_feeders(part.since, part.until)
            self._into.merge("fact_feeder_15min", [[events.feeder_row(one) for one in loads]], "begins_at")

    async def _paged(
        self, read: Callable[..., Any], since: datetime, fact: str, make: Callable[[Any], events.Row], moment: str
    ) -> None:
        after = 0
        while page := await read(since, after, PAGE):
            after = page[-1].id
            self._into.merge(fact, [[make(one) for one in page]], moment)

    def roll_up(self, first: date, now: datetime) -> None:
        """Connectors by day, from `first` or an earlier day of which something came late, to today: a connector that
        says nothing stays in its state."""
        files = self._into.files
        day = min({first, *self._into.seen("fact_status")})
        before: Sequence[dict[str, Any]] = files.read("day_connector", day - DAY)
        while day <= now.date():
            begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
            rows = events.connector_days(files.read("fact_status", day), before, begin, now)
            if rows:
                self._into.written += files.put_rows("day_connector", day, rows)
            before, day = rows, day + DAY
