"""Loads what other operators sent to the platform: their orders, calls and alarms; and orders of imported files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from csms.model.clock import Clock
from monitor.store import intake
from monitor.store.faults import coded
from monitor.store.governance import GovernanceStore
from monitor.store.governance_tables import Kind
from monitor.store.tables import IntakeOrder
from monitor.warehouse.events import alarm_row, physics_row, quality_row, received_row
from monitor.warehouse.gathered import Gathered
from monitor.warehouse.orders import Row, accepted_row, imported_row

PAGE = 1000
CALL_SPAN = timedelta(hours=6)
ALARMS_MAX = DAYS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Platform:
    """The data folder of a supervising platform: what is not in it is not loaded. `facts`: the one set of them, where
    physics doubts orders, and of several that tell of the same charge one counts.
    """

    folder: Path
    clock: Clock
    facts: GovernanceStore | None = None

    async def __call__(self, into: Gathered, since: datetime) -> None:
        """Everything that was received since a moment; imported files whole, for they are few and their rows old.
        Raises StoreUnusable, TooNew."""
        received = self.folder / intake.FILE_NAME
        if received.is_file():
            with coded(received):
                store = await intake.open_intake(self.folder)
                try:
                    await self._received(store, into, since)
                finally:
                    await store.close()
        if self.facts is not None:
            self._imported(self.facts, into)

    async def _received(self, store: intake.IntakeStore, into: Gathered, since: datetime) -> None:
        after = ("", "")
        while page := await store.orders_since(since, after, PAGE):
            after = page[-1].operator_id, page[-1].business_id
            into.merge("fact_order", [self._accepted(page)], "started_at")
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

    def _accepted(self, page: Sequence[IntakeOrder]) -> list[Row]:
        """With what the one set of facts says of them."""
        keys: dict[str, list[str]] = {}
        for one in page:
            keys.setdefault(one.operator_id, []).append(one.business_id)
        facts = {
            (operator, key): fact
            for operator, some in keys.items()
            for key, fact in (self.facts.facts_of(Kind.PARTNER, some, operator) if self.facts else {}).items()
        }
        rows = (accepted_row(one, facts.get((one.operator_id, one.business_id))) for one in page)
        return [row for row in rows if row]

    def _imported(self, facts: GovernanceStore, into: Gathered) -> None:
        after = 0
        while page := facts.orders_after(after, PAGE, Kind.FILE):
            after = page[-1].id or 0
            into.merge("fact_order", [[imported_row(one) for one in page]], "started_at")
        into.merge("fact_quality", [[physics_row(one) for one in facts.days(DAYS_MAX)]], "begins_at")
