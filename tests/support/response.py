"""Demand response over a real store, real limits and a real audit log; the cars and floors of charging are made up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from fastapi import FastAPI

from csms.api import problems
from csms.app.response import LimitDoor
from csms.charging.feeder import Feeder, FeederTree
from csms.grid.service import LimitService
from csms.model.clock import ManualClock
from csms.model.response import ResponseEvent
from csms.response.figures import BaselineRule, Baselines
from csms.response.http import router
from csms.response.loads import FeederLoads
from csms.response.service import ResponseRules, ResponseService
from csms.response.settlement import Contract
from csms.response.statements import Statements
from csms.response.work import ResponseWork
from csms.station.alerts import Alerts
from csms.station.bus import EventBus
from csms.store import changes
from csms.store.engine import Store
from csms.store.response_tables import FeederLoad
from tests.support.access import guard_over

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 7, 13, 2, tzinfo=UTC)
"""Monday, 10:00 in Shanghai."""
START = datetime(2026, 7, 14, 11, tzinfo=UTC)
"""Tuesday, 19:00."""
QUARTER = timedelta(minutes=15)
URL = "/api/v1/response-events/E1"
INVITATION = {
    "feeder": "T1",
    "type": "shave",
    "notice": "day_ahead",
    "start": START.isoformat(),
    "end": (START + timedelta(hours=1)).isoformat(),
    "target_kw": 20,
    "price": 1.5,
}


def tree() -> FeederTree:
    """One transformer with a smaller feeder below, and one beside it."""
    return FeederTree(
        [
            Feeder("T1", 400_000, base_load_w=(10_000,), lowest_cap_w=30_000),
            Feeder("T1a", 200_000, "T1"),
            Feeder("T2", 400_000),
        ],
        ZONE,
    )


@dataclass
class Cars:
    """What charging would say."""

    floors: int = 4_000
    cars: tuple[float, float] | None = None

    def floors_w(self, feeder_id: str) -> int:
        return self.floors

    async def of_cars(self, event: ResponseEvent, apart: frozenset[int], least_w: float) -> tuple[float, float] | None:
        return self.cars

    async def kept_w(self, event: ResponseEvent, apart: frozenset[int]) -> Sequence[float]:
        return ()


class Nowhere:
    """No station hangs anywhere: loads are what was seen."""

    def under(self, feeder_id: str) -> Sequence[str]:
        return []


@dataclass
class Desk:
    """A house that responds, with its HTTP client."""

    store: Store
    clock: ManualClock
    rules: ResponseRules = field(default_factory=ResponseRules)
    baselines: BaselineRule = field(default_factory=BaselineRule)
    drawn_w: float = 0.0
    contracts: Sequence[Contract] = ()

    def __post_init__(self) -> None:
        self.tree, self.cars = tree(), Cars()
        app = FastAPI()
        app.state.guard = self.guard = guard_over(self.clock, self.store)
        self.alerts = Alerts(self.clock, self.store)
        self.limits = LimitService(self.clock, self.store, self.guard.audit, self.tree, EventBus(), self.alerts)
        loads = FeederLoads(self.store.reader, self.tree, Nowhere(), ZONE)
        self.service = ResponseService(
            self.clock,
            self.store,
            self.guard.audit,
            self.tree,
            Baselines(loads, self.baselines, ZONE),
            LimitDoor(self.limits),
            self.cars,
            self.alerts,
            self.rules,
        )
        self.reports: list[Any] = []
        self.plans, self.away = 0, False
        self.work = ResponseWork(
            self.clock,
            self.service,
            self.store.writer,
            lambda: dict.fromkeys(self.tree.ids, self.drawn_w),
            self._planned,
        )
        self.work.reports["told"] = self._told
        problems.install(app)
        self.statements = Statements(self.clock, self.service.book, self.contracts, ZONE)
        app.include_router(router(self.service, self.statements))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")

    def _planned(self) -> None:
        self.plans += 1

    async def _told(self, event: ResponseEvent, report: Any) -> None:
        if self.away:
            raise ConnectionError("away")
        self.reports.append(report)

    async def seen(self, start: datetime, load_w: Sequence[float], feeder_id: str = "T1") -> None:
        """This server saw these loads; 10 kW of them are the base load."""
        rows = [
            FeederLoad(
                feeder_id=feeder_id,
                begins_at=start + QUARTER * n,
                base_w=10_000.0,
                charging_w=watts - 10_000.0,
                looks=60,
                metered=60,
            )
            for n, watts in enumerate(load_w)
        ]
        await self.store.writer.commit([changes.put_row(row) for row in rows])

    async def history(self, load_w: float = 100_000.0, days: int = 16, start: datetime = START, slots: int = 4) -> None:
        """Every day before the event the same."""
        for back in range(1, days + 1):
            await self.seen(start - timedelta(days=back), [load_w] * slots)

    def at(self, moment: datetime) -> None:
        """Let time pass until then."""
        self.clock.advance((moment - self.clock.now()).total_seconds())

    async def put(self, path: str = "", **body: Any) -> Any:
        """PUT about event E1; the document that must come with 202."""
        answer = await self.http.put(URL + path, json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def taken(self, power_kw: float = 20.0, **asked: Any) -> Any:
        """Invited, bid and cleared."""
        await self.put(**(INVITATION | asked))
        await self.put("/bid", power_kw=power_kw, price=1.5)
        return await self.put("/clearing", accepted=True)

    async def records(self, kind: str = "response") -> list[dict[str, Any]]:
        """What stands in the audit log, oldest first."""
        return [json.loads(row.text) for row in reversed(await self.store.reader.audit_page(200, kind=kind))]

    async def history_of(self, feeder_id: str) -> None:
        """The same for another feeder."""
        for back in range(1, 17):
            await self.seen(START - timedelta(days=back), [100_000.0] * 4, feeder_id)
