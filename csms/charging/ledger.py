"""The safety ledger: the most that every outlet may be drawing, whatever got lost on the way (grid-limits B4).

Upper bound of an outlet = max(floor, acknowledged value until its lease end, every unanswered value until its lease
end, every ramp hold), each lease prolonged by ramp and clock skew. A value counts only when it is known to act: with
the physical maximum otherwise, and so does an outlet where a car may be and nothing known to act holds it. Values are
integer watts, all phases. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from csms.model.ids import EvseRef

NEVER = timedelta(days=3650)
"""How much later than told a lease ends at a station whose clock is wrong."""
FOREVER = datetime.max.replace(tzinfo=UTC)
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Grant:
    """`value_w` may be drawn until `until` (without ramp and skew); it should be renewed before `due` (None: that)."""

    value_w: int
    until: datetime
    due: datetime | None = None

    @property
    def renew_by(self) -> datetime:
        """When it may have ended."""
        return self.due or self.until


class Kept(NamedTuple):
    """What stands written of an outlet for a process to come: its upper bound with its end (ramp and skew included),
    the limits of a session that made it, the acknowledged one and those that were not answered yet, oldest first, and
    the `places` (feeders) with whose room they were granted.
    """

    bound: Grant
    session_id: int | None = None
    acknowledged: Grant | None = None
    sent: tuple[Grant, ...] = ()
    places: tuple[str, ...] = ()

    @property
    def grants(self) -> tuple[Grant, ...]:
        """The limits."""
        return self.sent if self.acknowledged is None else (self.acknowledged, *self.sent)


class Reckoned(NamedTuple):
    """Upper bounds that stay as they are in [since, until) unless something happens: `value_w` of one outlet."""

    since: datetime
    until: datetime
    value_w: int

    def covers(self, now: datetime) -> bool:
        """Whether that is now."""
        return self.since <= now < self.until


@dataclass(slots=True)
class Account:
    """What is known of one outlet. `sent` holds unanswered values by sequence number.

    `floor_taken`: the station acknowledged its floor; `floor_before_w`: not this one yet, but a higher one before;
    `floor_acts`, `limit_acts`: floors, limits of this station are known to act; `held`: a limit of the session that
    runs was acknowledged; `away`: the station is not connected; `forgets`: it loses its profiles when its connection
    or its power is gone, which is noticed late, so that nothing ever holds it; `ramp`: how long it takes to come down;
    `skew`: how much later than told a lease may end there; `session_id`: of the session that runs; `reckoned`: its
    upper bound, as long as it is known. `left`: feeders that it hung on before its place changed; it counts there as
    well until `left_until`, when nothing acts any more that was granted with their room (sequence numbers up to
    `moved_after`).
    """

    ref: EvseRef
    path: tuple[str, ...]
    floor_w: int
    physical_w: int
    ramp: timedelta
    skew: timedelta
    floor_taken: bool = False
    floor_before_w: int | None = None
    floor_acts: bool = False
    limit_acts: bool = False
    held: bool = False
    away: bool = False
    forgets: bool = False
    car_possible: bool = False
    session_id: int | None = None
    acknowledged: Grant | None = None
    commanded: Grant | None = None
    sent: dict[int, Grant] = field(default_factory=dict)
    holds: list[Grant] = field(default_factory=list)
    reckoned: Reckoned | None = None
    left: tuple[str, ...] = ()
    left_until: datetime = LONG_AGO
    moved_after: int = 0

    @property
    def places(self) -> tuple[str, ...]:
        """All feeders at which it counts."""
        return self.path + self.left

    @property
    def lag(self) -> timedelta:
        """How much later than told a lease may end in what is drawn."""
        return self.ramp + self.skew

    @property
    def leased(self) -> list[Grant]:
        """The values that count until their lease ends."""
        return [*self.sent.values()] if self.acknowledged is None else [self.acknowledged, *self.sent.values()]

    @property
    def floor_known(self) -> bool:
        """Whether the outlet is at its floor when nothing else is told."""
        taken = self.floor_taken or self.floor_before_w is not None
        return taken and self.floor_acts and not self.forgets

    @property
    def floor_counted_w(self) -> int:
        """The most that the outlet draws at its floor, whichever it has."""
        return max(self.floor_w, self.floor_before_w or 0)

    @property
    def bounded(self) -> bool:
        """Whether something known to act holds the outlet. A limit without a floor below it ends with its session,
        which nobody hears of while the station is away."""
        return self.floor_known or (self.held and self.limit_acts and not (self.away or self.forgets))

    @property
    def loose(self) -> bool:
        """Whether it may draw all it can."""
        return self.car_possible and not self.bounded

    def counted_w(self, value_w: int) -> int:
        """What a value told to the outlet counts with: one that is not known to act frees it, unless its floor holds
        it lower anyway."""
        if self.limit_acts and not self.forgets:
            return value_w
        return self.floor_counted_w if self.floor_known and value_w <= self.floor_counted_w else self.physical_w


class Ledger:
    """One account per outlet. `ramp_s`: how long a pile and its car may take to come down; `skew_s`: how far the pile's
    clock may be off."""

    def __init__(self, ramp_s: float = 15.0, skew_s: float = 5.0) -> None:
        self._ramp, self._skew = timedelta(seconds=ramp_s), timedelta(seconds=skew_s)
        self._accounts: dict[EvseRef, Account] = {}
        self._sequence = 0
        self._awaited: set[int] = set()
        self._sums: dict[str, int] = {}
        self._sums_hold: tuple[datetime, datetime] | None = None

    def __contains__(self, ref: object) -> bool:
        return ref in self._accounts

    @property
    def refs(self) -> Iterable[EvseRef]:
        """Every outlet with an account."""
        return self._accounts.keys()

    def account(self, ref: EvseRef) -> Account:
        """The account (to read); KeyError when there is none."""
        return self._accounts[ref]

    def enrol(
        self, ref: EvseRef, path: tuple[str, ...], floor_w: int, physical_w: int, now: datetime = LONG_AGO
    ) -> None:
        """Open an account, or change its place and nameplate; another floor has to be confirmed anew."""
        account = self._accounts.get(ref)
        if account is None:
            account = self._accounts[ref] = Account(ref, path, floor_w, physical_w, self._ramp, self._skew)
        self._touch(account)
        if path != account.path:
            self._move(account, path, now)
        account.physical_w = physical_w
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
        bound = Grant(self.upper_bound_w(ref, now), max(ends))
        return Kept(bound, account.session_id, account.acknowledged, tuple(account.sent.values()), account.places)

    def restore(self, ref: EvseRef, kept: Kept, now: datetime) -> None:
        """Take over what an earlier process wrote (B5).

        While the same session runs its limits count as they did, and what was sent last can be told again. All else in
        the bound are ramps, which are over soon. Without such limits the bound counts to its end. All of it counts also
        at those of the places with whose room it was granted where the outlet does not hang any more.
        """
        account, until = self._accounts[ref], kept.bound.until
        if kept.grants and kept.session_id is not None and kept.session_id == account.session_id:
            account.acknowledged, account.held = kept.acknowledged, kept.acknowledged is not None
            for grant in kept.sent:
                self._sequence += 1
                account.sent[self._sequence] = grant
            account.commanded = kept.grants[-1]
            until = min(until, now + account.ramp)
        account.holds.append(Grant(kept.bound.value_w, until))
        if left := [id_ for id_ in kept.places if id_ not in account.path]:
            self._leave(account, left, kept.bound.until)
        self._touch(account)

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
            most_w, ends = self._loose_w(account, now), [FOREVER]
            for hold in account.holds:
                if now < hold.until:
                    most_w = max(most_w, hold.value_w)
                    ends.append(hold.until)
            ends += [end for grant in account.leased if now < (end := grant.until + account.lag)]
            account.reckoned = Reckoned(now, min(ends), most_w)
        return account.reckoned

    def _touch(self, account: Account) -> None:
        """Something happened to it."""
        account.reckoned = self._sums_hold = None

    def _loose_w(self, account: Account, now: datetime) -> int:
        """What the outlet may draw for other reasons than a ramp."""
        leased_w = self._leased_w(account, now)
        return max(leased_w, account.physical_w) if account.loose else leased_w

    def _leased_w(self, account: Account, now: datetime) -> int:
        most_w = account.floor_counted_w
        for grant in account.leased:
            if self._lives(account, grant, now):
                most_w = max(most_w, account.counted_w(grant.value_w))
        return most_w

    def _lives(self, account: Account, grant: Grant, now: datetime) -> bool:
        return now < grant.until + account.lag

    def settled_w(self, ref: EvseRef, now: datetime, reachable: bool) -> int:
        """What the upper bound comes down to by itself once all answers are in and all ramps are over."""
        account = self._accounts[ref]
        if not reachable or account.loose:
            return self.upper_bound_w(ref, now)
        told = account.commanded
        live = told is not None and self._lives(account, told, now)
        return max(account.floor_counted_w, account.counted_w(told.value_w) if told is not None and live else 0)

    def told_w(self, ref: EvseRef) -> int:
        """What the outlet was told last; its floor when nothing was."""
        account = self._accounts[ref]
        return account.floor_w if account.commanded is None else account.commanded.value_w

    def lasting_w(self, ref: EvseRef, now: datetime) -> int:
        """What the outlet may draw when its session is over or its lease has ended."""
        account = self._accounts[ref]
        return self.settled_w(ref, now, True) if account.loose else account.floor_counted_w

    def sums_w(self, now: datetime) -> dict[str, int]:
        """Sum of the upper bounds at every feeder."""
        if self._sums_hold is None or not self._sums_hold[0] <= now < self._sums_hold[1]:
            self._sums, until = {}, FOREVER
            for account in self._accounts.values():
                reckoned = self._reckoned(account, now)
                until = min(until, reckoned.until)
                for id_ in account.places:
                    self._sums[id_] = self._sums.get(id_, 0) + reckoned.value_w
            self._sums_hold = now, until
        return self._sums

    def may_raise(self, ref: EvseRef, value_w: int, now: datetime, room_w: Mapping[str, int]) -> bool:
        """Whether `value_w` may be sent: at every ancestor Σ bounds + max(0, value − own bound) ≤ room (rule 2).

        While the bounds are above the room (a cap fell) nothing rises, not even within a bound that a ramp holds up.
        """
        counted_w = self._accounts[ref].counted_w(value_w)
        return counted_w <= self.settled_w(ref, now, True) or counted_w <= self.free_w(ref, now, room_w)

    def free_w(self, ref: EvseRef, now: datetime, room_w: Mapping[str, int]) -> int:
        """The highest value that may be sent now."""
        sums = self.sums_w(now)
        spare_w = min(room_w[id_] - sums[id_] for id_ in self._accounts[ref].places if id_ in room_w)
        if spare_w < 0:
            return self.settled_w(ref, now, True)
        return self.upper_bound_w(ref, now) + spare_w

    def send(self, ref: EvseRef, value_w: int, now: datetime, until: datetime, due: datetime | None = None) -> int:
        """A value is about to go out with a lease to `until`: it counts from now on. Returns its sequence number."""
        account, sums = self._accounts[ref], self.sums_w(now)
        before_w = self.upper_bound_w(ref, now)
        self._sequence += 1
        account.sent[self._sequence] = account.commanded = Grant(value_w, until, due)
        self._awaited.add(self._sequence)
        account.reckoned = None
        after = self._reckoned(account, now)
        for id_ in account.places:
            sums[id_] += after.value_w - before_w
        assert self._sums_hold is not None
        self._sums_hold = self._sums_hold[0], min(self._sums_hold[1], after.until)
        return self._sequence

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
        """The station has taken a value; older unanswered ones are superseded (messages arrive in order).

        The highest of them and of the value acknowledged before is held for one ramp (rule 4): the car may still be
        drawing it.
        """
        self._awaited.discard(sequence)
        account = self._accounts[ref]
        if sequence not in account.sent:
            return
        self._touch(account)
        before_w = self._loose_w(account, now)
        account.acknowledged, account.held = account.sent[sequence], True
        account.sent = {number: grant for number, grant in account.sent.items() if number > sequence}
        self._hold(account, before_w, now)
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
        account.session_id = None
        if lasting:
            return
        self._touch(account)
        before_w = self._loose_w(account, now)
        account.acknowledged = account.commanded = None
        account.sent, account.held = {}, False
        self._hold(account, before_w, now)

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

    def _change(self, ref: EvseRef, now: datetime, **facts: bool | int | None) -> None:
        """Other facts about an outlet; what it may have been drawing before is held for one ramp."""
        account = self._accounts[ref]
        self._touch(account)
        before_w = self._loose_w(account, now)
        for name, value in facts.items():
            setattr(account, name, value)
        self._hold(account, before_w, now)

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
            if account.sent:
                account.sent = {number: g for number, g in account.sent.items() if self._lives(account, g, now)}
            if account.acknowledged is not None and not self._lives(account, account.acknowledged, now):
                account.acknowledged = None

    def next_change(self, now: datetime) -> datetime | None:
        """When the next bound falls without anybody doing anything."""
        ends = [g.until for account in self._accounts.values() for g in account.holds]
        ends += [g.until + a.lag for a in self._accounts.values() for g in a.sent.values()]
        ends += [account.left_until for account in self._accounts.values() if account.left]
        return min((end for end in ends if end > now), default=None)

    def _hold(self, account: Account, before_w: int, now: datetime) -> None:
        """Hold what might be drawn before for one ramp; older holds go on to their own end."""
        if before_w > self._loose_w(account, now):
            account.holds.append(Grant(before_w, now + account.ramp))
