"""A seeded fleet in simulated time, run by the production ledger, rounding and round decisions (grid-limits B7).

Piles ramp, messages take time, get lost or find the station offline, cars come and go, the cap changes. The true load
must never exceed the cap once a change has had its grace; without the ramp hold it does (the control).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from csms.charging.discretise import Ask, Outlet, discretise
from csms.charging.feeder import Feeder, FeederTree, NoCaps
from csms.charging.ledger import Ledger
from csms.charging.rounds import LeaseRule, Situation, Target, orders
from csms.model.ids import EvseRef
from csms.model.station import CurrentKind, EvseRating

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
AC = EvseRating(CurrentKind.AC, 1, 32.0, 7_360)
PILES = 8
DURATION_S = 450
FALL_W_PER_S = 500.0
RAMP_S = 15.0
LEASE = LeaseRule(lease_s=60.0, renew_s=30.0)
GRACE_S = 45.0
OFFLINE_GRACE_S = LEASE.lease_s + 25.0
SEEDS = 200


@dataclass
class Pile:
    """Obeys its newest profile until the lease ends; its draw falls slowly and rises at once."""

    floor_w: int
    car: bool = True
    visit: int = 1
    limit_w: int = 0
    lease_end_s: float = 0.0
    draw_w: float = 0.0
    offline_until_s: float = 0.0

    def step(self, now_s: float) -> None:
        limit_w = self.limit_w if now_s < self.lease_end_s else self.floor_w
        wished_w = min(limit_w, AC.power_max_w) if self.car else 0
        self.draw_w = max(wished_w, self.draw_w - FALL_W_PER_S) if self.car else 0.0


@dataclass
class World:
    """One run. `lossy`: messages get lost and stations drop out."""

    seed: int
    ramp_s: float
    lossy: bool
    now_s: float = 0.0
    cap_w: int = 30_000
    changed_s: float = 0.0
    over_s: float = 0.0
    used_wh: float = 0.0
    mail: list[tuple[float, str, EvseRef, int, Target, int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.ledger = Ledger(ramp_s=self.ramp_s, skew_s=2.0)
        self.piles = {EvseRef(f"P{n}", 1): Pile(floor_w=0 if n % 2 else 1_380) for n in range(PILES)}
        for ref, pile in self.piles.items():
            self.ledger.enrol(ref, ("T",), pile.floor_w, AC.power_max_w)
            self.ledger.note_car(ref, True)
            self.ledger.confirm_floor(ref, START)
            self.ledger.trust(ref, START, floor=True, limit=True)
        self.targets: dict[EvseRef, Target] = {}
        self.waiting: dict[str, tuple[EvseRef, int, float]] = {}

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.now_s)

    def tree(self) -> FeederTree:
        return FeederTree([Feeder("T", rating_w=self.cap_w)])

    def plan(self) -> None:
        """Whoever is there gets a random share, rounded by the production code."""
        room = self.tree().rooms_w(NoCaps(), self.now, 0.0, 0.0)
        weights = {ref: self.chance.random() for ref, pile in self.piles.items() if pile.car}
        for ref, pile in self.piles.items():
            if not pile.car:
                room["T"] -= self.ledger.settled_w(ref, self.now, True)
        total = sum(weights.values()) or 1.0
        asks = [
            Ask(ref, Outlet(AC, 1, self.piles[ref].floor_w), ("T",), room["T"] * w / total, AC.power_max_w)
            for ref, w in weights.items()
        ]
        steps = discretise(asks, room)
        visits = {ref: pile.visit for ref, pile in self.piles.items()}
        self.targets = {a.ref: Target(visits[a.ref], "t", a.outlet, steps[a.ref].setpoint) for a in asks}

    def dispatch(self) -> None:
        room = self.tree().rooms_w(NoCaps(), self.now, 0.0, 0.0)
        situation = Situation(self.now, room, lambda id_: id_ not in self.waiting and self.online(id_), self.online)
        for order in orders(self.targets, self.ledger, situation, LEASE):
            self.waiting[order.ref.station_id] = (order.ref, order.sequence, self.now_s + 30)
            end_s = self.now_s + LEASE.lease_s
            if not self.lost():
                self.post("set", order.ref, order.sequence, order.target, order.setpoint.value_w, end_s)

    def online(self, station_id: str) -> bool:
        return self.piles[EvseRef(station_id, 1)].offline_until_s <= self.now_s

    def lost(self) -> bool:
        return self.lossy and self.chance.random() < 0.05

    def post(self, kind: str, ref: EvseRef, sequence: int, target: Target, value_w: int, end_s: float) -> None:
        self.mail.append((self.now_s + self.chance.uniform(1, 3), kind, ref, sequence, target, value_w, end_s))

    def deliver(self) -> None:
        due = sorted((letter for letter in self.mail if letter[0] <= self.now_s), key=lambda letter: letter[0])
        self.mail = [letter for letter in self.mail if letter[0] > self.now_s]
        for _, kind, ref, sequence, target, value_w, end_s in due:
            pile = self.piles[ref]
            if not self.online(ref.station_id):
                continue
            if kind == "set" and pile.car and target.session_id == pile.visit:
                pile.limit_w, pile.lease_end_s = value_w, end_s
            if kind == "set" and not self.lost():
                self.post("ack", ref, sequence, target, value_w, end_s)
            if kind == "ack":
                self.ledger.acknowledge(ref, sequence, self.now)
                self.waiting.pop(ref.station_id, None)
        for station_id, (_, sequence, until_s) in list(self.waiting.items()):
            if self.now_s >= until_s or not self.online(station_id):
                self.ledger.lose(sequence)
                del self.waiting[station_id]

    def happenings(self) -> None:
        if self.now_s in (120, 300):
            lower = self.chance.choice([15_000, 20_000, 40_000])
            self.changed_s = self.now_s if lower < self.cap_w else self.changed_s
            self.cap_w = lower
            self.plan()
        for ref, pile in self.piles.items():
            if self.chance.random() < 0.004:
                pile.car = not pile.car
                pile.visit += 1
                pile.limit_w, pile.lease_end_s = 0, 0.0
                if not pile.car:
                    self.ledger.end_session(ref, self.now)
                self.plan()
            if self.lossy and self.chance.random() < 0.001:
                pile.offline_until_s = self.now_s + self.chance.choice([5, 30, 200])

    def measure(self) -> None:
        load_w = sum(pile.draw_w for pile in self.piles.values())
        for ref, pile in self.piles.items():
            bound_w = self.ledger.upper_bound_w(ref, self.now)
            assert self.ramp_s == 0 or pile.draw_w <= bound_w, f"seed {self.seed} at {self.now_s}: {ref}"
        grace_s = OFFLINE_GRACE_S if self.lossy else GRACE_S
        if load_w > self.cap_w and self.now_s - self.changed_s > grace_s:
            self.over_s += 1
        self.used_wh += load_w / 3600

    def run(self) -> World:
        while self.now_s < DURATION_S:
            self.happenings()
            if self.now_s % 25 == 0:
                self.plan()
            self.deliver()
            self.ledger.expire(self.now)
            self.dispatch()
            for pile in self.piles.values():
                pile.step(self.now_s)
            self.measure()
            self.now_s += 1
        return self


@pytest.mark.parametrize("lossy", [False, True])
def test_the_true_load_stays_under_the_cap(lossy: bool) -> None:
    runs = [World(seed, RAMP_S, lossy).run() for seed in range(SEEDS)]
    assert [run.seed for run in runs if run.over_s] == []
    assert sum(run.used_wh for run in runs) > 0


def test_without_the_ramp_hold_it_does_not() -> None:
    runs = [World(seed, 0.0, lossy=False).run() for seed in range(20)]
    assert sum(run.over_s for run in runs) > 20


def test_the_cap_is_used() -> None:
    """Without faults most of the cap is used although everything is reshuffled every 25 s."""
    runs = [World(seed, RAMP_S, lossy=False).run() for seed in range(20)]
    used_w = sum(run.used_wh for run in runs) / len(runs) / (DURATION_S / 3600)
    assert used_w > 15_000 * 0.5
