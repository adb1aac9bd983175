"""The ledger as a state machine with everything that goes wrong: lost and late answers, disconnects, reboots, crashes,
clocks that jump, caps that change. After every step each true draw is covered (I2), and the sum of the bounds is within
the highest cap of the last lease, ramp and skew (I1).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from csms.charging.ledger import Kept, Ledger
from csms.model.ids import EvseRef

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
RAMP_S, SKEW_S, LEASE_S = 15, 5, 60
FLOOR_W, RATED_W, LOWEST_W, HIGHEST_W = 1_000, 7_360, 4_000, 16_000
REFS = [EvseRef(name, 1) for name in ("A", "B", "C")]
pick = st.sampled_from(REFS)


@dataclass
class Pile:
    """Takes values in order and keeps its floor; its car is down within 12 s; its clock is `late_s` behind.

    `connection` counts; what was sent on an older one arrives no more.
    """

    late_s: int
    value_w: int = 0
    until_s: int = -1_000
    draw_w: float = FLOOR_W
    connected: bool = True
    connection: int = 0
    inbox: list[tuple[int, int, int, int]] = field(default_factory=list)
    answers: list[tuple[int, int]] = field(default_factory=list)
    given_up: list[int] = field(default_factory=list)

    def step(self, now_s: int) -> None:
        wished_w = self.value_w if now_s < self.until_s + self.late_s else FLOOR_W
        self.draw_w = max(wished_w, self.draw_w - RATED_W / 12)


class FaultyLedger(RuleBasedStateMachine):
    """Three piles under a cap that moves; rows as durable as a disk."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0
        self.ledger = Ledger(RAMP_S, SKEW_S)
        self.rows: dict[EvseRef, Kept] = {}
        self.session_id = 1
        self.piles: dict[EvseRef, Pile] = {}
        self.caps_w = [(0, HIGHEST_W)]
        self.running = True
        self.loose_s = 0

    @initialize(late=st.lists(st.integers(0, SKEW_S), min_size=3, max_size=3))
    def connect(self, late: list[int]) -> None:
        self.piles = {ref: Pile(late_s) for ref, late_s in zip(REFS, late, strict=True)}
        self.begin()

    def begin(self) -> None:
        for ref, pile in self.piles.items():
            self.ledger.enrol(ref, ("T",), FLOOR_W, RATED_W)
            self.ledger.note_car(ref, True)
            self.ledger.note_session(ref, self.session_id)
            self.ledger.confirm_floor(ref, self.now)
            self.ledger.trust(ref, self.now, floor=True, limit=True)
            self.note(ref, pile)

    def note(self, ref: EvseRef, pile: Pile) -> None:
        self.ledger.note_station(ref, self.now, away=not pile.connected, forgets=False, reaction_s=0.0)

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.now_s)

    @property
    def room_w(self) -> dict[str, int]:
        return {"T": self.caps_w[-1][1]}

    @rule(ref=pick, value_w=st.integers(0, RATED_W), leaves=st.booleans())
    def send(self, ref: EvseRef, value_w: int, leaves: bool) -> None:
        """Written ahead; whether the frame leaves is another matter."""
        pile = self.piles[ref]
        ready = self.running and pile.connected and not self.ledger.awaits(ref)
        if not ready or not self.ledger.may_raise(ref, value_w, self.now, self.room_w):
            return
        number = self.ledger.send(ref, value_w, self.now, self.now + timedelta(seconds=LEASE_S))
        self.rows[ref] = self.ledger.kept(ref, self.now)
        if leaves:
            pile.inbox.append((number, value_w, self.now_s + LEASE_S, pile.connection))
        else:
            self.ledger.withdraw(ref, number)

    @rule(ref=pick)
    def deliver(self, ref: EvseRef) -> None:
        pile = self.piles[ref]
        if pile.inbox:
            number, value_w, until_s, connection = pile.inbox.pop(0)
            if pile.connected and connection == pile.connection:
                pile.value_w, pile.until_s = value_w, until_s
                pile.answers.append((number, connection))

    @rule(ref=pick)
    def lose(self, ref: EvseRef) -> None:
        pile = self.piles[ref]
        if pile.inbox:
            number, *_ = pile.inbox.pop(0)
            self.give_up(pile, number)

    @rule(ref=pick)
    def time_out(self, ref: EvseRef) -> None:
        """No answer in time; request and answer may still be on their way."""
        pile = self.piles[ref]
        for number in [number for number, *_ in [*pile.inbox, *pile.answers]]:
            self.give_up(pile, number)

    def give_up(self, pile: Pile, number: int) -> None:
        pile.given_up.append(number)
        if self.running:
            self.ledger.lose(number)

    @rule(ref=pick, twice=st.booleans(), arrives=st.booleans())
    def answer(self, ref: EvseRef, twice: bool, arrives: bool) -> None:
        """In time or late, once or twice, or lost."""
        pile = self.piles[ref]
        if not pile.answers:
            return
        number, connection = pile.answers.pop(0)
        if not self.running or connection != pile.connection:
            return
        if not arrives:
            self.give_up(pile, number)
        for _ in range(1 + twice if arrives else 0):
            self.ledger.acknowledge(ref, number, self.now)

    @rule(ref=pick)
    def disconnect(self, ref: EvseRef) -> None:
        pile = self.piles[ref]
        pile.connected = False
        for number in [number for number, *_ in [*pile.inbox, *pile.answers]]:
            self.give_up(pile, number)
        pile.inbox, pile.answers = [], []
        if self.running:
            self.note(ref, pile)

    @rule(ref=pick, boots=st.booleans(), kept=st.booleans())
    def reconnect(self, ref: EvseRef, boots: bool, kept: bool) -> None:
        """It may have restarted, and then have lost what a transaction was told, but for its floor."""
        pile = self.piles[ref]
        if pile.connected or not self.running:
            return
        pile.connected, pile.connection = True, pile.connection + 1
        if boots and not kept:
            pile.until_s = -1_000
        self.note(ref, pile)
        if boots:
            self.ledger.lose_profiles(ref)

    @rule(ref=pick)
    def install_floor(self, ref: EvseRef) -> None:
        if self.running and self.piles[ref].connected:
            self.ledger.confirm_floor(ref, self.now)

    @rule()
    def crash(self) -> None:
        """All that is in memory is gone, and with it every connection."""
        self.running = False
        for pile in self.piles.values():
            pile.connected, pile.inbox, pile.answers = False, [], []

    @rule(same_session=st.booleans())
    def restart(self, same_session: bool) -> None:
        """In between there may have been another session, which the process before never told anything."""
        if self.running:
            return
        self.session_id += not same_session
        self.running, self.ledger, self.loose_s = True, Ledger(RAMP_S, SKEW_S), self.now_s
        self.begin()
        for ref, kept in self.rows.items():
            if kept.bound.until > self.now:
                self.ledger.restore(ref, kept, self.now)

    @rule(ref=pick, late_s=st.integers(0, SKEW_S))
    def clock_jump(self, ref: EvseRef, late_s: int) -> None:
        self.piles[ref].late_s = late_s

    @rule(cap_w=st.integers(LOWEST_W, HIGHEST_W))
    def cap_change(self, cap_w: int) -> None:
        self.caps_w.append((self.now_s, cap_w))

    @rule(seconds=st.integers(1, 45))
    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now_s += 1
            if self.running:
                self.ledger.expire(self.now)
            for pile in self.piles.values():
                pile.step(self.now_s)
            self.every_draw_is_covered()

    @invariant()
    def every_draw_is_covered(self) -> None:
        if not self.running:
            return
        for ref, pile in self.piles.items():
            assert pile.draw_w <= self.ledger.upper_bound_w(ref, self.now)

    @invariant()
    def what_is_remembered_is_what_would_be_reckoned(self) -> None:
        anew = copy.deepcopy(self.ledger)
        for ref in anew.refs:
            anew._touch(anew.account(ref))
        assert anew.sums_w(self.now) == self.ledger.sums_w(self.now)

    @invariant()
    def bounds_fit_under_a_cap_that_stayed(self) -> None:
        """Bounds too, but for a ramp after an outlet had no floor that was known to act: then it counts in full."""
        if not self.running or any(self.ledger.account(ref).loose for ref in self.piles):
            self.loose_s = self.now_s
            return
        since_s = self.now_s - LEASE_S - RAMP_S - SKEW_S
        before = [cap_w for at_s, cap_w in self.caps_w if at_s <= since_s][-1:]
        highest_w = max([*before, *(cap_w for at_s, cap_w in self.caps_w if at_s > since_s)])
        assert sum(pile.draw_w for pile in self.piles.values()) <= highest_w
        if self.now_s - self.loose_s >= RAMP_S:
            assert self.ledger.sums_w(self.now)["T"] <= highest_w


FaultyLedger.TestCase.settings = settings(max_examples=80, stateful_step_count=60, deadline=None)


@pytest.mark.req("GL-I1", "GL-I2", "GL-B4.3", "GL-B4.4", "GL-B4.5")
class TestFaultyLedger(FaultyLedger.TestCase):  # type: ignore[misc, name-defined]
    """Run by hypothesis."""
