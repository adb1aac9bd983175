"""Which reports are due and not there: the daily ones of the last days, the monthly ones of last month. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from monitor.reports.told import Period, month_before


@dataclass(frozen=True, slots=True)
class Due:
    """One report to be made."""

    period: Period
    audience: str
    first: date
    last: date

    @property
    def name(self) -> str:
        """What its file is called, without its ending."""
        about = self.first.isoformat() if self.period == "daily" else f"{self.first:%Y-%m}"
        return f"{self.period}-{self.audience}-{about}"


def due(
    today: date, known: tuple[date, date], audiences: Sequence[str], there: Collection[str], back: int
) -> Iterator[Due]:
    """In the order of their days. `known`: the oldest and the newest day of the warehouse, `there`: names of those that
    were made; a day of which the warehouse knows nothing yet waits.
    """
    oldest, newest = known
    days = [today - timedelta(days=number) for number in range(back, 0, -1)]
    wanted = [Due("daily", audience, day, day) for day in days if oldest <= day <= newest for audience in audiences]
    first, last = month_before(today)
    if first <= newest and last >= oldest:
        wanted += [Due("monthly", audience, first, last) for audience in audiences]
    yield from (one for one in wanted if one.name not in there)
