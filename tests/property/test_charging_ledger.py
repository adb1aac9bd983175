"""The ledger as a state machine against true piles: bounds cover every draw (I2), sums stay under a constant cap (I1).

Messages of a pile arrive in order or not at all, late or early; piles come down within a ramp; clocks are a bit off.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from csms.charging.discretise import Ask, Outlet, discretise
from csms.charging.ledger import Ledger
from csms.model.ids import EvseRef
from csms.model.station import CurrentKind, EvseRating

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
RAMP_S, SKEW_S, LEASE_S, CAP_W = 15, 5, 60, 12_000
AC = EvseRating(CurrentKind.AC, 1, 32.0, 7_360)
REFS = [EvseRef(name, 1) for name in ("A", "B", "C")]
pick = st.sampled_from(REFS)


@dataclass
class Pile:
    """Takes values in order; falls linearly within 12 s; its clock is `late_s` behind."""

    late_s: int
    value_w: int = 0
    until_s: int = -1000
    draw_w: float = 0.0
    inbox: list[tuple[int, int, int]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def step(self, now_s: int) -> None:
        wished_w = self.value_w if now_s < self.until_s + self.late_s else 1_000
        self.draw_w = max(wished_w, self.draw_w - AC.power_max_w / 12)


class LedgerMachine(RuleBasedStateMachine):
    """Three piles under one cap of 12 kW, floors of 1 kW."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0
        self.ledger = Ledger(RAMP_S, SKEW_S)
        self.piles: dict[EvseRef, Pile] = {}

    @initialize(late=st.lists(st.integers(0, SKEW_S), min_size=3, max_size=3))
    def connect(self, late: list[int]) -> None:
        for ref, late_s in zip(REFS, late, strict=True):
            self.piles[ref] = Pile(late_s)
            self.ledger.enrol(ref, ("T",), 1_000, AC.power_max_w)
            self.ledger.confirm_floor(ref, self.now)
            self.ledger.trust(ref, self.now, floor=True, limit=True)
            self.ledger.note_car(ref, True)

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.now_s)

    @rule(ref=pick, value_w=st.integers(0, AC.power_max_w))
    def send(self, ref: EvseRef, value_w: int) -> None:
        if self.ledger.may_raise(ref, value_w, self.now, {"T": CAP_W}):
            sequence = self.ledger.send(ref, value_w, self.now, self.now + timedelta(seconds=LEASE_S))
            self.piles[ref].inbox.append((sequence, value_w, self.now_s + LEASE_S))

    @rule(ref=pick)
    def deliver(self, ref: EvseRef) -> None:
        pile = self.piles[ref]
        if pile.inbox:
            sequence, pile.value_w, pile.until_s = pile.inbox.pop(0)
            pile.answers.append(sequence)

    @rule(ref=pick)
    def lose(self, ref: EvseRef) -> None:
        if self.piles[ref].inbox:
            self.ledger.lose(self.piles[ref].inbox.pop(0)[0])

    @rule(ref=pick)
    def refuse(self, ref: EvseRef) -> None:
        if self.piles[ref].inbox:
            self.ledger.refuse(ref, self.piles[ref].inbox.pop(0)[0])

    @rule(ref=pick, arrives=st.booleans(), twice=st.booleans())
    def answer(self, ref: EvseRef, arrives: bool, twice: bool) -> None:
        if self.piles[ref].answers:
            sequence = self.piles[ref].answers.pop(0)
            for _ in range(1 + twice if arrives else 0):
                self.ledger.acknowledge(ref, sequence, self.now)
            if not arrives:
                self.ledger.lose(sequence)

    @rule(seconds=st.integers(1, 40))
    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now_s += 1
            self.ledger.expire(self.now)
            for pile in self.piles.values():
                pile.inbox = [letter for letter in pile.inbox if self.now_s < letter[2]]
                pile.step(self.now_s)
            self.bounds_cover_every_draw()

    @invariant()
    def bounds_cover_every_draw(self) -> None:
        for ref, pile in self.piles.items():
            assert pile.draw_w <= self.ledger.upper_bound_w(ref, self.now)

    @invariant()
    def the_sum_stays_under_the_cap(self) -> None:
        if self.piles:
            assert self.ledger.sums_w(self.now)["T"] <= CAP_W
            assert sum(pile.draw_w for pile in self.piles.values()) <= CAP_W


LedgerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestLedger = LedgerMachine.TestCase


@given(
    st.lists(
        st.tuples(st.floats(0, 22_080), st.integers(0, 1), st.booleans(), st.booleans(), st.floats(-4_000, 4_000)),
        max_size=12,
    ),
    st.integers(0, 60_000),
)
def test_rounding_never_exceeds_the_room_unless_floors_alone_do(
    wishes: list[tuple[float, int, bool, bool, float]], room_w: int
) -> None:
    rating = EvseRating(CurrentKind.AC, 3, 32.0, 22_080)
    asks = [
        Ask(
            EvseRef(f"P{n}", 1),
            Outlet(rating, 3, 4_140 * floor),
            ("T",),
            planned,
            22_080.0,
            idle=idle,
            wants=wants,
            carry_w=carry,
        )
        for n, (planned, floor, idle, wants, carry) in enumerate(wishes)
    ]
    steps = discretise(asks, {"T": room_w})
    floors_w = sum(ask.outlet.floor_w for ask in asks)
    used_w = sum(max(steps[ask.ref].setpoint.value_w, ask.outlet.floor_w) for ask in asks)
    assert used_w <= max(room_w, floors_w)
    for step in steps.values():
        assert step.setpoint.limit_a == 0 or 6 <= step.setpoint.limit_a <= 32
