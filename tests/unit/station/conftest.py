"""A real station room on a real SQLite file, with a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.model.clock import ManualClock
from csms.model.event import Event
from csms.model.inbound import Inbound, SessionStarted, SessionStopped, StatusReport, TransactionEvent
from csms.model.meter import ENERGY_REGISTER, Sample
from csms.model.session import StopReason
from csms.model.station import ConnectorStatus
from csms.security.numbers import Scrambler
from csms.station.bus import EventBus
from csms.station.context import Outside, StationSettings
from csms.station.registration import Registration, rating
from csms.station.service import StationService
from csms.store.engine import Store, open_store

STATION = "CP-1"


class Counted(Scrambler):
    """Transactions have the numbers of their sessions, which makes tests short."""

    def number(self, count: int) -> int:
        return count


class Desk:
    """A station service with one registered station of two EVSEs and everything it told."""

    outside = Outside(numbers=Counted())

    def __init__(self, service: StationService, store: Store, clock: ManualClock, events: list[Event]) -> None:
        self.service, self.store, self.clock, self.events = service, store, clock, events

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def later(self, seconds: float) -> datetime:
        self.clock.advance(seconds)
        return self.now

    async def say(self, message: Inbound, station: str = STATION) -> Any:
        return await self.service.receive(station, message, self.now)

    async def start(
        self, evse_id: int = 1, tag: str = "TAG", register_wh: float = 1000.0, station: str = STATION
    ) -> int:
        reply = await self.say(SessionStarted(evse_id, tag, register_wh, self.now), station)
        return int(reply.transaction_id)

    async def stop(self, transaction_id: int | str, register_wh: float, tag: str = "", **more: Any) -> Any:
        station = more.pop("station", STATION)
        message = SessionStopped(str(transaction_id), register_wh, self.now, StopReason.LOCAL, tag, **more)
        return await self.say(message, station)

    async def event(self, kind: str, transaction_id: str = "tx-a", seq_no: int = 0, **more: Any) -> Any:
        more.setdefault("evse_id", 1)
        return await self.say(TransactionEvent(kind, transaction_id, seq_no, self.now, "Trigger", **more))

    async def status(self, evse_id: int, status: ConnectorStatus) -> Any:
        return await self.say(StatusReport(evse_id, 1, status))

    def energy(self, value_wh: float, phase: str = "", ago_s: float = 0.0) -> Sample:
        return Sample(self.now - timedelta(seconds=ago_s), ENERGY_REGISTER, value_wh, "Wh", phase)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}"
    clock = ManualClock()
    store = await open_store(url, clock, upgrade=True)
    bus, events = EventBus(), []
    bus.subscribe(events.append)
    service = StationService(clock, store, bus, StationSettings(), Desk.outside)
    await service.restore()
    two = {1: rating("ac", 3, 32.0, 22_080), 2: rating("ac", 3, 32.0, 22_080)}
    await service.register(Registration(STATION, "T1", "site", two))
    await service.register(Registration("CP-2", "T1", "site", two))
    yield Desk(service, store, clock, events)
    await service.close()
    await store.close()
