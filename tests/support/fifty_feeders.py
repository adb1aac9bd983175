"""A tree of fifty feeders on three levels with two piles at each transformer, before the production charging room in
virtual time: real ledger, planner, optimiser and dispatcher; limits of all levels in one real book. The judge adds up
the true load at every feeder in every second.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from csms.charging.feeder import Feeder, FeederTree
from csms.charging.service import ChargingService
from csms.charging.settings import ChargingSettings
from csms.grid.book import LimitBook
from csms.model.command import Command, CommandResult
from csms.model.event import LimitChanged, Metered, SessionOpened, StationBooted, StationConnected
from csms.model.ids import EvseRef
from csms.model.limit import Limit
from csms.model.meter import POWER_IMPORT, Sample
from csms.model.station import ConnectorStatus, StationIdentity
from csms.station.bus import EventBus
from csms.station.state import EvseState, OpenSession, StationState
from optimizer import solve
from tests.support.sim_loop import START, LoopClock, VirtualLoop, run
from tests.support.sim_piles import AC22, PLAIN, Car, Pile
from tests.support.sim_store import Disk, Hold
from tests.support.sim_world import quiet_room

SUBSTATIONS, TRANSFORMERS = 5, 44
BASE_W = 1_500
SETTINGS = ChargingSettings(lease_s=300.0, tilt_per_h=1.0)


@dataclass(frozen=True)
class Order:
    """A limit: (feeder, W) from one second to another, said at a third."""

    feeder: str
    power_w: int
    from_s: int
    until_s: int
    said_s: int


@dataclass
class Shown:
    """What was seen. `over`: (second, feeder, W above the lowest of limits and rating); `bounds_over`: the same by
    upper bounds against the room; `drawn_w`: at the root, by second."""

    over: list[tuple[int, str, float]] = field(default_factory=list)
    bounds_over: list[tuple[int, str, float]] = field(default_factory=list)
    drawn_w: dict[int, float] = field(default_factory=dict)


def feeders() -> list[Feeder]:
    """One root, five substations, forty-four transformers."""
    found = [Feeder("P", 1_500_000, lowest_cap_w=150_000)]
    found += [Feeder(f"S{n}", 350_000, "P", lowest_cap_w=35_000) for n in range(SUBSTATIONS)]
    return found + [
        Feeder(f"T{n:02}", 40_000, f"S{n % SUBSTATIONS}", (BASE_W,), lowest_cap_w=4_000) for n in range(TRANSFORMERS)
    ]


class World:
    """One run; fits charging's port `Stations`."""

    def __init__(self, loop: VirtualLoop, orders: Sequence[Order], seed: int) -> None:
        self.loop, self.clock, self.chance = loop, LoopClock(loop), random.Random(seed)
        self.bus, self.book, self.tree = EventBus(), LimitBook(), FeederTree(feeders())
        self.piles: dict[str, Pile] = {}
        self.stations: dict[str, StationState] = {}
        for n in range(2 * TRANSFORMERS):
            self._build(f"C{n:02}", f"T{n % TRANSFORMERS:02}", n + 1)
        hold = Hold(Disk(), lambda what: None)
        self.charging = ChargingService(self.clock, self, hold, solve, SETTINGS, self.tree, self.book)
        self.charging.listen()
        self.shown, self._orders = Shown(), orders

    def _build(self, id_: str, feeder: str, number: int) -> None:
        pile = Pile(id_, feeder, PLAIN, AC22, self.chance.uniform(5, 12), self.chance.uniform(-3, 3))
        pile.car, pile.transaction_id = Car(22_080.0, 3, 0.0), f"tx{number}"
        ref = EvseRef(id_, 1)
        evse = EvseState(ref, AC22, registered=True, connectors={1: ConnectorStatus.CHARGING})
        evse.session = OpenSession(number, f"tx{number}", ref, 1, START)
        state = StationState(id_, feeder, "site", {1: evse}, identity=StationIdentity("Sim", PLAIN.name))
        state.booted, state.booted_at, state.last_seen_at = True, START, START
        state.link, state.connected_at = object(), START  # type: ignore[assignment]  # only its presence counts
        state.manners.states = 1
        self.piles[id_], self.stations[id_] = pile, state

    async def command(self, station_id: str, command: Command) -> CommandResult:
        """There and back in one to four seconds; it acts two seconds after it was taken."""
        await asyncio.sleep(self.chance.uniform(0.5, 2))
        pile = self.piles[station_id]
        result = pile.take(command, self.loop.now_s)
        assert result is not None
        self.loop.call_later(PLAIN.reaction_s, lambda: pile.act(self.loop.now_s))
        await asyncio.sleep(self.chance.uniform(0.5, 2))
        self.stations[station_id].last_seen_at = self.clock.now()
        return result

    async def live(self, lasts_s: int) -> Shown:
        """From the first second to the last."""
        work = self.loop.create_task(self.charging.run())
        for number, order in enumerate(self._orders):
            self.loop.call_later(order.said_s, self._say, number, order)
        await asyncio.sleep(1)
        for id_, state in self.stations.items():
            session = state.evses[1].session
            assert session is not None
            self.bus.publish(StationConnected(id_, "ocpp2.0.1", self.clock.now()))
            self.bus.publish(StationBooted(id_, self.clock.now()))
            self.bus.publish(SessionOpened(session.session_id, EvseRef(id_, 1), self.clock.now()))
        while self.loop.now_s < lasts_s:
            await asyncio.sleep(1)
            self._second(round(self.loop.now_s))
        work.cancel()
        return self.shown

    def _say(self, number: int, order: Order) -> None:
        now, begin = self.clock.now(), START + timedelta(seconds=order.from_s)
        end = START + timedelta(seconds=order.until_s)
        self.book.put(Limit("grid:g", order.feeder, f"L{number}", 1, order.power_w, begin, end, now, now))
        self.bus.publish(LimitChanged(order.feeder, now))

    def _second(self, second: int) -> None:
        loads_w = dict.fromkeys(self.tree.ids, 0.0)
        for id_, pile in self.piles.items():
            pile.step(self.loop.now_s)
            for feeder_id in self.tree.path(pile.feeder):
                loads_w[feeder_id] += pile.draw_w
            if second % 60 == len(id_) + int(id_[1:]) % 50:
                self._metered(id_, pile)
        now = self.clock.now()
        bounds_w, rooms_w = self.charging._ledger.sums_w(now), self.tree.rooms_w(self.book, now, 0, 0.0)
        for feeder_id, load_w in loads_w.items():
            over_w = load_w + self.tree.base_load_w(feeder_id, now) - self.tree.cap_w(feeder_id, self.book, now)
            if over_w > 1:
                self.shown.over.append((second, feeder_id, over_w))
            if bounds_w.get(feeder_id, 0) > rooms_w[feeder_id]:
                self.shown.bounds_over.append((second, feeder_id, bounds_w[feeder_id] - rooms_w[feeder_id]))
        self.shown.drawn_w[second] = loads_w["P"]

    def _metered(self, id_: str, pile: Pile) -> None:
        evse, now = self.stations[id_].evses[1], self.clock.now()
        assert evse.session is not None
        evse.power_w, evse.power_at = pile.draw_w, now
        sample = Sample(now, POWER_IMPORT, pile.draw_w, "W")
        self.bus.publish(Metered(evse.ref, evse.session.session_id, (sample,), now))


def watched(orders: Sequence[Order], lasts_s: int, seed: int = 0) -> Shown:
    """One run."""
    with quiet_room(True):
        return run(lambda loop: World(loop, orders, seed).live(lasts_s))
