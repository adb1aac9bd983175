"""What the ledger says: the most that every outlet may be drawing, and what room that leaves (grid-limits B4).

Upper bound of an outlet = max(floor, acknowledged value until its lease end, every unanswered value until its lease
end, every ramp hold), each lease prolonged by ramp and clock skew. A value counts only when it is known to act: with
the physical maximum otherwise, and so does an outlet where a car may be and nothing known to act holds it. Values are
integer watts, all phases, and milliampere on each of the conductors. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from csms.charging.account import Account, Draw, Grant, Kept, Reckoned
from csms.charging.lines import NONE, LinesOf, Triple, connection, minus, plus, used, within
from csms.model.ids import EvseRef

FOREVER = datetime.max.replace(tzinfo=UTC)


class Bounds:
    """One account per outlet, to read. `ramp_s`: how long a pile and its car may take to come down; `skew_s`: how far
    the pile's clock may be off."""

    def __init__(self, ramp_s: float = 15.0, skew_s: float = 5.0) -> None:
        self._ramp, self._skew = timedelta(seconds=ramp_s), timedelta(seconds=skew_s)
        self._accounts: dict[EvseRef, Account] = {}
        self._sequence = 0
        self._awaited: set[int] = set()
        self._sums: dict[str, int] = {}
        self._sums_ma: dict[str, Triple] | None = None
        self._sums_hold: tuple[datetime, datetime] | None = None

    def __contains__(self, ref: object) -> bool:
        return ref in self._accounts

    @property
    def refs(self) -> Iterable[EvseRef]:
        """Every outlet with an account."""
        return self._accounts.keys()

    @property
    def accounts(self) -> Iterable[Account]:
        """All of them (to read), in the order of `refs`."""
        return self._accounts.values()

    def account(self, ref: EvseRef) -> Account:
        """The account (to read); KeyError when there is none."""
        return self._accounts[ref]

    def kept(self, ref: EvseRef, now: datetime) -> Kept:
        """What has to be written before something is sent, and what `restore` takes over."""
        account = self._accounts[ref]
        ends = [now, *map(account.end, account.leased), *map(account.hold_end, account.holds)]
        most = self.bound(ref, now)
        bound = Grant(most.value_w, max(ends), on_ma=most.on_ma)
        sent, over = tuple(account.sent.values()), tuple(account.over)
        return Kept(bound, account.session_id, account.acknowledged, sent, account.places, over)

    def at_floor(self, ref: EvseRef, now: datetime) -> bool:
        """Whether no limit above the floor may be in force, nor a car still be coming down from one."""
        account = self._accounts[ref]
        counting = [g for g in account.leased if self._lives(account, g, now)]
        counting += [g for g in account.holds if now < account.hold_end(g)]
        return all(grant.value_w <= account.floor_counted_w for grant in counting)

    def upper_bound_w(self, ref: EvseRef, now: datetime) -> int:
        """The most this outlet may be drawing at `now` (I2)."""
        return self._reckoned(self._accounts[ref], now).value_w

    def _reckoned(self, account: Account, now: datetime) -> Reckoned:
        if account.reckoned is None or not account.reckoned.covers(now):
            most, ends = self._loose(account, now), [FOREVER]
            for hold in account.holds:
                if now < (ends_at := account.hold_end(hold)):
                    most = most.or_(account.taken_over(hold))
                    ends.append(ends_at)
            ends += [end for grant in account.leased if now < (end := account.end(grant))]
            account.reckoned = Reckoned(now, min(ends), *most)
        return account.reckoned

    def _touch(self, account: Account) -> None:
        """Something happened to it."""
        account.reckoned = self._sums_hold = None

    def _loose(self, account: Account, now: datetime) -> Draw:
        """What the outlet may draw for other reasons than a ramp."""
        most = account.floor
        for grant in account.leased:
            if self._lives(account, grant, now):
                most = most.or_(account.counted_grant(grant))
        return most.or_(account.draw(account.physical_w)) if account.loose else most

    def _lives(self, account: Account, grant: Grant, now: datetime) -> bool:
        return now < account.end(grant)

    def settled_w(self, ref: EvseRef, now: datetime, reachable: bool) -> int:
        """What the upper bound comes down to by itself once all answers are in and all ramps are over."""
        return self.settled(ref, now, reachable).value_w

    def settled(self, ref: EvseRef, now: datetime, reachable: bool) -> Draw:
        """The same, on each conductor too."""
        account = self._accounts[ref]
        if not reachable or account.loose:
            return self.bound(ref, now)
        floor, told = account.floor, account.commanded
        known = any(told is grant for grant in account.leased)  # else it has lapsed, whatever its lag is now
        live = told is not None and known and self._lives(account, told, now)
        return floor.or_(account.counted_grant(told)) if told is not None and live else floor

    def bound(self, ref: EvseRef, now: datetime) -> Draw:
        """The upper bound, on each conductor too."""
        reckoned = self._reckoned(self._accounts[ref], now)
        return Draw(reckoned.value_w, reckoned.on_ma)

    def told_w(self, ref: EvseRef) -> int:
        """What the outlet was told last; its floor when nothing was."""
        account = self._accounts[ref]
        return account.floor_w if account.commanded is None else account.commanded.value_w

    def lasting_w(self, ref: EvseRef, now: datetime) -> int:
        """What the outlet may draw when its session is over or its lease has ended."""
        return self.lasting(ref, now).value_w

    def lasting(self, ref: EvseRef, now: datetime) -> Draw:
        """The same, on each conductor too."""
        account = self._accounts[ref]
        return self.settled(ref, now, True) if account.loose else account.floor

    def sums_w(self, now: datetime) -> dict[str, int]:
        """Sum of the upper bounds at every feeder."""
        if self._sums_hold is None or not self._sums_hold[0] <= now < self._sums_hold[1]:
            sums: dict[str, int] = {}
            until = FOREVER
            for account in self._accounts.values():
                reckoned = self._reckoned(account, now)
                if reckoned.until < until:
                    until = reckoned.until
                for id_ in account.places:
                    sums[id_] = sums.get(id_, 0) + reckoned.value_w
            self._sums, self._sums_ma, self._sums_hold = sums, None, (now, until)
        return self._sums

    def sums_ma(self, now: datetime) -> dict[str, Triple]:
        """The same on each conductor of every feeder; added up where somebody asks."""
        self.sums_w(now)
        if self._sums_ma is None:
            self._sums_ma = {}
            for account in self._accounts.values():
                on_ma = self._reckoned(account, now).on_ma
                for id_ in account.places:
                    self._sums_ma[id_] = plus(self._sums_ma.get(id_, NONE), on_ma)
        return self._sums_ma

    def may_raise(
        self,
        ref: EvseRef,
        value_w: int,
        now: datetime,
        room_w: Mapping[str, int],
        lines_ma: LinesOf | None = None,
        phases: int = 0,
    ) -> bool:
        """Whether `value_w` may be sent: at every ancestor Σ bounds + max(0, value − own bound) ≤ room (rule 2), and so
        on each conductor of those that count currents (`lines_ma`), for a value on so many `phases`.

        While the bounds are above the room (a cap fell) nothing rises, not even within a bound that a ramp holds up, or
        that counts all an outlet can draw because nobody knows what it holds.
        """
        account = self._accounts[ref]
        counted, settled = account.counted(value_w, phases), self._surely(account, now)
        counting = lines_ma is not None and not lines_ma.keys().isdisjoint(account.places)
        falls = not counted.exceeds(settled) if counting else counted.value_w <= settled.value_w
        return falls or counted.value_w <= self.free_w(ref, now, room_w, lines_ma, phases)

    def _surely(self, account: Account, now: datetime) -> Draw:
        """What it may be told whatever the room: what it comes down to by itself. Only its floor where it counts with
        all it can draw, though it is known to obey: what it holds may be less."""
        unknown = account.loose and account.limit_acts
        return account.floor if unknown else self.settled(account.ref, now, True)

    def free_w(
        self,
        ref: EvseRef,
        now: datetime,
        room_w: Mapping[str, int],
        lines_ma: LinesOf | None = None,
        phases: int = 0,
    ) -> int:
        """The highest value that may be sent now."""
        account, sums = self._accounts[ref], self.sums_w(now)
        spare_w = min(room_w[id_] - sums[id_] for id_ in account.places if id_ in room_w)
        free_w = self.upper_bound_w(ref, now) + spare_w
        if spare_w < 0:
            held_w = self._surely(account, now).value_w
            free_w = max(held_w, free_w) if account.loose else held_w
        counting = [id_ for id_ in account.places if lines_ma is not None and id_ in lines_ma]
        if lines_ma is None or not counting:
            return free_w
        sums_ma = self.sums_ma(now)
        left = [minus(lines_ma[id_], sums_ma[id_]) for id_ in counting]
        return min(free_w, self._free_on_lines_w(account, now, left, phases or account.phases))

    def _free_on_lines_w(self, account: Account, now: datetime, left: Sequence[Triple], phases: int) -> int:
        on = used(connection(account.rotation, phases))
        spare = {n: min(one[n] for one in left) for n in on}
        if min(spare.values()) < 0:
            held = self._surely(account, now)
            return min(held.value_w, within(min(held.on_ma[n] for n in on), phases))
        own = self._reckoned(account, now).on_ma
        return within(min(own[n] + spare[n] for n in on), phases)

    def in_doubt(self, ref: EvseRef) -> bool:
        """Whether the last value sent was never answered and no answer is awaited any more."""
        account = self._accounts[ref]
        return account.commanded is not account.acknowledged and not self.awaits(ref)

    def awaits(self, ref: EvseRef) -> bool:
        """Whether an answer of this outlet is still on its way."""
        return not self._awaited.isdisjoint(self._accounts[ref].sent)

    def in_transit(self, now: datetime) -> bool:
        """Whether some bound will still fall by itself soon: an answer is awaited or a ramp is running."""
        ends = (account.hold_end(hold) for account in self._accounts.values() for hold in account.holds)
        ramp = max((account.ramp for account in self._accounts.values()), default=self._ramp)
        return bool(self._awaited) or any(now < end <= now + ramp for end in ends)

    def next_change(self, now: datetime) -> datetime | None:
        """When the next bound falls without anybody doing anything."""
        ends: list[datetime] = []
        for account in self._accounts.values():
            if account.holds:
                ends += map(account.hold_end, account.holds)
            if account.sent or account.over:
                ends += map(account.end, (*account.sent.values(), *account.over))
            if account.left:
                ends.append(account.left_until)
        return min([end for end in ends if end > now], default=None)
