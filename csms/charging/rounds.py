"""One round of commands: who is told what now. Decreases at once, raises when the ledger has room (B4 rule 2).

The wanted state is a target per outlet, the actual one is the ledger; what differs becomes an order. When the room has
fallen below what the outlets will settle at, targets are scaled down first, without waiting for a new plan. Orders are
entered in the ledger as they are made, so that a round never spends the same room twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from csms.charging.discretise import Outlet, Setpoint
from csms.charging.fallback import Wish, proportional
from csms.charging.ledger import Account, Ledger
from csms.charging.lines import LinesOf, connection, minus, on_lines
from csms.charging.profiles import ENDLESS, Lease
from csms.model.ids import EvseRef

WORTHWHILE = 0.5
"""A raise goes out in part when at least this much of it fits; the rest waits for other outlets to come down."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the plan wants of one session. `rank` orders raises: lower goes first."""

    session_id: int
    transaction_id: str
    outlet: Outlet
    setpoint: Setpoint
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """A TxProfile to send; `sequence` is its number in the ledger. `raises`: it lifts or prolongs a
    bound, so it may not leave before it is written down (decreases may)."""

    ref: EvseRef
    target: Target
    setpoint: Setpoint
    sequence: int
    raises: bool


@dataclass(frozen=True, slots=True)
class LeaseRule:
    """A raise lasts `lease_s`; it is renewed when `renew_s` or less are left."""

    lease_s: float = 900.0
    renew_s: float = 450.0


@dataclass(frozen=True, slots=True)
class Situation:
    """What a round depends on beside ledger and targets.

    `ready`: stations that can be asked now (connected, settled, not busy); `reachable`: those that will be soon;
    `stale`: outlets whose profile must be sent again (after a reconnect); `resting`: not to be asked now; `lease`: how
    long a limit told to an outlet counts, when it is told for this many seconds; `lines_ma`: room on the conductors of
    feeders that count currents.
    """

    now: datetime
    room_w: Mapping[str, int]
    ready: Callable[[str], bool]
    reachable: Callable[[str], bool]
    stale: Collection[EvseRef] = field(default_factory=frozenset)
    resting: Collection[EvseRef] = field(default_factory=frozenset)
    lease: Callable[[EvseRef, float], Lease] = lambda ref, lease_s: Lease(lease_s)
    lines_ma: LinesOf = field(default_factory=dict)


def orders(targets: Mapping[EvseRef, Target], ledger: Ledger, situation: Situation, rule: LeaseRule) -> list[Order]:
    """The commands of this round, at most one per station, decreases first; each is entered in the ledger."""
    wanted = within_room(targets, ledger, situation)
    found: list[Order] = []
    busy: set[str] = set()
    for ref in _in_order(wanted, targets, ledger):
        if ref.station_id in busy or ref in situation.resting or not situation.ready(ref.station_id):
            continue
        setpoint = _next_setpoint(ref, targets[ref].outlet, wanted[ref], ledger, situation, rule)
        if setpoint is not None:
            raises = setpoint.value_w >= max(ledger.settled_w(ref, situation.now, True), 1)
            sequence = enter(ref, setpoint, ledger, situation, rule)
            found.append(Order(ref, targets[ref], setpoint, sequence, raises))
            busy.add(ref.station_id)
    return found


def enter(ref: EvseRef, setpoint: Setpoint, ledger: Ledger, situation: Situation, rule: LeaseRule) -> int:
    """The ledger's number of a value that is about to go out."""
    lease = situation.lease(ref, rule.lease_s)
    until = situation.now + (ENDLESS if lease.ends_s is None else timedelta(seconds=lease.ends_s))
    due = situation.now + timedelta(seconds=rule.lease_s) if lease.renewed else until
    return ledger.send(ref, setpoint.value_w, situation.now, until, due, setpoint.drawn_on)


