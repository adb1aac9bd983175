"""The safety ledger: the most that every outlet may be drawing, whatever got lost on the way (grid-limits B4).

Upper bound of an outlet = max(floor, acknowledged value until its lease end, every unanswered value until its lease
end, every ramp hold), each lease prolonged by ramp and clock skew; the physical maximum while its floor is not
known to be installed and a car may be there. Values are integer watts, all phases. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from csms.model.ids import EvseRef


@dataclass(frozen=True, slots=True)
class Grant:
    """`value_w` may be drawn until `until` (without ramp and skew)."""

    value_w: int
    until: datetime


@dataclass(slots=True)
class Account:
    """What is known of one outlet. `sent` holds unanswered values by sequence number."""

    ref: EvseRef
    path: tuple[str, ...]
    floor_w: int
    physical_w: int
    floor_known: bool = False
    car_possible: bool = False
    acknowledged: Grant | None = None
    commanded: Grant | None = None
    sent: dict[int, Grant] = field(default_factory=dict)
    holds: list[Grant] = field(default_factory=list)


class Ledger:
    """One account per outlet. `ramp_s`: how long a pile and its car may take to come down; `skew_s`: how far the pile's
    clock may be off."""

    def __init__(self, ramp_s: float = 15.0, skew_s: float = 5.0) -> None:
        self._ramp = timedelta(seconds=ramp_s)
        self._lag = timedelta(seconds=ramp_s + skew_s)
        self._accounts: dict[EvseRef, Account] = {}
        self._sequence = 0
        self._awaited: set[int] = set()
        self._sums: tuple[datetime, dict[str, int]] | None = None

    def __contains__(self, ref: object) -> bool:
        return ref in self._accounts

    @property
    def refs(self) -> Iterable[EvseRef]:
        """Every outlet with an account."""
        return self._accounts.keys()

    def account(self, ref: EvseRef) -> Account:
        """The account (to read); KeyError when there is none."""
        return self._accounts[ref]

    def enrol(self, ref: EvseRef, path: tuple[str, ...], floor_w: int, physical_w: int) -> None:
        """Open an account, or change its place and nameplate; another floor has to be confirmed anew."""
        self._sums = None
        account = self._accounts.get(ref)
        if account is None:
            self._accounts[ref] = Account(ref, path, floor_w, physical_w)
            return
        account.path, account.physical_w = path, physical_w
        if floor_w != account.floor_w:
            account.floor_w, account.floor_known = floor_w, False

    def restore(self, ref: EvseRef, value_w: int, until: datetime) -> None:
        """Take over a bound that an earlier process wrote: it counts until `until` (ramp and skew included)."""
        self._sums = None
        self._accounts[ref].holds.append(Grant(value_w, until))

    def upper_bound_w(self, ref: EvseRef, now: datetime) -> int:
        """The most this outlet may be drawing at `now` (I2)."""
        account = self._accounts[ref]
        held_w = max((g.value_w for g in account.holds if now < g.until), default=0)
        return max(self._loose_w(account, now), held_w)

    def _loose_w(self, account: Account, now: datetime) -> int:
        """What the outlet may draw for other reasons than a ramp."""
        leased_w = self._leased_w(account, now)
        unbounded = account.car_possible and not account.floor_known
        return max(leased_w, account.physical_w) if unbounded else leased_w

    def _leased_w(self, account: Account, now: datetime) -> int:
        leased = [account.acknowledged, *account.sent.values()]
        return max([account.floor_w, *(g.value_w for g in leased if g is not None and now < g.until + self._lag)])

    def settled_w(self, ref: EvseRef, now: datetime, reachable: bool) -> int:
        """What the upper bound comes down to by itself once all answers are in and all ramps are over."""
        account = self._accounts[ref]
        if not reachable or (account.car_possible and not account.floor_known):
            return self.upper_bound_w(ref, now)
        told = account.commanded
        return max(account.floor_w, told.value_w if told is not None and now < told.until + self._lag else 0)

    def sums_w(self, now: datetime) -> dict[str, int]:
        """Sum of the upper bounds at every feeder."""
        if self._sums is not None and self._sums[0] == now:
            return self._sums[1]
        sums: dict[str, int] = {}
        for ref, account in self._accounts.items():
            bound_w = self.upper_bound_w(ref, now)
            for id_ in account.path:
                sums[id_] = sums.get(id_, 0) + bound_w
        self._sums = now, sums
        return sums

    def may_raise(self, ref: EvseRef, value_w: int, now: datetime, room_w: Mapping[str, int]) -> bool:
        """Whether `value_w` may be sent: at every ancestor Σ bounds + max(0, value − own bound) ≤ room (rule 2).

        While the bounds are above the room (a cap fell) nothing rises, not even within a bound that a ramp holds up.
        """
        return value_w <= self.settled_w(ref, now, True) or value_w <= self.free_w(ref, now, room_w)

    def free_w(self, ref: EvseRef, now: datetime, room_w: Mapping[str, int]) -> int:
        """The highest value that may be sent now."""
        sums = self.sums_w(now)
        spare_w = min(room_w[id_] - sums[id_] for id_ in self._accounts[ref].path)
        if spare_w < 0:
            return self.settled_w(ref, now, True)
        return self.upper_bound_w(ref, now) + spare_w

    def send(self, ref: EvseRef, value_w: int, now: datetime, until: datetime) -> int:
        """A value is about to go out with a lease to `until`: it counts from now on. Returns its sequence number."""
        account = self._accounts[ref]
        added_w, sums = max(value_w - self.upper_bound_w(ref, now), 0), self.sums_w(now)
        for id_ in account.path:
            sums[id_] += added_w
        self._sequence += 1
        account.sent[self._sequence] = account.commanded = Grant(value_w, until)
        self._awaited.add(self._sequence)
        return self._sequence

    def withdraw(self, ref: EvseRef, sequence: int) -> None:
        """The frame never left (nothing was written to a connection), so it does not count."""
        self._sums = None
        self._awaited.discard(sequence)
        account = self._accounts[ref]
        account.sent.pop(sequence, None)
        account.commanded = account.acknowledged

    def lose(self, sequence: int) -> None:
        """No answer came (time-out, lost connection): whether the station acted is unknown, so it keeps counting."""
        self._awaited.discard(sequence)

    def in_doubt(self, ref: EvseRef) -> bool:
        """Whether the last value sent was never answered and no answer is awaited any more."""
        account = self._accounts[ref]
        awaited = not self._awaited.isdisjoint(account.sent)
        return account.commanded is not account.acknowledged and not awaited

    def acknowledge(self, ref: EvseRef, sequence: int, now: datetime) -> None:
        """The station has taken a value; older unanswered ones are superseded (messages arrive in order).

        The highest of them and of the value acknowledged before is held for one ramp (rule 4): the car may still be
        drawing it.
        """
        self._sums = None
        self._awaited.discard(sequence)
        account = self._accounts[ref]
        if sequence not in account.sent:
            return
        before_w = self._loose_w(account, now)
        account.acknowledged = account.sent[sequence]
        account.sent = {number: grant for number, grant in account.sent.items() if number > sequence}
        self._hold(account, before_w, now)

    def refuse(self, ref: EvseRef, sequence: int) -> None:
        """The station said no: this value alone is off the table (rule 6)."""
        self._sums = None
        self._awaited.discard(sequence)
        account = self._accounts[ref]
        refused = account.sent.pop(sequence, None)
        if refused is account.commanded:
            account.commanded = account.acknowledged

    def end_session(self, ref: EvseRef, now: datetime) -> None:
        """The transaction is over and its profiles with it; the load is off after one ramp."""
        self._sums = None
        account = self._accounts[ref]
        before_w = self._loose_w(account, now)
        account.acknowledged = account.commanded = None
        account.sent = {}
        self._hold(account, before_w, now)

    def confirm_floor(self, ref: EvseRef, now: datetime) -> None:
        """The station has acknowledged its floor profile."""
        self._sums = None
        account = self._accounts[ref]
        if not account.floor_known:
            before_w = self._loose_w(account, now)
            account.floor_known = True
            self._hold(account, before_w, now)

    def lose_floor(self, ref: EvseRef) -> None:
        """The station may have forgotten its profiles (it restarted)."""
        self._sums = None
        self._accounts[ref].floor_known = False

    def note_car(self, ref: EvseRef, possible: bool) -> None:
        """Whether a car may be plugged in."""
        self._sums = None
        self._accounts[ref].car_possible = possible

    def in_transit(self, now: datetime) -> bool:
        """Whether some bound will still fall by itself soon: an answer is awaited or a ramp is running."""
        holds = (g for account in self._accounts.values() for g in account.holds)
        return bool(self._awaited) or any(now < g.until <= now + self._ramp for g in holds)

    def bound_until(self, ref: EvseRef, now: datetime) -> datetime:
        """Until when a reader of the stored row must count the upper bound of `now`."""
        account = self._accounts[ref]
        leased = [g.until + self._lag for g in (account.acknowledged, *account.sent.values()) if g is not None]
        return max([now, *leased, *(g.until for g in account.holds)])

    def expire(self, now: datetime) -> None:
        """Forget what no longer counts."""
        for account in self._accounts.values():
            account.holds = [g for g in account.holds if now < g.until]
            account.sent = {number: g for number, g in account.sent.items() if now < g.until + self._lag}
            if account.acknowledged is not None and now >= account.acknowledged.until + self._lag:
                account.acknowledged = None

    def next_change(self, now: datetime) -> datetime | None:
        """When the next bound falls without anybody doing anything."""
        ends = [g.until for account in self._accounts.values() for g in account.holds]
        ends += [g.until + self._lag for account in self._accounts.values() for g in account.sent.values()]
        return min((end for end in ends if end > now), default=None)

    def _hold(self, account: Account, before_w: int, now: datetime) -> None:
        """Hold what might be drawn before for one ramp; older holds go on to their own end."""
        if before_w > self._loose_w(account, now):
            account.holds.append(Grant(before_w, now + self._ramp))
