"""How long the platform keeps what it received, and the work that lets go of the rest: a little each round."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csms.model.clock import Clock
from monitor.store.days import local_day

if TYPE_CHECKING:
    from monitor.store.evidence import EvidenceStore
    from monitor.store.retention import RetentionStore

log = logging.getLogger(__name__)
DAYS_MIN = 35
"""A day is judged up to thirty days late, by what came since the day before it."""
EVERY = timedelta(hours=1)
SLICE = 500
"""Rows in one transaction: some milliseconds in which operators wait."""
SLICES_MAX = 200
"""In one round, so that a first run over years does not last."""
FOLDERS = ("reports", "heads")
"""Files of days, `<folder>/<operator>/<day>.*`."""
Slice = Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Retention:
    """Days that things are kept; 0: for ever. `calls`: the log of calls with the bodies of refused ones; `statuses`: of
    states, snapshots and power the content; `orders`: that of all other messages, orders and reconciliations; `hours`:
    hourly statistics, judged days, alarms that are over, and the files of days."""

    calls_days: int = 400
    statuses_days: int = 800
    orders_days: int = 1830
    hours_days: int = 3660

    def before(self, name: str, now: datetime) -> datetime | None:
        """The moment before which things of this setting go, None for never."""
        days: int = getattr(self, name)
        return now - timedelta(days=days) if days else None


def read_retention(table: Any) -> Retention:
    """What `[retention]` says; raises ValueError."""
    names = [field.name for field in fields(Retention)]
    if not isinstance(table, Mapping) or table.keys() - set(names):
        raise ValueError(f"[retention] has {', '.join(names)}")
    wrong = [name for name, days in table.items() if type(days) is not int or (days != 0 and days < DAYS_MIN)]
    if wrong:
        raise ValueError(f"[retention] {', '.join(wrong)}: days, at least {DAYS_MIN}, or 0 for ever")
    found = Retention(**table)
    others = [days or 1 << 30 for name, days in asdict(found).items() if name != "hours_days"]
    if found.hours_days and found.hours_days < max(others):
        raise ValueError("[retention] hours_days is not less than the others: statistics are kept longest")
    return found


class Retainer:
    """Does what is due; what a round leaves is done in the next."""

    def __init__(
        self, store: RetentionStore, evidence: EvidenceStore, clock: Clock, kept: Retention, folder: Path
    ) -> None:
        self._store = store
        self._evidence = evidence
        self._clock = clock
        self._kept = kept
        self._folder = folder
        self._next_at: datetime | None = None

    async def round(self) -> int:
        """Let go of what is too old; how many rows were looked at."""
        now = self._clock.now()
        if self._next_at is not None and now < self._next_at:
            return 0
        done, left = 0, SLICES_MAX
        for take in await self._slices(now):
            looked = SLICE
            while looked == SLICE and left:
                looked = await take()
                done, left = done + looked, left - (looked > 0)
        if (hours := self._kept.before("hours_days", now)) is not None:
            await asyncio.to_thread(_delete_files, self._folder, local_day(hours))
        self._next_at = now + EVERY if left else None
        if done:
            log.info("retention", extra={"rows": done, "finished": left > 0})
        return done

    async def _slices(self, now: datetime) -> list[Slice]:
        store, found = self._store, list[Slice]()
        calls, statuses, orders, hours = (self._kept.before(f.name, now) for f in fields(Retention))
        for kind, before in (
            ("calls", calls),
            ("sessions", statuses),
            ("checks", orders),
            *((kind, hours) for kind in ("hours", "alarms", "days")),
        ):
            if before is not None:
                found.append(lambda kind=kind, before=before: store.rows(kind, before, SLICE))  # type: ignore[misc]
        for name in await self._evidence.operators():
            found += self._of_operator(name, statuses, orders)
        return found

    def _of_operator(self, name: str, statuses: datetime | None, orders: datetime | None) -> list[Slice]:
        store, found = self._store, list[Slice]()
        if statuses is not None:
            found.append(lambda: store.messages(name, statuses=True, before=statuses, count=SLICE))
        if orders is not None:
            found.append(lambda: store.messages(name, statuses=False, before=orders, count=SLICE))
            found.append(lambda: store.orders(name, orders, SLICE))
        return found


def _delete_files(folder: Path, first_day: str) -> None:
    """Delete the files of days before one."""
    for name in FOLDERS:
        for path in (folder / name).glob("*/*"):
            if path.is_file() and path.name[:10] < first_day:
                path.unlink(missing_ok=True)
