"""A fleet of misfits in simulated time before the production charging room: planner's fallback, ladders, ledger, watch.

Every second the piles draw, the mail arrives that is due, the room looks once. What a pile accepts, obeys, answers and
forgets is its `Manners`. Nothing here waits for the machine's clock, so a seed always gives the same run.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from csms.charging.feeder import Feeder, FeederTree
from csms.charging.service import ChargingService
from csms.charging.settings import ChargingSettings
from csms.model.charging_profile import (
    ChargingProfile,
    CompositeSchedule,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
)
from csms.model.clock import Uptime
from csms.model.command import (
    ClearChargingProfile,
    Command,
    CommandResult,
    GetCompositeSchedule,
    GetVariables,
    RemoteStop,
    SetChargingProfile,
    SetVariables,
)
from csms.model.errors import CallRefused, CallTimeout, ConnectionLost
from csms.model.event import (
    ConnectorChanged,
    Metered,
    SessionClosed,
    SessionOpened,
    StationBooted,
    StationConnected,
    StationDisconnected,
)
from csms.model.ids import ConnectorRef, EvseRef
from csms.model.meter import CURRENT_OFFERED, ENERGY_REGISTER, POWER_IMPORT, Sample
from csms.model.station import ConnectorStatus, CurrentKind, EvseRating, StationIdentity
from csms.station.bus import EventBus
from csms.station.state import EvseState, OpenSession, StationState
from csms.store.station_tables import LimitRung
from csms.store.tables import ProfileRow, UpperBoundRow
from firmware_profiles import GENERIC, FirmwareProfile, Limits
from optimizer.problem import Plan, Problem

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
VOLT = 230.0
FALL_S = 8.0
"""How long a car takes to come down from full power."""
READY_S = 40
"""Between plugging in and drawing."""


def knowing(kinds: Iterable[Manners]) -> Callable[..., FirmwareProfile]:
    """In place of `csms.station.wishes.find`: the firmware profiles of these kinds, found by the name of the kind."""
    known = {kind.name: _known(kind, kind.known) for kind in kinds if kind.known}

    def find(vendor: str, model: str, firmware: str, **_: str) -> FirmwareProfile:
        return known.get(model, GENERIC)

    return find


def _known(kind: Manners, limits: Limits) -> FirmwareProfile:
    facts = {"limits.after_reconnect": ("observed",)} if kind.forgets_on_reconnect else {}
    return FirmwareProfile(kind.name, kind.name, GENERIC.rule, grade="verified", limits=limits, facts=facts)


class SimClock:
    """Moves when told; nothing that waits for the wall ever times out."""

    def __init__(self) -> None:
        self.now_s = 0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.now_s)

    def unix_s(self) -> float:
        return self.now().timestamp()

    def monotonic_s(self) -> float:
        return float(self.now_s)

    def wall_s(self, delay_s: float) -> float:
        return 3600.0 if delay_s else 0.0

    def uptime(self) -> Uptime:
        return Uptime("sim", float(self.now_s))


Refusal = str | Exception | None
"""A status, an error, or None for acceptance."""


PLAIN = StationIdentity("Sim", "Pile", "", "1")


@dataclass(frozen=True)
class Manners:
    """How a pile treats what it is told. `refuses` looks at a profile and its connector first; `static_key` in A;
    `known`: what its firmware profile says (needs `knowing`)."""

    name: str
    refuses: Callable[[ChargingProfile, int], Refusal] = lambda profile, connector: None
    obeys: Callable[[ChargingProfile], bool] = lambda profile: True
    composite: str = "right"
    declares: dict[str, str] = field(default_factory=dict)
    forgets_on_reconnect: bool = False
    forgets_on_boot: bool = False
    repeats_harm: bool = False
    zero_hangs: bool = False
    forgets_after_pause: bool = False
    station_only: bool = False
    offers: bool = False
    meter: str = "power"
    static_key: str = ""
    identity: StationIdentity = PLAIN
    known: Limits | None = None
    controllable: bool = True


@dataclass
class Mail:
    """An answer on its way back."""

    due_s: float
    future: asyncio.Future[CommandResult]
    answer: CommandResult | Exception


@dataclass
class Pile:
    """One station with one or more outlets of one kind."""

    station_id: str
    manners: Manners
    rating: EvseRating
    state: StationState
    chance: random.Random
    tx: dict[int, ChargingProfile] = field(default_factory=dict)
    lasting: dict[tuple[ProfilePurpose, int], ChargingProfile] = field(default_factory=dict)
    static_a: float | None = None
    cars_w: dict[int, float] = field(default_factory=dict)
    draws_w: dict[int, float] = field(default_factory=dict)
    register_wh: float = 0.0
    hung: bool = False
    jumped: bool = False
    forgot: bool = False
    last_told: tuple[Any, ...] = ()
    asked: list[tuple[float, Command, str]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    @property
    def rated_w(self) -> float:
        """All that one outlet gives."""
        return float(self.rating.power_max_w)

    def handle(self, command: Command, now: datetime) -> CommandResult | Exception:
        """The answer; an exception is an error frame or no answer."""
        answer = self._handled(command, now)
        told = answer.status if isinstance(answer, CommandResult) else type(answer).__name__
        self.asked.append(((now - START).total_seconds(), command, told))
        return answer

    def _handled(self, command: Command, now: datetime) -> CommandResult | Exception:
        match command:
            case SetChargingProfile(evse_id=connector, profile=profile):
                return self._set(profile, connector)
            case GetCompositeSchedule(evse_id=connector, unit=unit):
                return self._composite(connector, unit or RateUnit.A, now)
            case GetVariables(names=names):
                return CommandResult("Accepted", values={name: self.manners.declares.get(name) for name in names})
            case SetVariables(values=values) if self.manners.static_key in values:
                self.static_a = float(values[self.manners.static_key])
                return CommandResult("Accepted")
            case ClearChargingProfile(profile_id=number):
                self.tx = {c: p for c, p in self.tx.items() if p.profile_id != number}
                self.lasting = {k: p for k, p in self.lasting.items() if p.profile_id != number}
                return CommandResult("Accepted")
            case RemoteStop(transaction_id=number):
                self.stopped.append(number)
                return CommandResult("Accepted")
            case _:
                return CommandResult("Rejected")

    def _set(self, profile: ChargingProfile, connector: int) -> CommandResult | Exception:
        refusal = self.manners.refuses(profile, connector)
        if isinstance(refusal, Exception):
            return refusal
        if refusal is not None:
            return CommandResult(refusal)
        if profile.purpose is ProfilePurpose.TX and self._session(connector) != profile.transaction_id:
            return CommandResult("Rejected")
        told = (connector, profile.purpose, tuple(p.limit for p in profile.periods[:1]))
        if self.manners.repeats_harm and told == self.last_told:
            self.jumped = True
        elif profile.purpose is ProfilePurpose.TX:
            self.jumped = False
        self.last_told = told
        self.hung = self.hung or (self.manners.zero_hangs and any(p.limit == 0 for p in profile.periods))
        paused = self.tx.get(connector)
        if self.manners.forgets_after_pause and paused and paused.periods[0].limit == 0 and not self.forgot:
            self.forgot = True
            return CommandResult("Accepted")
        self.forgot = False
        if self.manners.obeys(profile):
            if profile.purpose is ProfilePurpose.TX:
                self.tx[connector] = profile
            else:
                self.lasting[profile.purpose, connector] = profile
        return CommandResult("Accepted")

    def _session(self, connector: int) -> str | None:
        evse = self.state.evses.get(connector)
        return evse.session.transaction_id if evse is not None and evse.session is not None else None

    def _right(self, connector: int, unit: RateUnit, now: datetime) -> CompositeSchedule:
        """Of an outlet, or of all together."""
        numbers = [connector] if connector else list(self.state.evses)
        limit_w = sum(self.limit_w(number, now) for number in numbers)
        if connector == 0 and (ceiling := self.lasting.get((ProfilePurpose.STATION_MAX, 0))) is not None:
            limit_w = min(limit_w, self._at(ceiling, 1, now))
        limit = None if limit_w >= self.rated_w * len(numbers) else limit_w
        if limit is not None and unit is RateUnit.A:
            limit /= VOLT * self.rating.phases
        return CompositeSchedule(now, unit, ((0, limit),))

    def _composite(self, connector: int, unit: RateUnit, now: datetime) -> CommandResult | Exception:
        match self.manners.composite:
            case "right":
                return CommandResult("Accepted", composite=self._right(connector, unit, now))
            case "empty":
                return CommandResult("Accepted", composite=CompositeSchedule(None, None, ()))
            case "unlimited":
                return CommandResult("Accepted", composite=CompositeSchedule(now, unit, ((0, None),)))
            case "other unit":
                other = RateUnit.A if unit is RateUnit.W else RateUnit.W
                return CommandResult("Accepted", composite=CompositeSchedule(now, other, ((0, 6.0),)))
            case "garbage":
                return CommandResult("Accepted", composite=CompositeSchedule(None, None, (), sound=False))
            case "error":
                return CallRefused("NotImplemented")
            case _:
                return CommandResult("Rejected")

    def limit_w(self, evse_id: int, now: datetime) -> float:
        """What one outlet may draw by what is installed."""
        rule = self.tx.get(evse_id) if self._session(evse_id) is not None else None
        rule = rule or self.lasting.get((ProfilePurpose.TX_DEFAULT, evse_id))
        rule = rule or self.lasting.get((ProfilePurpose.TX_DEFAULT, 0))
        ceiling = self.lasting.get((ProfilePurpose.STATION_MAX, 0))
        if self.manners.station_only and (told := [*self.tx.values()]):
            rule = told[-1]
        found = [self.rated_w, *(self._at(p, evse_id, now) for p in (rule, ceiling) if p is not None)]
        if self.static_a is not None:
            found.append(self.static_a * VOLT * self.rating.phases)
        return min(found)

    def _at(self, profile: ChargingProfile, evse_id: int, now: datetime) -> float:
        if profile.valid_to is not None and now >= profile.valid_to:
            return self.rated_w
        session = self.state.evses[evse_id].session
        begun = session.started_at if session is not None else now
        start = begun if profile.kind is ProfileKind.RELATIVE or profile.start is None else profile.start
        passed_s = (now - start).total_seconds()
        period = [p for p in profile.periods if p.start_s <= passed_s][-1]
        return period.limit if profile.unit is RateUnit.W else period.limit * VOLT * (period.phases or 3)

    def step(self, now: datetime) -> None:
        """One second."""
        ceiling = self.lasting.get((ProfilePurpose.STATION_MAX, 0))
        left_w = self._at(ceiling, 1, now) if ceiling is not None else float("inf")
        for evse_id, car_w in self.cars_w.items():
            session = self.state.evses[evse_id].session
            wanted_w = 0.0
            if session is not None and not self.hung:
                limit_w = self.rated_w if self.jumped else min(left_w, self.limit_w(evse_id, now))
                minimum_w = 0.0 if self.rating.kind is CurrentKind.DC else 6 * VOLT
                wanted_w = min(car_w, limit_w) if limit_w >= minimum_w else 0.0
            left_w -= wanted_w
            now_w = self.draws_w.get(evse_id, 0.0)
            gone = session is None
            self.draws_w[evse_id] = 0.0 if gone else max(wanted_w, now_w - self.rated_w / FALL_S)
        self.register_wh += sum(self.draws_w.values()) / 3600

    def reboot(self) -> None:
        """Everything volatile is gone."""
        self.tx, self.last_told, self.jumped = {}, (), False
        if self.manners.forgets_on_boot:
            self.lasting = {}


class Links:
    """`csms.charging.ports.Stations` over the piles."""

    def __init__(self, clock: SimClock, chance: random.Random) -> None:
        self.clock, self.chance = clock, chance
        self.bus = EventBus()
        self.stations: dict[str, StationState] = {}
        self.piles: dict[str, Pile] = {}
        self.mail: list[Mail] = []

    async def command(self, station_id: str, command: Command) -> CommandResult:
        """Answered after some seconds; no answer is a time-out after a minute."""
        pile = self.piles[station_id]
        if not pile.state.online:
            raise ConnectionLost("away")
        answer = pile.handle(command, self.clock.now())
        delay_s = 60.0 if isinstance(answer, CallTimeout) else self.chance.uniform(0.5, 3.0)
        future: asyncio.Future[CommandResult] = asyncio.get_running_loop().create_future()
        self.mail.append(Mail(self.clock.now_s + delay_s, future, answer))
        return await future

    def deliver(self) -> None:
        """What is due."""
        due = [mail for mail in self.mail if mail.due_s <= self.clock.now_s]
        self.mail = [mail for mail in self.mail if mail.due_s > self.clock.now_s]
        for mail in due:
            if mail.future.done():
                continue
            if isinstance(mail.answer, Exception):
                mail.future.set_exception(mail.answer)
            else:
                mail.future.set_result(mail.answer)


class Memory:
    """`csms.charging.ports.ChargingStore` in memory; `fails` makes it take nothing."""

    def __init__(self) -> None:
        self.rungs: dict[tuple[str, str], LimitRung] = {}
        self.bounds: dict[tuple[str, int], UpperBoundRow] = {}
        self.profiles_sent: list[ProfileRow] = []
        self.notices: list[dict[str, Any]] = []

    @property
    def writer(self) -> Memory:
        return self

    @property
    def reader(self) -> Memory:
        return self

    async def commit(self, changes: Sequence[Any]) -> None:
        for change in changes:
            for row in change.rows:
                if "changed_at" in row and "rung" in row:
                    self.rungs[row["station_id"], row["role"]] = LimitRung(**row)
                elif "upper_bound_w" in row:
                    self.bounds[row["station_id"], row["evse_id"]] = UpperBoundRow(**row)
                elif "profile_id" in row:
                    self.profiles_sent.append(ProfileRow(**row))
                elif "code" in row and "detail" in row:
                    self.notices.append(row)
                elif "key_profile_id" in row:
                    self._answered(row)

    def _answered(self, row: dict[str, Any]) -> None:
        key = row["key_station_id"], row["key_profile_id"], row["key_sent_at"]
        for sent in self.profiles_sent:
            if (sent.station_id, sent.profile_id, sent.sent_at) == key:
                for name, value in row.items():
                    if not name.startswith("key_"):
                        setattr(sent, name, value)

    async def find(self, model: type[LimitRung]) -> Sequence[LimitRung]:
        return list(self.rungs.values())

    async def upper_bounds(self) -> Sequence[UpperBoundRow]:
        return list(self.bounds.values())

    async def profiles(self, **_: Any) -> Sequence[ProfileRow]:
        return list(reversed(self.profiles_sent))


def no_plan(problem: Problem) -> Plan:
    """The proportional rule takes over."""
    raise ArithmeticError("the simulation plans by the proportional rule")


AC22 = EvseRating(CurrentKind.AC, 3, 32.0, 22_080)
AC7 = EvseRating(CurrentKind.AC, 1, 32.0, 7_360)
DC60 = EvseRating(CurrentKind.DC, 3, 100.0, 60_000)


class Cap:
    """A cap from outside that a test can move."""

    def __init__(self) -> None:
        self.value_w: int | None = None

    def cap_w(self, feeder_id: str, at: datetime) -> int | None:
        return self.value_w

    def edges(self, feeder_id: str, since: datetime, until: datetime) -> Sequence[datetime]:
        return ()

    def lowest_w(self, feeder_id: str, at: datetime) -> int | None:
        return None


class Fleet:
    """One run. `tick` is a second; `on_second` looks at every one of them."""

    def __init__(
        self,
        seed: int,
        cap_w: int,
        lowest_w: int = 0,
        settings: ChargingSettings | None = None,
        store: Memory | None = None,
    ) -> None:
        logging.getLogger("csms.charging.planning").setLevel(logging.CRITICAL)  # `no_plan` is meant
        self.clock, self.chance = SimClock(), random.Random(seed)
        self.links, self.store = Links(self.clock, self.chance), store or Memory()
        self.cap_w = cap_w
        self.tree = FeederTree([Feeder("T", cap_w, lowest_cap_w=lowest_w)])
        house = settings or ChargingSettings(settle_s=5.0, reserve_share=0.0)
        self.settings = house
        self.caps = Cap()
        self.charging = ChargingService(self.clock, self.links, self.store, no_plan, house, self.tree, self.caps)
        self.charging.listen()
        self._sessions = 0
        self._ready: dict[EvseRef, tuple[int, float]] = {}
        self.meter_every_s = 60
        self.over: list[tuple[int, float]] = []
        self.uncovered: list[tuple[int, str, float, int]] = []

    @property
    def piles(self) -> dict[str, Pile]:
        """By id."""
        return self.links.piles

    def add(self, station_id: str, manners: Manners, rating: EvseRating = AC22, evses: int = 1) -> Pile:
        """Register and connect a pile."""
        refs = {number: EvseState(EvseRef(station_id, number), rating, True) for number in range(1, evses + 1)}
        identity = StationIdentity("Sim", manners.name) if manners.known else manners.identity
        state = StationState(station_id, "T", "site", refs, booted=True, identity=identity)
        for evse in refs.values():
            evse.connectors[1] = ConnectorStatus.AVAILABLE
        pile = Pile(station_id, manners, rating, state, self.chance)
        self.links.stations[station_id], self.links.piles[station_id] = state, pile
        state.link = object()  # type: ignore[assignment] - only its presence counts here
        state.last_seen_at = self.clock.now()
        self.links.bus.publish(StationConnected(station_id, "ocpp1.6", self.clock.now()))
        return pile

    def plug_in(self, station_id: str, car_w: float, evse_id: int = 1) -> None:
        """A car comes; it draws after `READY_S`."""
        pile = self.piles[station_id]
        pile.cars_w[evse_id] = car_w
        ref = EvseRef(station_id, evse_id)
        self._status(ref, ConnectorStatus.PREPARING)
        self._ready[ref] = self.clock.now_s + READY_S, car_w

    def leave(self, station_id: str, evse_id: int = 1) -> None:
        """The car goes."""
        pile, ref = self.piles[station_id], EvseRef(station_id, evse_id)
        session, pile.state.evses[evse_id].session = pile.state.evses[evse_id].session, None
        pile.tx.pop(evse_id, None)
        pile.cars_w.pop(evse_id, None)
        pile.draws_w[evse_id] = 0.0
        pile.hung = pile.jumped = False
        self._ready.pop(ref, None)
        self._status(ref, ConnectorStatus.AVAILABLE)
        if session is not None:
            self.links.bus.publish(SessionClosed(session.session_id, ref, self.clock.now()))

    def _status(self, ref: EvseRef, status: ConnectorStatus) -> None:
        self.piles[ref.station_id].state.evses[ref.evse_id].connectors[1] = status
        self.links.bus.publish(ConnectorChanged(ConnectorRef(*ref, 1), status, self.clock.now()))

    def _begin(self, ref: EvseRef) -> None:
        self._sessions += 1
        evse = self.piles[ref.station_id].state.evses[ref.evse_id]
        evse.session = OpenSession(self._sessions, str(self._sessions), ref, 1, self.clock.now())
        evse.power_w = evse.power_at = None
        self._status(ref, ConnectorStatus.CHARGING)
        self.links.bus.publish(SessionOpened(self._sessions, ref, self.clock.now()))

    def drop(self, station_id: str) -> None:
        """The connection is gone."""
        pile = self.piles[station_id]
        pile.state.link = None
        if pile.manners.forgets_on_reconnect:
            pile.tx, pile.lasting = {}, {}
        for mail in self.links.mail:
            if isinstance(mail.answer, CommandResult) and not mail.future.done() and self._is_of(mail, station_id):
                mail.answer = ConnectionLost("gone")
        self.links.bus.publish(StationDisconnected(station_id, self.clock.now()))

    def _is_of(self, mail: Mail, station_id: str) -> bool:
        return False

    def back(self, station_id: str, booted: bool = False) -> None:
        """It is connected again."""
        pile = self.piles[station_id]
        pile.state.link = object()  # type: ignore[assignment]
        pile.state.last_seen_at = self.clock.now()
        self.links.bus.publish(StationConnected(station_id, "ocpp1.6", self.clock.now()))
        if booted:
            pile.reboot()
            self.links.bus.publish(StationBooted(station_id, self.clock.now()))

    async def restore(self) -> None:
        """What a start of the server does first."""
        await self.charging._restore()

    async def run(self, seconds: int, on_second: Callable[[], None] | None = None) -> None:
        """That long."""
        for _ in range(seconds):
            await self.tick()
            if on_second is not None:
                on_second()

    async def tick(self) -> None:
        """A second."""
        self.clock.now_s += 1
        self.links.deliver()
        await self._settle()
        for ref, (ready_s, _) in list(self._ready.items()):
            if self.clock.now_s >= ready_s:
                del self._ready[ref]
                self._begin(ref)
        for pile in self.piles.values():
            pile.step(self.clock.now())
        self._obey_stops()
        self._meter()
        if self.clock.now_s % 20 == 0 or self.charging._causes:
            self.charging._causes.clear()
            await self.charging._planning.plan("T", "simulation")
        await self.charging._dispatcher.round()
        await self._settle()
        self._check()

    def _obey_stops(self) -> None:
        for pile in self.piles.values():
            for number in pile.stopped:
                for evse_id, evse in pile.state.evses.items():
                    if evse.session is not None and evse.session.transaction_id == number:
                        self.leave(pile.station_id, evse_id)
            pile.stopped.clear()

    async def _settle(self) -> None:
        for _ in range(12):
            await asyncio.sleep(0)

    def _meter(self) -> None:
        for number, pile in enumerate(self.piles.values()):
            if (self.clock.now_s + 7 * number) % self.meter_every_s or not pile.state.online:
                continue
            for evse_id, evse in pile.state.evses.items():
                if evse.session is not None:
                    self._sample(pile, evse, pile.draws_w.get(evse_id, 0.0))

    def _sample(self, pile: Pile, evse: EvseState, power_w: float) -> None:
        now = self.clock.now()
        assert evse.session is not None
        pile.state.last_seen_at = now
        samples = [Sample(now, ENERGY_REGISTER, pile.register_wh, "Wh")]
        if pile.manners.meter == "none":
            return
        if pile.manners.meter == "power":
            samples.append(Sample(now, POWER_IMPORT, power_w, "W"))
            evse.power_w, evse.power_at = power_w, now
        if pile.manners.offers:
            limit_w = pile.limit_w(evse.ref.evse_id, now)
            samples.append(Sample(now, CURRENT_OFFERED, limit_w / VOLT / pile.rating.phases, "A"))
        self.links.bus.publish(Metered(evse.ref, evse.session.session_id, tuple(samples), now))

    def _check(self) -> None:
        """Is every draw within its bound, and their sum within the cap?"""
        now, total_w = self.clock.now(), 0.0
        ledger = self.charging._ledger
        for pile in self.piles.values():
            own_w, bound_w = sum(pile.draws_w.values()), 0
            for evse in pile.state.evses.values():
                bound_w += ledger.upper_bound_w(evse.ref, now) if evse.ref in ledger else 0
            if own_w > bound_w + 1:
                self.uncovered.append((self.clock.now_s, pile.station_id, own_w, bound_w))
            total_w += own_w
        if total_w > self.cap_w + 1:
            self.over.append((self.clock.now_s, total_w))

    def state(self, station_id: str) -> str:
        """In one word."""
        return str(self.charging.ladder(station_id).state.value)

    def rung(self, station_id: str) -> str:
        """Of its limits."""
        return str(self.charging.ladder(station_id).limit.rung)
