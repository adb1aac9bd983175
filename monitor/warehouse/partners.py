"""Loads what other operators sent to the platform: their orders, calls and alarms; and orders of imported files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from csms.model.clock import Clock
from monitor.store import governance, intake
from monitor.store.faults import coded
from monitor.store.governance_tables import Kind
from monitor.warehouse.events import alarm_row, physics_row, quality_row, received_row
from monitor.warehouse.gathered import Gathered
from monitor.warehouse.orders import accepted_row, imported_row

PAGE = 1000
CALL_SPAN = timedelta(hours=6)
ALARMS_MAX = DAYS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Platform:
    """The data folder of a supervising platform: what is not in it is not loaded."""

    folder: Path
    clock: Clock

    @property
    def is_there(self) -> bool:
        """Whether there is anything to load."""
        return any((self.folder / name).is_file() for name in (intake.FILE_NAME, governance.FILE_NAME))

    async def __call__(self, into: Gathered, since: datetime) -> None:
        """Everything that was received since a moment; imported files whole, for they are few and their rows old.
        Raises StoreUnusable, TooNew."""
        received, facts = self.folder / intake.FILE_NAME, self.folder / governance.FILE_NAME
        if received.is_file():
            with coded(received):
                store = await intake.open_intake(self.folder)
                try:
                    await self._received(store, into, since)
                finally:
                    await store.close()
        if facts.is_file():
            with coded(facts):
                self._imported(into)

    async def _received(self, store: intake.IntakeStore, into: Gathered, since: datetime) -> None:
        after = ("", "")
        while page := await store.orders_since(since, after, PAGE):
            after = page[-1].operator_id, page[-1].business_id
            into.merge("fact_order", [[row for one in page if (row := accepted_row(one))]], "started_at")
        oldest = await store.oldest_call()
        now, begin = self.clock.now(), max(since, oldest) if oldest else None
        while begin is not None and begin <= now:
            calls = await store.quality.calls(begin, begin + CALL_SPAN)
            into.merge("fact_call", [[received_row(one) for one in calls]], "begins_at")
            begin += CALL_SPAN
        days = await store.quality.days(newest=DAYS_MAX)
        into.merge("fact_quality", [[row for one in days if (row := quality_row(one))]], "begins_at")
        alarms = await store.quality.alarms(open_only=False, newest=ALARMS_MAX)
        into.merge("fact_alarm", [[alarm_row(one) for one in alarms]], "raised_at")

    def _imported(self, into: Gathered) -> None:
        store, after = governance.open_governance(self.folder), 0
        try:
            while page := store.orders_after(after, PAGE, Kind.FILE):
                after = page[-1].id or 0
                into.merge("fact_order", [[imported_row(one) for one in page]], "started_at")
            days = store.days(DAYS_MAX)
            into.merge("fact_quality", [[physics_row(one) for one in days]], "begins_at")
        finally:
            store.close()
