"""The safety ledger: the most that every outlet may be drawing, whatever got lost on the way (grid-limits B4).

Upper bound of an outlet = max(floor, acknowledged value until its lease end, every unanswered value until its lease
end, every ramp hold), each lease prolonged by ramp and clock skew. A value counts only when it is known to act: with
the physical maximum otherwise, and so does an outlet where a car may be and nothing known to act holds it. Values are
integer watts, all phases, and milliampere on each of the conductors. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from csms.charging.account import LONG_AGO, NEVER, TX_RANK, Account, Draw, Grant, Kept, Reckoned
from csms.charging.lines import NONE, LinesOf, Triple, connection, minus, plus, used, within
from csms.model.ids import EvseRef

__all__ = ["Account", "Draw", "Grant", "Kept", "Ledger"]

FOREVER = datetime.max.replace(tzinfo=UTC)


class Ledger:
    """One account per outlet. `ramp_s`: how long a pile and its car may take to come down; `skew_s`: how far the pile's
    clock may be off."""

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

    def enrol(
        self,
        ref: EvseRef,
        path: tuple[str, ...],
        floor_w: int,
        physical_w: int,
        now: datetime = LONG_AGO,
        *,
        phases: int = 3,
        rotation: str = "",
    ) -> None:
        """Open an account, or change its place and nameplate; another floor has to be confirmed anew."""
        account = self._accounts.get(ref)
        if account is None:
            account = self._accounts[ref] = Account(ref, path, floor_w, physical_w, self._ramp, self._skew)
        self._touch(account)
        if path != account.path:
            self._move(account, path, now)
        account.physical_w, account.phases, account.rotation = physical_w, phases, rotation
        if floor_w == account.floor_w:
            return
        if account.floor_taken or account.floor_before_w is not None:
            lower = floor_w < account.floor_counted_w
            account.floor_before_w = account.floor_counted_w if lower else None
        account.floor_w, account.floor_taken = floor_w, False

    def _move(self, account: Account, path: tuple[str, ...], now: datetime) -> None:
        """It hangs elsewhere: until what it has is replaced or over, it counts in both places."""
        until = max(self.kept(account.ref, now).bound.until, now + account.lag)
        self._leave(account, [id_ for id_ in account.places if id_ not in path], until)
        account.path = path

    def _leave(self, account: Account, left: Iterable[str], until: datetime) -> None:
        account.left, account.left_until = tuple(dict.fromkeys(left)), max(account.left_until, until)
        account.moved_after = self._sequence

    def kept(self, ref: EvseRef, now: datetime) -> Kept:
        """What has to be written before something is sent, and what `restore` takes over."""
        account = self._accounts[ref]
        ends = [now, *(g.until + account.lag for g in account.leased), *(g.until for g in account.holds)]
        most = self.bound(ref, now)
        bound = Grant(most.value_w, max(ends), on_ma=most.on_ma)
        sent, over = tuple(account.sent.values()), tuple(account.over)
        return Kept(bound, account.session_id, account.acknowledged, sent, account.places, over)

    def restore(self, ref: EvseRef, kept: Kept, now: datetime) -> None:
        """Take over what an earlier process wrote (B5).

        While the same session runs its limits count as they did, and what was sent last can be told again. All else in
        the bound are ramps, which are over soon. Without such limits the bound counts to its end. All of it counts also
        at those of the places with whose room it was granted where the outlet does not hang any more.
        """
        account, bound = self._accounts[ref], kept.bound
        if kept.grants and kept.session_id is not None and kept.session_id == account.session_id:
            account.acknowledged, account.held = kept.acknowledged, kept.acknowledged is not None
            for grant in kept.sent:
                self._sequence += 1
                account.sent[self._sequence] = grant
            account.commanded, account.over = kept.grants[-1], list(kept.over)
            bound = replace(bound, until=min(bound.until, now + account.ramp))
        account.holds.append(bound)
        account.restored = kept.bound
        if left := [id_ for id_ in kept.places if id_ not in account.path]:
            self._leave(account, left, kept.bound.until)
        self._touch(account)

    def take_back(self, ref: EvseRef, said: Draw, until: datetime, now: datetime, *, above: bool) -> None:
        """The station says what it holds until `until`, which takes the place of what was restored; the higher of both
        is held for one ramp. `above`: more than that, so that it counts like a value without an answer: the next one
        that it takes supersedes it.
        """
        account, restored = self._accounts[ref], self._accounts[ref].restored
        assert restored is not None
        self._touch(account)
        before = account.taken_over(restored).or_(self._loose(account, now))
        account.holds = [hold for hold in account.holds if hold.value_w != restored.value_w]
        account.lapse(account.leased or [restored], now)
        account.restored = account.acknowledged = account.commanded = None
        account.sent, account.over = {}, []
        if said.exceeds(account.floor):
            account.commanded = grant = Grant(said.value_w, until, on_ma=said.on_ma, rank=TX_RANK)
            if above:
                self._sequence += 1
                account.sent[self._sequence] = grant
            else:
                account.acknowledged = grant
        self._hold(account, before, now)

    def at_floor(self, ref: EvseRef, now: datetime) -> bool:
        """Whether no limit above the floor may be in force, nor a car still be coming down from one."""
        account = self._accounts[ref]
        counting = [g for g in account.leased if self._lives(account, g, now)]
        counting += [g for g in account.holds if now < g.until]
        return all(grant.value_w <= account.floor_counted_w for grant in counting)

    def upper_bound_w(self, ref: EvseRef, now: datetime) -> int:
        """The most this outlet may be drawing at `now` (I2)."""
        return self._reckoned(self._accounts[ref], now).value_w

    def _reckoned(self, account: Account, now: datetime) -> Reckoned:
        if account.reckoned is None or not account.reckoned.covers(now):
            most, ends = self._loose(account, now), [FOREVER]
            for hold in account.holds:
                if now < hold.until:
                    most = most.or_(account.taken_over(hold))
                    ends.append(hold.until)
            ends += [end for grant in account.leased if now < (end := grant.until + account.lag)]
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
        return now < grant.until + account.lag

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

    def send(
        self,
        ref: EvseRef,
        value_w: int,
        now: datetime,
        until: datetime,
        due: datetime | None = None,
        phases: int = 0,
    ) -> int:
        """A value is about to go out with a lease to `until`: it counts from now on. Returns its sequence number."""
        account, sums = self._accounts[ref], self.sums_w(now)
        before = self.bound(ref, now)
        self._sequence += 1
        account.sent[self._sequence] = account.commanded = Grant(value_w, until, due, phases)
        account.restored = None
        self._awaited.add(self._sequence)
        account.reckoned = None
        after = self._reckoned(account, now)
        for id_ in account.places:
            sums[id_] += after.value_w - before.value_w
            if self._sums_ma is not None:
                self._sums_ma[id_] = plus(self._sums_ma[id_], minus(after.on_ma, before.on_ma))
        assert self._sums_hold is not None
        self._sums_hold = self._sums_hold[0], min(self._sums_hold[1], after.until)
        return self._sequence

    def form(self, ref: EvseRef, sequence: int, rank: int | None) -> None:
        """In which form a value goes out: which of two profiles rules depends on it."""
        account = self._accounts[ref]
        plain = account.sent[sequence]
        account.sent[sequence] = formed = replace(plain, rank=rank)
        if account.commanded is plain:
            account.commanded = formed

    def withdraw(self, ref: EvseRef, sequence: int) -> None:
        """The frame never left (nothing was written to a connection), so it does not count."""
        self._awaited.discard(sequence)
        account = self._accounts[ref]
        account.sent.pop(sequence, None)
        account.commanded = account.acknowledged
        self._touch(account)

    def lose(self, sequence: int) -> None:
        """No answer came (time-out, lost connection): whether the station acted is unknown, so it keeps counting."""
        self._awaited.discard(sequence)

    def in_doubt(self, ref: EvseRef) -> bool:
        """Whether the last value sent was never answered and no answer is awaited any more."""
        account = self._accounts[ref]
        return account.commanded is not account.acknowledged and not self.awaits(ref)

    def awaits(self, ref: EvseRef) -> bool:
        """Whether an answer of this outlet is still on its way."""
        return not self._awaited.isdisjoint(self._accounts[ref].sent)

    def acknowledge(self, ref: EvseRef, sequence: int, now: datetime) -> None:
        """The station has taken a value; older unanswered ones are superseded (messages arrive in order), but not one
        whose form rules over it: that one counts until its lease ends.

        The highest of them and of the value acknowledged before is held for one ramp (rule 4): the car may still be
        drawing it.
        """
        self._awaited.discard(sequence)
        account = self._accounts[ref]
        if sequence not in account.sent:
            return
        self._touch(account)
        before = self._loose(account, now)
        taken = account.sent[sequence]
        older = [*account.over, *(grant for number, grant in account.sent.items() if number < sequence)]
        older += [] if account.acknowledged is None else [account.acknowledged]
        account.over = [grant for grant in older if grant.overrules(taken)]
        account.lapsed = [grant for grant in account.lapsed if grant.overrules(taken)]
        account.acknowledged, account.held = taken, True
        account.sent = {number: grant for number, grant in account.sent.items() if number > sequence}
        self._hold(account, before, now)
        if account.left and sequence > account.moved_after:
            ramps_over = max((hold.until for hold in account.holds), default=now)
            account.left_until = min(account.left_until, max(ramps_over, now + account.ramp))

    def refuse(self, ref: EvseRef, sequence: int) -> None:
        """The station said no: this value alone is off the table (rule 6)."""
        self._awaited.discard(sequence)
        account = self._accounts[ref]
        refused = account.sent.pop(sequence, None)
        if refused is account.commanded:
            account.commanded = account.acknowledged
        self._touch(account)

    def end_session(self, ref: EvseRef, now: datetime, lasting: bool = False) -> None:
        """The transaction is over and its profiles with it; the load is off after one ramp.

        A `lasting` limit outlives it and goes on to count, for the next car as well.
        """
        account = self._accounts[ref]
        account.session_id = account.restored = None
        self._touch(account)
        before = self._loose(account, now)
        account.over = [grant for grant in account.over if lasting and (grant.rank or 0) < TX_RANK]
        account.lapsed = [grant for grant in account.lapsed if lasting and (grant.rank or 0) < TX_RANK]
        if not lasting:
            account.acknowledged = account.commanded = None
            account.sent, account.held = {}, False
        self._hold(account, before, now)

    def confirm_floor(self, ref: EvseRef, now: datetime) -> None:
        """The station has acknowledged its floor profile; a higher one that it had is held for one ramp."""
        self._change(ref, now, floor_taken=True, floor_before_w=None)

    def trust(self, ref: EvseRef, now: datetime, *, floor: bool, limit: bool) -> None:
        """Whether floors and limits are known to act on this outlet. Trust lowers the bound after one ramp, doubt
        raises it at once."""
        account = self._accounts[ref]
        if (account.floor_acts, account.limit_acts) != (floor, limit):
            self._change(ref, now, floor_acts=floor, limit_acts=limit)

    def lose_floor(self, ref: EvseRef) -> None:
        """The station may have forgotten its floor, or another one is about to replace it."""
        account = self._accounts[ref]
        account.floor_taken, account.floor_before_w = False, None
        self._touch(account)

    def lose_profiles(self, ref: EvseRef) -> None:
        """The station may have forgotten everything (it restarted)."""
        self.lose_floor(ref)
        self._accounts[ref].held = False

    def note_station(
        self, ref: EvseRef, now: datetime, *, away: bool, forgets: bool, reaction_s: float, behind_s: float = 0.0
    ) -> None:
        """Whether the station is gone, whether it loses its profiles then, how slowly it acts on a new one, and how far
        its clock is behind ours: a lease ends late there, and beyond the skew allowed for nobody knows when (B3)."""
        account = self._accounts[ref]
        if (skew := self._skew if behind_s <= self._skew.total_seconds() else NEVER) != account.skew:
            account.skew = skew
            self._touch(account)
        if (ramp := max(self._ramp, timedelta(seconds=reaction_s))) != account.ramp:
            account.ramp = ramp
            self._touch(account)
        if (account.away, account.forgets) != (away, forgets):
            self._change(ref, now, away=away, forgets=forgets)

    def move(self, step: timedelta, now: datetime) -> None:
        """The clock that showed `now` was set on by `step`: see `Account.move`."""
        for account in self._accounts.values():
            account.move(step, now)
            self._touch(account)

    def _change(self, ref: EvseRef, now: datetime, **facts: bool | int | None) -> None:
        """Other facts about an outlet; what it may have been drawing before is held for one ramp."""
        account = self._accounts[ref]
        self._touch(account)
        before = self._loose(account, now)
        for name, value in facts.items():
            setattr(account, name, value)
        self._hold(account, before, now)

    def note_car(self, ref: EvseRef, possible: bool) -> None:
        """Whether a car may be plugged in."""
        account = self._accounts[ref]
        if account.car_possible != possible:
            account.car_possible = possible
            self._touch(account)

    def note_session(self, ref: EvseRef, session_id: int | None) -> None:
        """Which session runs there, so that what is written down can be told from that of another one."""
        self._accounts[ref].session_id = session_id

    def in_transit(self, now: datetime) -> bool:
        """Whether some bound will still fall by itself soon: an answer is awaited or a ramp is running."""
        holds = (g for account in self._accounts.values() for g in account.holds)
        ramp = max((account.ramp for account in self._accounts.values()), default=self._ramp)
        return bool(self._awaited) or any(now < g.until <= now + ramp for g in holds)

    def expire(self, now: datetime) -> None:
        """Forget what no longer counts."""
        for account in self._accounts.values():
            if account.holds:
                account.holds = [g for g in account.holds if now < g.until]
            if account.left and now >= account.left_until:
                account.left = ()
                self._touch(account)
            if over := [grant for grant in account.leased if not self._lives(account, grant, now)]:
                self._lapse(account, over, now)

    def _lapse(self, account: Account, over: Sequence[Grant], now: datetime) -> None:
        """Leases have ended."""
        account.lapse(over, now)
        account.over = [grant for grant in account.over if grant not in over]
        account.sent = {number: grant for number, grant in account.sent.items() if grant not in over}
        if account.acknowledged in over:
            account.acknowledged = None

    def remember(self, ref: EvseRef, kept: Kept, now: datetime) -> None:
        """What an earlier process wrote and what is over now: the station may still have it."""
        self._accounts[ref].lapse(kept.grants or [kept.bound], now)

    def next_change(self, now: datetime) -> datetime | None:
        """When the next bound falls without anybody doing anything."""
        ends: list[datetime] = []
        for account in self._accounts.values():
            if account.holds:
                ends += [grant.until for grant in account.holds]
            if account.sent or account.over:
                ends += [grant.until + account.lag for grant in (*account.sent.values(), *account.over)]
            if account.left:
                ends.append(account.left_until)
        return min([end for end in ends if end > now], default=None)

    def _hold(self, account: Account, before: Draw, now: datetime) -> None:
        """Hold what might be drawn before for one ramp; older holds go on to their own end."""
        if before.exceeds(self._loose(account, now)):
            account.holds.append(Grant(before.value_w, now + account.ramp, on_ma=before.on_ma))
