"""Every way two piles and the ledger can go in ten steps, with three levels each: no bound is ever too low, and their
sum never above the cap. Breadth first; what looks alike is looked at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

import pytest

from csms.charging.ledger import Account, Grant, Ledger
from csms.model.ids import EvseRef

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
LEVELS_W, CAP_W = (0, 1, 2), 2
RAMP, LEASE, DEPTH = 1, 2, 10
"""In steps of time."""
REFS = (EvseRef("A", 1), EvseRef("B", 1))
SECOND = timedelta(seconds=1)


class Outlet(NamedTuple):
    """One pile and its account; all times in steps from now on.

    `rules`: (level, until) that the pile keeps; `request`: (level, until, number) on its way to it, `answer`: a number
    on its way back; `acknowledged`: (level, until, number); `sent`: (number, level, until) unanswered, `holds`: (level,
    until). Numbers count from the oldest that matters.
    """

    draws: int = 0
    rules: tuple[int, int] = (0, 0)
    request: tuple[int, int, int] | None = None
    answer: int | None = None
    acknowledged: tuple[int, int] | None = None
    sent: tuple[tuple[int, int, int], ...] = ()
    holds: tuple[tuple[int, int], ...] = ()
    awaited: bool = False


State = tuple[Outlet, Outlet]


def ledger_of(*outlets: Outlet) -> Ledger:
    """The production ledger as it would be now."""
    ledger = Ledger(ramp_s=RAMP, skew_s=0)
    for ref, outlet in zip(REFS, outlets, strict=False):
        ledger.enrol(ref, ("T",), 0, 9)
        account = ledger.account(ref)
        account.floor_taken = account.floor_acts = account.limit_acts = account.car_possible = True
        if outlet.acknowledged is not None:
            account.acknowledged = account.commanded = grant(*outlet.acknowledged)
        for number, level, until in outlet.sent:
            account.sent[number] = account.commanded = grant(level, until)
        account.holds = [grant(level, until) for level, until in outlet.holds]
    return ledger


def grant(level: int, until: int) -> Grant:
    return Grant(level, START + until * SECOND)


def steps_to(moment: datetime) -> int:
    return round((moment - START) / SECOND)


def with_account(outlet: Outlet, account: Account) -> Outlet:
    """The pile as it was, the account as it is now."""
    known = account.acknowledged
    return outlet._replace(
        acknowledged=None if known is None else (known.value_w, steps_to(known.until)),
        sent=tuple((number, g.value_w, steps_to(g.until)) for number, g in account.sent.items()),
        holds=tuple(sorted({(g.value_w, steps_to(g.until)) for g in account.holds if g.until > START})),
    )


def numbered(outlet: Outlet) -> Outlet:
    """With the numbers that are in use counted anew, so that what is alike looks alike."""
    used = {number for number, _, _ in outlet.sent} | {outlet.answer} | {outlet.request[2] if outlet.request else None}
    new = {number: n for n, number in enumerate(sorted(number for number in used if number is not None), 1)}
    return outlet._replace(
        request=None if outlet.request is None else (*outlet.request[:2], new[outlet.request[2]]),
        answer=None if outlet.answer is None else new[outlet.answer],
        sent=tuple((new[number], level, until) for number, level, until in outlet.sent),
    )


class Exploration:
    """Asks the production ledger about each outlet once, for nothing but the raises depends on both of them."""

    def __init__(self) -> None:
        self.bound_w = cache(self._bound_w)
        self.sends, self.moves, self.later = cache(self._sends), cache(self._moves), cache(self._later)
        self.seen: set[State] = {(Outlet(), Outlet())}
        self.bad: list[State] = []

    def go(self, depth: int) -> Exploration:
        """All states within so many steps."""
        front = list(self.seen)
        for _ in range(depth):
            found = {mirrored(*state) for known in front for state in self._after(*known)}
            front = [state for state in found if state not in self.seen]
            self.seen.update(front)
            self.bad += [state for state in front if self.is_wrong(*state)]
        return self

    def is_wrong(self, one: Outlet, other: Outlet) -> bool:
        """A pile that draws more than is counted, or more counted than the cap."""
        uncovered = any(outlet.draws > self.bound_w(outlet) for outlet in (one, other))
        return uncovered or self.bound_w(one) + self.bound_w(other) > CAP_W

    def _after(self, one: Outlet, other: Outlet) -> Iterator[State]:
        yield self.later(one), self.later(other)
        for moved in (*self.moves(one), *self.sends(one, self.bound_w(other))):
            yield moved, other
        for moved in (*self.moves(other), *self.sends(other, self.bound_w(one))):
            yield one, moved

    def _bound_w(self, outlet: Outlet) -> int:
        return ledger_of(outlet).upper_bound_w(REFS[0], START)

    def _sends(self, outlet: Outlet, beside_w: int) -> list[Outlet]:
        """A value goes out, where the rules let it while the other pile may draw so much."""
        if outlet.awaited:
            return []
        number = 1 + max((number for number, _, _ in outlet.sent), default=0)
        beside = Outlet(holds=((beside_w, 1),))
        return [
            numbered(
                outlet._replace(
                    request=(level, LEASE, number), sent=(*outlet.sent, (number, level, LEASE)), awaited=True
                )
            )
            for level in LEVELS_W
            if ledger_of(outlet, beside).may_raise(REFS[0], level, START, {"T": CAP_W})
        ]

    def _moves(self, outlet: Outlet) -> list[Outlet]:
        """A request arrives or not, an answer arrives or not."""
        found = list[Outlet]()
        if outlet.request is not None:
            level, until, number = outlet.request
            taken = outlet._replace(request=None, rules=(level, until), draws=max(level, outlet.draws), answer=number)
            found += [taken, taken._replace(answer=None, awaited=False), outlet._replace(request=None, awaited=False)]
        if outlet.answer is not None:
            ledger = ledger_of(outlet)
            ledger.acknowledge(REFS[0], outlet.answer, START)
            answered = with_account(outlet, ledger.account(REFS[0]))
            found += [each._replace(answer=None, awaited=False) for each in (answered, outlet)]
        return [numbered(each) for each in found]

    def _later(self, outlet: Outlet) -> Outlet:
        """A step of time: leases run; the car comes down a step after its limit did; no request is older than its
        lease."""
        ledger = ledger_of(outlet)
        ledger.expire(START + SECOND)
        outlet = with_account(outlet, ledger.account(REFS[0]))
        (level, until), request, known = outlet.rules, outlet.request, outlet.acknowledged
        comes = request is not None and request[1] > 1
        return numbered(
            outlet._replace(
                draws=level,
                rules=(level, until - 1) if until > 1 else (0, 0),
                request=(request[0], request[1] - 1, request[2]) if request is not None and comes else None,
                awaited=outlet.awaited and (request is None or comes),
                acknowledged=None if known is None else (known[0], known[1] - 1),
                sent=tuple((number, w, until - 1) for number, w, until in outlet.sent),
                holds=tuple((w, until - 1) for w, until in outlet.holds if until > 1),
            )
        )


def mirrored(one: Outlet, other: Outlet) -> State:
    """Which of the two is which makes no difference."""
    return (one, other) if hash(one) <= hash(other) else (other, one)


@pytest.mark.req("GL-I1", "GL-I2", "GL-B4.2", "GL-B4.3", "GL-B4.4")
def test_no_way_of_ten_steps_leads_above_the_cap() -> None:
    found = Exploration().go(DEPTH)
    assert len(found.seen) > 10_000
    assert found.bad == []


def no_hold(ledger: Ledger, account: Account, before_w: int, now: datetime) -> None:
    """What was allowed before counts no more."""


def from_the_last(ledger: Ledger, ref: EvseRef, sequence: int, now: datetime) -> None:
    """The hold begins at the value acknowledged last."""
    account = ledger.account(ref)
    account.sent = {number: sent for number, sent in account.sent.items() if number >= sequence}
    ACKNOWLEDGE(ledger, ref, sequence, now)


ACKNOWLEDGE = Ledger.acknowledge


@pytest.mark.req("GL-B4.2", "GL-B4.4")
@pytest.mark.parametrize(
    ("name", "off"),
    [("_hold", no_hold), ("acknowledge", from_the_last), ("may_raise", lambda *_: True)],
    ids=["no ramp hold", "ramp hold from the last acknowledged value", "raises without room"],
)
def test_without_a_rule_some_way_does(name: str, off: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ledger, name, off)
    assert Exploration().go(7).bad != []
