"""The safety ledger: every outlet's account as it changes, whatever gets lost on the way (grid-limits B4, B5).

What it comes to stands in `bounds`. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from csms.charging.account import LONG_AGO, NEVER, NOTHING, TX_RANK, Account, Draw, Grant, Kept
from csms.charging.bounds import Bounds
from csms.charging.lines import minus, plus
from csms.model.ids import EvseRef

__all__ = ["Account", "Draw", "Grant", "Kept", "Ledger"]


class Ledger(Bounds):
    """What happens to the accounts: enrolled, restored, told, answered, over."""

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
            bound = Grant(bound.value_w, min(max(bound.until, bound.passes), now + account.ramp), on_ma=bound.on_ma)
        account.holds.append(bound)
        account.restored = kept.bound
        if left := [id_ for id_ in kept.places if id_ not in account.path]:
            self._leave(account, left, max(kept.bound.until, kept.bound.passes))
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
        account.sent[self._sequence] = account.commanded = Grant(value_w, until, due, phases, behind=account.behind)
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

    def form(self, ref: EvseRef, sequence: int, rank: int | None, elapses: bool = False) -> None:
        """In which form a value goes out: which of two profiles rules depends on it, and whether it ends by the time
        that passes."""
        account = self._accounts[ref]
        plain = account.sent[sequence]
        account.sent[sequence] = formed = replace(plain, rank=rank, passes=plain.until if elapses else LONG_AGO)
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
            ramps_over = max(map(account.hold_end, account.holds), default=now)
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
        self,
        ref: EvseRef,
        now: datetime,
        *,
        away: bool,
        forgets: bool,
        reaction_s: float,
        behind_s: float = 0.0,
        unsure: bool = False,
    ) -> None:
        """Whether the station is gone, whether it loses its profiles then, how slowly it acts on a new one, and how far
        its clock is behind ours: a lease ends late there by what is beyond the skew allowed for (B3). `unsure`: nobody
        knows when it ends."""
        account = self._accounts[ref]
        behind = timedelta(seconds=behind_s) if behind_s > self._skew.total_seconds() else NOTHING
        skew = NEVER if unsure else self._skew
        if (skew, behind) != (account.skew, account.behind):
            before = self.bound(ref, now)
            account.skew, account.behind = skew, behind
            account.revive(now)
            self._touch(account)
            self._hold(account, before, now)  # a lease may have ended this moment, as the clock was put right
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

    def expire(self, now: datetime) -> None:
        """Forget what no longer counts."""
        for account in self._accounts.values():
            if account.holds:
                account.holds = [g for g in account.holds if now < account.hold_end(g)]
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

    def _hold(self, account: Account, before: Draw, now: datetime) -> None:
        """Hold what might be drawn before for one ramp; older holds go on to their own end."""
        if before.exceeds(self._loose(account, now)):
            account.holds.append(Grant(before.value_w, now + account.ramp, on_ma=before.on_ma))
