"""A rehearsal: what would happen if this limit came now? On a copy of the ledger, with the rules that really decide.

Stations are taken to answer after `ANSWER_S` and to obey; those that cannot be reached stay where they may be. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from csms.charging.feeder import Caps
from csms.charging.ledger import Ledger
from csms.charging.lines import LinesOf
from csms.charging.plans import Solved
from csms.charging.rounds import LeaseRule, Situation, Target, orders
from csms.model.ids import EvseRef
from csms.model.limit import Limit

ANSWER_S = 2.0
LOOK = timedelta(seconds=30)
MOMENT = timedelta(seconds=0.1)
HORIZON = timedelta(hours=1)
KWH_SHOWN = 0.01
RoomAt = Callable[[datetime], Mapping[str, int]]
LinesAt = Callable[[datetime], LinesOf]


class WithLimit:
    """The caps as they are, and one limit more."""

    def __init__(self, caps: Caps, limit: Limit) -> None:
        self._caps, self._limit = caps, limit

    def cap_w(self, feeder_id: str, at: datetime) -> int | None:
        """See `Caps`."""
        added_w = self._limit.cap_w(at) if feeder_id == self._limit.feeder_id else None
        return _lowest(self._caps.cap_w(feeder_id, at), added_w)

    def edges(self, feeder_id: str, since: datetime, until: datetime) -> Sequence[datetime]:
        """See `Caps`."""
        added = self._limit.edges() if feeder_id == self._limit.feeder_id else ()
        return sorted({*self._caps.edges(feeder_id, since, until), *(at for at in added if since < at <= until)})

    def lowest_w(self, feeder_id: str, at: datetime) -> int | None:
        """See `Caps`."""
        added_w = self._limit.power_w if feeder_id == self._limit.feeder_id else None
        return _lowest(self._caps.lowest_w(feeder_id, at), added_w)


def _lowest(one: int | None, other: int | None) -> int | None:
    return min((cap for cap in (one, other) if cap is not None), default=None)


@dataclass(frozen=True, slots=True)
class Told:
    """An outlet that would be told less, in W."""

    evse: str
    before_w: int
    after_w: int


@dataclass(slots=True)
class Rehearsal:
    """Charging at the feeder, in W and seconds from the beginning.

    `commanded_s`: the last station is told; `holds_s`: from then on nobody may draw more than `room_w`, None where that
    takes longer than `HORIZON`. `least_w`: what it comes down to at the least. `curve`: (seconds, upper bound, room)
    where it changes. `unreachable`: stations that count until their leases end.
    """

    feeder_id: str
    room_w: int
    upper_bound_w: int
    least_w: int
    commanded_s: float = 0.0
    holds_s: float | None = None
    told: list[Told] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)
    curve: list[tuple[float, int, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Loss:
    """What a car would get until it leaves, in kWh, without the limit and with it."""

    evse: str
    wanted_kwh: float
    without_kwh: float
    with_kwh: float

    @property
    def lost_kwh(self) -> float:
        """What the limit costs it."""
        return self.without_kwh - self.with_kwh


@dataclass(frozen=True, slots=True)
class Drill:
    """The first minutes, and what it costs the cars."""

    rehearsal: Rehearsal
    losses: list[Loss]


def losses(without: Solved | None, under: Solved | None) -> list[Loss]:
    """Cars that would get less; those that lose most come first. Without a plan in time nothing can be said."""
    if without is None or under is None or without.plan is None or under.plan is None:
        return []
    served = dict(zip((s.id for s in under.problem.sessions), under.plan.served_kwh, strict=True))
    rows = [
        Loss(session.id, session.energy_kwh, float(kwh), float(served[session.id]))
        for session, kwh in zip(without.problem.sessions, without.plan.served_kwh, strict=True)
        if session.id in served
    ]
    return sorted((row for row in rows if row.lost_kwh > KWH_SHOWN), key=lambda row: -row.lost_kwh)


def rehearse(
    ledger: Ledger,
    targets: Mapping[EvseRef, Target],
    feeder_id: str,
    room_at: RoomAt,
    reachable: Callable[[str], bool],
    rule: LeaseRule,
    now: datetime,
    lines_at: LinesAt = lambda at: {},
) -> Rehearsal:
    """Let the rounds run until the bounds fit; `ledger` is a copy, and is changed."""
    stage = _Stage(ledger, targets, feeder_id, room_at, reachable, rule, now, lines_at)
    at = now
    while at <= now + HORIZON and not stage.look(at):
        at = stage.next_look(at)
    return stage.found


class _Stage:
    def __init__(
        self,
        ledger: Ledger,
        targets: Mapping[EvseRef, Target],
        feeder_id: str,
        room_at: RoomAt,
        reachable: Callable[[str], bool],
        rule: LeaseRule,
        now: datetime,
        lines_at: LinesAt,
    ) -> None:
        self._ledger, self._targets, self._feeder_id = ledger, targets, feeder_id
        self._room_at, self._lines_at, self._reachable, self._rule = room_at, lines_at, reachable, rule
        self._begun = now
        self._answers: dict[str, tuple[datetime, EvseRef, int]] = {}
        self._before = {ref: ledger.told_w(ref) for ref in self._under()}
        away = [ref for ref in self._before if not reachable(ref.station_id)]
        kept_w = sum(ledger.upper_bound_w(ref, now) for ref in away)
        floors_w = sum(ledger.lasting_w(ref, now) for ref in self._before if ref not in away)
        bound_w, room_w = ledger.sums_w(now).get(feeder_id, 0), room_at(now)[feeder_id]
        self.found = Rehearsal(feeder_id, room_w, bound_w, kept_w + floors_w)
        above = {ref.station_id for ref in away if ledger.upper_bound_w(ref, now) > ledger.account(ref).floor_w}
        self.found.unreachable = sorted(above)

    def _under(self) -> list[EvseRef]:
        return [ref for ref in self._ledger.refs if self._feeder_id in self._ledger.account(ref).places]

    def next_look(self, now: datetime) -> datetime:
        """When something happens by itself: an answer, the end of a ramp or a lease; never at once."""
        known = [self._ledger.next_change(now), *(at for at, _, _ in self._answers.values())]
        return max(min([now + LOOK, *(at for at in known if at is not None)]), now + MOMENT)

    def look(self, now: datetime) -> bool:
        """One round; whether all is done."""
        after_s = (now - self._begun).total_seconds()
        self._answer(now)
        self._ledger.expire(now)
        room_w = self._room_at(now)
        ready = Situation(
            now,
            room_w,
            lambda id_: self._reachable(id_) and id_ not in self._answers,
            self._reachable,
            lines_ma=self._lines_at(now),
        )
        for order in orders(self._targets, self._ledger, ready, self._rule):
            self._answers[order.ref.station_id] = now + timedelta(seconds=ANSWER_S), order.ref, order.sequence
            if order.ref in self._before and order.setpoint.value_w < self._before[order.ref]:
                self.found.commanded_s = after_s
        return self._note(now, after_s, room_w[self._feeder_id])

    def _answer(self, now: datetime) -> None:
        for station_id, (at, ref, sequence) in list(self._answers.items()):
            if at <= now:
                del self._answers[station_id]
                self._ledger.acknowledge(ref, sequence, now)

    def _note(self, now: datetime, after_s: float, room_w: int) -> bool:
        bound_w = self._ledger.sums_w(now).get(self._feeder_id, 0)
        if not self.found.curve or self.found.curve[-1][1:] != (bound_w, room_w):
            self.found.curve.append((after_s, bound_w, room_w))
        if bound_w > max(room_w, 0):
            return False
        self.found.holds_s = after_s
        self.found.told = [
            Told(str(ref), before_w, self._ledger.told_w(ref))
            for ref, before_w in sorted(self._before.items())
            if self._ledger.told_w(ref) < before_w
        ]
        return True
