"""A real station room on a real database behind the real HTTP application; only the piles' links and the figures of
rooms that the API does not own (feeders, partners, gateway) are made up here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from csms.access.guard import Guard
from csms.api.app import create_api
from csms.api.ports import ApiDeps, FeederFigures
from csms.model.clock import Clock, ManualClock
from csms.model.command import Command, CommandResult
from csms.model.inbound import Boot, MeterReport, SessionStarted, SessionStopped, StatusReport
from csms.model.meter import ENERGY_REGISTER, POWER_IMPORT, Sample
from csms.model.session import StopReason
from csms.model.station import ConnectorStatus, Protocol, StationIdentity
from csms.security.facts import facts
from csms.station.bus import EventBus
from csms.station.context import Outside, StationSettings
from csms.station.registration import Registration, rating
from csms.station.service import StationService
from csms.store import changes
from csms.store.engine import Store, open_store
from csms.store.tables import PlanRow, ProfileRow
from tests.support.access import bearer, guard_over, token_for
from tests.support.command_bodies import GOOD

OUTSIDE = Outside(known_roots=lambda: frozenset({facts(GOOD["install_certificate"]["certificate"]).fingerprint}))
START = datetime.fromisoformat("2026-03-02T04:00:00+00:00")


@dataclass
class TwinLink:
    """A pile that answers what it is told to answer (or raises it) and remembers what it was asked."""

    protocol: Protocol = Protocol.OCPP16
    answer: CommandResult | Exception = field(default_factory=lambda: CommandResult("Accepted"))
    asked: list[Command] = field(default_factory=list)

    async def send(self, command: Command) -> CommandResult:
        self.asked.append(command)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def written(self, command: Command) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """Nothing is sent."""
        return ()

    async def close(self, code: int, reason: str) -> None:
        """Nothing to close."""


class TwinFeeders:
    """Two feeders, one below the other."""

    def figures(self, at: datetime) -> Sequence[FeederFigures]:
        return [
            FeederFigures("site", 200_000, 150_000, 90_000, 84_200, 60_000),
            FeederFigures("north", 80_000, None, None, 0, None, "site"),
        ]


class TwinProvince:
    """One partner; `dead` messages were given up."""

    dead = 0

    async def status(self) -> Mapping[str, Mapping[str, Any]]:
        counts = {"queued": 2, "sent": 1, "retry": 0, "acked": 7, "dead": self.dead}
        health = {"attempts": 11, "last_error": "", "token": "fresh", "paused": "", "barred": "", "unreachable": False}
        health |= {"lanes": 8, "calls": 5, "calls_refused": 1, "called_at": None, "last_refusal": "4001"}
        return {"shandong": {"partner": "shandong", "profile": "p", "profile_state": "assumed"} | counts | health}


class TwinGateway:
    """Counters of a listener."""

    def forgive(self, station_id: str) -> None:
        pass

    def counters(self) -> Mapping[str, int]:
        return {"frames_in": 12, "call_errors_out": 1}


@dataclass
class Operations:
    """Everything that a test of the API needs."""

    service: StationService
    store: Store
    clock: Clock
    app: FastAPI
    http: httpx.AsyncClient
    province: TwinProvince
    guard: Guard
    links: dict[str, TwinLink] = field(default_factory=dict)
    transactions: dict[int, str] = field(default_factory=dict)
    """What the station calls a session."""

    async def station(self, station_id: str, *, online: bool = True, evses: int = 1, feeder_id: str = "site") -> None:
        nameplate = rating("ac", 3, 32.0, 22_080)
        known = Registration(station_id, feeder_id, "yard", dict.fromkeys(range(1, evses + 1), nameplate))
        await self.service.register(known)
        if online:
            self.links[station_id] = TwinLink()
            self.service.stations[station_id].booted = True  # a standing clock has no grace: it would be asked to boot
            await self.service.connected(station_id, self.links[station_id])
            await self.service.receive(station_id, Boot(StationIdentity("Acme", "Pile 22")), self.clock.now())

    async def status(self, station_id: str, status: ConnectorStatus, evse_id: int = 1) -> None:
        await self.service.receive(station_id, StatusReport(evse_id, 1, status), self.clock.now())

    async def start(self, station_id: str, evse_id: int = 1) -> int:
        """A session whose car charges."""
        begun = SessionStarted(evse_id, "CARD", 1000.0, self.clock.now())
        reply = await self.service.receive(station_id, begun, self.clock.now())
        await self.status(station_id, ConnectorStatus.CHARGING, evse_id)
        session = self.service.stations[station_id].evses[evse_id].session
        assert session is not None
        self.transactions[session.session_id] = str(reply.transaction_id)
        return session.session_id

    async def meter(self, station_id: str, session_id: int, register_wh: float, power_w: float) -> None:
        at = self.clock.now()
        samples = (Sample(at, ENERGY_REGISTER, register_wh, "Wh"), Sample(at, POWER_IMPORT, power_w, "W"))
        await self.service.receive(station_id, MeterReport(1, samples, self.transactions[session_id]), at)

    async def stop(self, station_id: str, session_id: int, register_wh: float) -> None:
        ended = SessionStopped(self.transactions[session_id], register_wh, self.clock.now(), StopReason.LOCAL)
        await self.service.receive(station_id, ended, self.clock.now())

    async def plan(self, feeder_id: str) -> None:
        leaves = (self.clock.now() + timedelta(hours=3)).isoformat()
        content = {
            "cap_kw": [200.0] * 96,
            "base_kw": [60.0] * 96,
            "charging_kw": [40.0] * 48 + [140.0] * 48,
            "sessions": [{"evse": "CP-1/1", "session_id": 2, "departure": leaves, "planned_kw": 9.5, "phases": 3}],
            "shortfalls": [{"evse": "CP-1/1", "kwh": 1.25, "reason": "cap"}],
        }
        values = {"objective": 1.5, "lower_bound": 1.5, "gap": 1e-6, "solve_s": 0.012, "content": content}
        row = PlanRow(feeder_id=feeder_id, made_at=self.clock.now(), cause="arrival", method="water-filling", **values)
        await self.store.writer.commit([changes.add_plan(row)])

    async def profile(self, station_id: str, status: str = "Accepted") -> None:
        row = ProfileRow(
            station_id=station_id,
            evse_id=1,
            profile_id=7,
            purpose="TxProfile",
            limit_w=11_040,
            sent_at=self.clock.now(),
            status=status,
        )
        await self.store.writer.commit([changes.add_profile(row)])


@asynccontextmanager
async def operations(folder: Path, clock: Clock | None = None) -> AsyncIterator[Operations]:
    """Open everything, close everything."""
    clock = clock or ManualClock(START)
    store = await open_store(f"sqlite+aiosqlite:///{folder / 'csms.db'}", clock, upgrade=True)
    service = StationService(clock, store, EventBus(), StationSettings(boot_grace_s=3600, unsigned_for=("*",)), OUTSIDE)
    await service.restore()
    province = TwinProvince()
    guard = guard_over(clock, store)
    headers = bearer(await token_for(guard))
    deps = ApiDeps(clock, service, store.reader, TwinFeeders(), province, TwinGateway(), version="1.2.3", guard=guard)
    app = create_api(deps)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://csms", headers=headers) as http:
        yield Operations(service, store, clock, app, http, province, guard)
    await service.close()
    await store.close()


async def scene(at: Operations, later: timedelta = timedelta(minutes=10)) -> int:
    """Three stations: one charging (its session is returned), one faulted, one offline; one session has ended."""
    await at.station("CP-1", evses=2)
    await at.station("CP-2")
    await at.station("CP-3", online=False, feeder_id="north")
    ended = await at.start("CP-2")
    session_id = await at.start("CP-1")
    if isinstance(at.clock, ManualClock):
        at.clock.advance(later.total_seconds())
    await at.meter("CP-1", session_id, 2500.0, 11_000.0)
    await at.stop("CP-2", ended, 1700.0)
    await at.status("CP-2", ConnectorStatus.FAULTED)
    await at.plan("site")
    await at.profile("CP-1")
    return session_id