def within_room(targets: Mapping[EvseRef, Target], ledger: Ledger, situation: Situation) -> dict[EvseRef, Setpoint]:
    """The targets, scaled down by the proportional rule where the settled bounds would not fit into the room.

    Only sessions whose station is reachable can give way; everybody else counts with the upper bound.
    """
    now, reachable = situation.now, situation.reachable
    plain = {ref: target.setpoint for ref, target in targets.items()}
    room, lines_ma = dict(situation.room_w), dict(situation.lines_ma)
    wishes: dict[EvseRef, Wish] = {}
    for account in ledger.accounts:
        ref, there = account.ref, reachable(account.ref.station_id)
        if ref in plain and there and account.limit_acts and not account.loose:
            wishes[ref] = _wish(account, plain[ref])
            continue
        settled = ledger.settled(ref, now, there)
        for id_ in account.places:
            if id_ in room:
                room[id_] -= settled.value_w
            if id_ in lines_ma:
                lines_ma[id_] = minus(lines_ma[id_], settled.on_ma)
    if _fit(wishes.values(), room) and _fit_on_lines(wishes.values(), lines_ma):
        return plain
    scaled = proportional(wishes, room, lines_ma)
    lowered = {ref: targets[ref].outlet.at_most(min(scaled[ref], plain[ref].value_w)) for ref in wishes}
    return plain | lowered


def _fit(wishes: Iterable[Wish], room_w: Mapping[str, int]) -> bool:
    left_w = dict(room_w)
    for wish in wishes:
        for id_ in wish.path:
            if id_ in left_w:
                left_w[id_] -= wish.wanted_w
    return min(left_w.values(), default=0) >= 0


def _fit_on_lines(wishes: Iterable[Wish], lines_ma: LinesOf) -> bool:
    left = dict(lines_ma)
    for wish in wishes if left else ():
        for id_ in wish.path:
            if id_ in left:
                left[id_] = minus(left[id_], on_lines(wish.wanted_w, wish.phases, wish.lines))
    return all(min(triple) >= 0 for triple in left.values())


def _wish(account: Account, setpoint: Setpoint) -> Wish:
    wanted_w = max(setpoint.value_w, account.floor_w)
    lines = connection(account.rotation, setpoint.drawn_on)
    return Wish(wanted_w, account.floor_w, account.places, setpoint.drawn_on, lines)


def _in_order(wanted: Mapping[EvseRef, Setpoint], targets: Mapping[EvseRef, Target], ledger: Ledger) -> list[EvseRef]:
    def key(ref: EvseRef) -> tuple[bool, int, EvseRef]:
        return wanted[ref].value_w > ledger.told_w(ref), targets[ref].rank, ref

    return sorted(wanted, key=key)


def _next_setpoint(
    ref: EvseRef, outlet: Outlet, wanted: Setpoint, ledger: Ledger, situation: Situation, rule: LeaseRule
) -> Setpoint | None:
    """What to tell this outlet now, None for nothing: no difference, no room yet, or nothing better than it has."""
    told = ledger.account(ref).commanded
    due = _due(ref, ledger, situation, rule)
    if told is not None and told.value_w == wanted.value_w and not due:
        return None
    account = ledger.account(ref)
    if told is None and account.floor_known and wanted.value_w == account.floor_w:
        return None  # its floor says so already
    room_w, lines_ma = situation.room_w, situation.lines_ma
    if ledger.may_raise(ref, wanted.value_w, situation.now, room_w, lines_ma, wanted.drawn_on):
        return wanted
    if not account.limit_acts:
        return None
    free_w = ledger.free_w(ref, situation.now, room_w, lines_ma, outlet.drawn_on)
    possible = outlet.at_most(min(free_w, wanted.value_w))
    told_w = told.value_w if told is not None else 0
    if wanted.value_w < told_w:
        return possible  # less, on fewer phases: no raise on any of them
    worth = possible.value_w - told_w >= WORTHWHILE * (wanted.value_w - told_w)
    if due or (possible.value_w > told_w and (worth or not ledger.in_transit(situation.now))):
        return possible
    return None


def _due(ref: EvseRef, ledger: Ledger, situation: Situation, rule: LeaseRule) -> bool:
    """Whether even an unchanged value must go out: lease nearly over, last answer missing, profile possibly gone."""
    told = ledger.account(ref).commanded
    if told is None:
        return False
    ending = told.renew_by - situation.now <= timedelta(seconds=rule.renew_s)
    return ending or ref in situation.stale or ledger.in_doubt(ref)
