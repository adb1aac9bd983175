"""What a load has gathered: rows put into the files of their days, and which days have to be rolled up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from monitor.warehouse.files import Files, Rows
from monitor.warehouse.schema import FACTS

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """since <= moment < until."""

    since: datetime
    until: datetime

    def parts(self, length: timedelta) -> Iterator[Span]:
        """Whole days up to the one in which it ends, so many at a time."""
        since, end = midnight(self.since), midnight(self.until) + DAY
        while since < end:
            yield Span(since, min(since + length, end))
            since += length


@dataclass(slots=True)
class Gathered:
    """Days of which rows came, by fact, and how many files became others."""

    files: Files
    days: dict[str, set[date]] = field(default_factory=dict)
    written: int = 0

    def merge(self, fact: str, parts: Sequence[Rows], moment: str) -> int:
        """Rows into the days of their `moment`; how many there were."""
        schema, count = FACTS[fact], 0
        days: dict[date, list[pa.Table]] = {}
        for rows in parts:
            of_day: dict[date, Rows] = {}
            for row in rows:
                of_day.setdefault(row[moment].date(), []).append(row)
            for day, some in of_day.items():
                days.setdefault(day, []).append(pa.Table.from_pylist(some, schema=schema))
            count += len(rows)
        for day, tables in days.items():
            self.days.setdefault(fact, set()).add(day)
            self.written += self.files.merge(fact, day, pa.concat_tables(tables))
        return count

    def forget(self, fact: str, column: str, own_days: Mapping[Any, date]) -> None:
        """Rows that lie in another day than before are in that one only."""
        for day in self.files.forget(fact, column, own_days):
            self.days.setdefault(fact, set()).add(day)
            self.written += 1

    def seen(self, *facts: str) -> set[date]:
        """Days of which rows of these facts came."""
        return set().union(*(self.days.get(fact, set()) for fact in facts))


def midnight(moment: datetime) -> datetime:
    """The beginning of its UTC day."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
