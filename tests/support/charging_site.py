"""A site of piles with cars in front of the real charging room: only the piles' physics and their links are made up.

Piles keep a floor profile and one TxProfile, answer after a few seconds of the clock, can refuse, stay silent or drop
out; the site adds their draw and the base load every few seconds and notes the peak.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from csms.access.audit import AuditLog
from csms.charging.feeder import FeederTree
from csms.charging.service import ChargingService
from csms.charging.settings import ChargingSettings
from csms.grid.peer import SourceRule
from csms.grid.service import LimitService
from csms.model.charging_profile import ChargingProfile, CompositeSchedule, ProfilePurpose, RateUnit
from csms.model.clock import Clock
from csms.model.command import Command, CommandResult, GetCompositeSchedule, GetVariables, SetChargingProfile
from csms.model.errors import CallTimeout
from csms.model.inbound import Boot, MeterReport, SessionStarted, SessionStartedReply, SessionStopped, StatusReport
from csms.model.meter import ENERGY_REGISTER, POWER_IMPORT, Sample
from csms.model.session import StopReason
from csms.model.station import ConnectorStatus, CurrentKind, EvseRating, Protocol, StationIdentity
from csms.station.bus import EventBus
from csms.station.context import StationSettings
from csms.station.registration import Registration
from csms.station.service import StationService
from csms.store.engine import Store, open_store
from optimizer import solve
from optimizer.problem import Plan, Problem
from tests.support.limits import limits_over

TICK_S = 5.0
METER_EVERY_S = 60.0
NOMINAL_V = 230.0


@dataclass
class Car:
    """What a car wants, what it can take, when it leaves."""

    energy_wh: float
    power_max_w: float
    phases: int
    leaves: datetime
    got_wh: float = 0.0
    draw_w: float = 0.0


@dataclass
class Pile:
    """One station with one EVSE, and its link."""

    station_id: str
    rating: EvseRating
    clock: Clock
    delay_s: Callable[[], float]
    protocol: Protocol = Protocol.OCPP16
    car: Car | None = None
    transaction_id: str = ""
    register_wh: float = 0.0
    tx: ChargingProfile | None = None
    floor: ChargingProfile | None = None
    units: tuple[RateUnit, ...] = (RateUnit.A, RateUnit.W)
    silent: bool = False
    composites: bool = True
    asked: list[SetChargingProfile] = field(default_factory=list)
    questions: list[Command] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    at_once: int = 0

    async def send(self, command: Command) -> CommandResult:
        """Take a profile, answer a question, as a pile does."""
        self.at_once += 1
        assert self.at_once == 1, "one command at a time"
        try:
            await asyncio.sleep(self.clock.wall_s(self.delay_s()))
            if self.silent:
                self._note(command)
                raise CallTimeout("no answer")
            return self._answer(command)
        finally:
            self.at_once -= 1

    def _note(self, command: Command) -> None:
        if isinstance(command, SetChargingProfile):
            self.asked.append(command)
        else:
            self.questions.append(command)

    def _answer(self, command: Command) -> CommandResult:
        self._note(command)
        match command:
            case SetChargingProfile(profile=profile):
                self.statuses.append(self._take(profile))
                return CommandResult(self.statuses[-1])
            case GetCompositeSchedule(unit=unit):
                return CommandResult("Accepted", composite=self._composite(unit or RateUnit.A))
            case GetVariables(names=names):
                return CommandResult("Accepted", values=dict.fromkeys(names))
            case _:
                return CommandResult("Accepted")

    def _composite(self, unit: RateUnit) -> CompositeSchedule:
        if not self.composites:
            return CompositeSchedule(None, None, ())
        limit = self._limit(unit)
        return CompositeSchedule(self.clock.now(), unit, ((0, limit),))

    def _limit(self, unit: RateUnit) -> float | None:
        profile = self.tx or self.floor
        if profile is None or profile.start is None or profile.unit is not unit:
            return None
        since_s = (self.clock.now() - profile.start).total_seconds()
        return [p for p in profile.periods if p.start_s <= since_s][-1].limit

    def _take(self, profile: ChargingProfile) -> str:
        if profile.unit not in self.units:
            return "Rejected"
        if profile.purpose is ProfilePurpose.TX_DEFAULT:
            self.floor = profile
        elif profile.transaction_id != self.transaction_id or not self.transaction_id:
            return "Rejected"
        else:
            self.tx = profile
        return "Accepted"

    async def close(self, code: int, reason: str) -> None:
        """Nothing to close."""

    def limit_w(self, now: datetime, phases: int) -> float:
        """What the car may draw; everything without a profile."""
        profile = self.tx or self.floor
        if profile is None or profile.start is None:
            return float(self.rating.power_max_w)
        since_s = (now - profile.start).total_seconds()
        period = [p for p in profile.periods if p.start_s <= since_s][-1]
        used = min(phases, period.phases or 3)
        return period.limit if profile.unit is RateUnit.W else period.limit * NOMINAL_V * used

    def step(self, now: datetime, hours: float) -> float:
        """Draw for a while; returns the power in W."""
        car = self.car
        if car is None:
            return 0.0
        left_w = max(car.energy_wh - car.got_wh, 0.0) / hours
        limit_w = self.limit_w(now, car.phases)
        car.draw_w = min(limit_w, car.power_max_w, left_w)
        if limit_w < 6 * NOMINAL_V and self.rating.kind is CurrentKind.AC:
            car.draw_w = 0.0
        car.got_wh += car.draw_w * hours
        self.register_wh += car.draw_w * hours
        return car.draw_w


@dataclass
class Site:
    """Everything of one run."""

    clock: Clock
    stations: StationService
    store: Store
    limits: LimitService
    charging: ChargingService
    tree: FeederTree
    audit: AuditLog
    piles: dict[str, Pile] = field(default_factory=dict)
    loads: list[tuple[datetime, float, int]] = field(default_factory=list)

    @property
    def leave_by(self) -> datetime:
        """Long after every test."""
        return self.clock.now() + timedelta(days=1)

    async def add(self, pile: Pile, feeder_id: str) -> None:
        """Register, connect, boot."""
        self.piles[pile.station_id] = pile
        await self.stations.register(Registration(pile.station_id, feeder_id, "site", {1: pile.rating}))
        await self.stations.connected(pile.station_id, pile)
        now = self.clock.now()
        await self.stations.receive(pile.station_id, Boot(StationIdentity("V", "M")), now)
        await self.stations.receive(pile.station_id, StatusReport(1, 1, ConnectorStatus.AVAILABLE), now)

    async def plug_in(self, pile: Pile, car: Car, known: bool = True, card: str = "TAG") -> None:
        """A car comes; `known`: the driver says what the car needs."""
        now = self.clock.now()
        await self.stations.receive(pile.station_id, StatusReport(1, 1, ConnectorStatus.CHARGING), now)
        reply = await self.stations.receive(pile.station_id, SessionStarted(1, card, pile.register_wh, now), now)
        assert isinstance(reply, SessionStartedReply)
        pile.car, pile.tx = car, None
        pile.transaction_id = str(reply.transaction_id)
        if known:
            ref = self.stations.stations[pile.station_id].evses[1].ref
            await self.stations.set_needs(ref, car.energy_wh, car.leaves)

    async def leave(self, pile: Pile) -> None:
        """The car goes."""
        now = self.clock.now()
        transaction_id, pile.car, pile.tx, pile.transaction_id = pile.transaction_id, None, None, ""
        stop = SessionStopped(transaction_id, pile.register_wh, now, StopReason.LOCAL)
        await self.stations.receive(pile.station_id, stop, now)
        await self.stations.receive(pile.station_id, StatusReport(1, 1, ConnectorStatus.AVAILABLE), now)

    async def physics(self) -> None:
        """For ever: draw, meter."""
        before = metered = self.clock.now()
        while True:
            await asyncio.sleep(self.clock.wall_s(TICK_S))
            now = self.clock.now()
            hours = (now - before).total_seconds() / 3600
            before = now
            total_w = sum(pile.step(now, hours) for pile in self.piles.values())
            for root in self.tree.roots:
                cap_w = self.charging.cap_w(root, now)
                self.loads.append((now, total_w + self.tree.base_load_w(root, now), cap_w))
            if now - metered >= timedelta(seconds=METER_EVERY_S):
                metered = now
                await asyncio.gather(*(self._meter(pile, now) for pile in self.piles.values()))

    async def _meter(self, pile: Pile, now: datetime) -> None:
        if pile.car is None:
            return
        samples = (
            Sample(now, ENERGY_REGISTER, pile.register_wh, "Wh"),
            Sample(now, POWER_IMPORT, pile.car.draw_w, "W"),
        )
        await self.stations.receive(pile.station_id, MeterReport(1, samples, pile.transaction_id), now)

    def over_s(self, after: datetime) -> float:
        """Seconds with the true load above the cap."""
        return TICK_S * sum(at > after and load_w > cap_w + 1 for at, load_w, cap_w in self.loads)


@asynccontextmanager
async def open_site(
    folder: Path,
    clock: Clock,
    tree: FeederTree,
    settings: ChargingSettings,
    solver: Callable[[Problem], Plan] = solve,
    rules: Sequence[SourceRule] = (),
) -> AsyncIterator[Site]:
    """The real rooms on a real database; charging and physics run until the end of the block."""
    store = await open_store(f"sqlite+aiosqlite:///{folder / 'csms.db'}", clock, upgrade=True)
    bus = EventBus()
    stations = StationService(clock, store, bus, StationSettings())
    await stations.restore()
    audit = AuditLog(clock, store)
    limits = limits_over(clock, store, tree, bus, rules, audit)
    await limits.restore()
    charging = ChargingService(clock, stations, store, solver, settings, tree, limits, stations.alerts)
    charging.listen()
    site = Site(clock, stations, store, limits, charging, tree, audit)
    work = [asyncio.create_task(charging.run()), asyncio.create_task(site.physics())]
    try:
        yield site
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await stations.close()
        await store.close()
