"""What the ledger knows of one outlet, and what that counts with (grid-limits B4, B8). Nothing here reads a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from csms.charging.lines import Triple, connection, highest, minus, on_lines
from csms.model.ids import EvseRef

LONG_AGO = datetime.min.replace(tzinfo=UTC)
NOTHING = timedelta()
NEVER = timedelta(days=3650)
"""How much later than told a lease ends at a station whose clock is wrong."""
LAPSED_KEPT = timedelta(days=1)
"""A clock that is set back further makes every profile doubtful."""
TX_RANK = 1_000_000
"""Profiles of a transaction rule over those that hold without one (OCPP 1.6 section 3.13)."""


@dataclass(frozen=True, slots=True)
class Grant:
    """`value_w` may be drawn until `until` (without ramp and skew); it should be renewed before `due` (None: that).

    `phases`: on so many, 0: on all of the outlet; `on_ma`: what that is on each conductor where it is known already;
    `rank`: of two charging profiles the one with the higher rank rules; None: it holds beside whatever rules; `behind`:
    so much earlier its end was told, as the station's clock was behind by that; `passes`: of what a process before
    wrote down, and of a relative schedule, when as much time has passed; it ends no earlier, nor than by a clock.
    """

    value_w: int
    until: datetime
    due: datetime | None = None
    phases: int = 0
    on_ma: Triple | None = None
    rank: int | None = None
    behind: timedelta = NOTHING
    passes: datetime = LONG_AGO

    @property
    def renew_by(self) -> datetime:
        """When it may have ended."""
        return self.due or self.until

    def moved(self, step: timedelta) -> Grant:
        """The same after the clock was set on by `step` (below 0: back): it is renewed when as much time has passed. It
        ends by a station's clock; how far that is behind now is known of the station."""
        passes = self.passes + step if self.passes > LONG_AGO else self.passes
        return replace(self, due=self.due + step if self.due is not None else None, passes=passes)

    def since_written(self, step: timedelta) -> Grant:
        """The same for a process to come, the clock having been set on by `step` meanwhile: nothing is known of the
        station's clock, which may have been set as well or not, so the later end counts."""
        return replace(self.moved(step), until=max(self.until, self.until + step))

    def overrules(self, other: Grant) -> bool:
        """Whether it goes on to rule where the other one was taken later."""
        return self.rank is not None and other.rank is not None and self.rank > other.rank


class Kept(NamedTuple):
    """What stands written of an outlet for a process to come: its upper bound with its end (ramp and skew included),
    the limits of a session that made it, the acknowledged one and those that were not answered yet, oldest first, the
    `places` (feeders) with whose room they were granted, and older limits that may still rule `over` them.
    """

    bound: Grant
    session_id: int | None = None
    acknowledged: Grant | None = None
    sent: tuple[Grant, ...] = ()
    places: tuple[str, ...] = ()
    over: tuple[Grant, ...] = ()

    @property
    def grants(self) -> tuple[Grant, ...]:
        """The limits."""
        return self.sent if self.acknowledged is None else (self.acknowledged, *self.sent)

    def moved(self, step: timedelta) -> Kept:
        """The same after the clock was set on by `step`."""
        return self._each(lambda grant: grant.moved(step))

    def since_written(self, step: timedelta) -> Kept:
        """See `Grant.since_written`. The bound ends by a station's clock, or when as much time has passed."""
        bound = replace(self.bound, passes=self.bound.until + step)
        return self._each(lambda grant: grant.since_written(step))._replace(bound=bound)

    def _each(self, change: Callable[[Grant], Grant]) -> Kept:
        return self._replace(
            bound=change(self.bound),
            acknowledged=change(self.acknowledged) if self.acknowledged is not None else None,
            sent=tuple(map(change, self.sent)),
            over=tuple(map(change, self.over)),
        )


class Reckoned(NamedTuple):
    """Upper bounds that stay as they are in [since, until) unless something happens: `value_w` of one outlet, `on_ma`
    on each conductor."""

    since: datetime
    until: datetime
    value_w: int
    on_ma: Triple

    def covers(self, now: datetime) -> bool:
        """Whether that is now."""
        return self.since <= now < self.until


class Draw(NamedTuple):
    """The most that may be drawn, in all and on each conductor."""

    value_w: int
    on_ma: Triple

    def or_(self, other: Draw) -> Draw:
        """Whichever is more."""
        return Draw(max(self.value_w, other.value_w), highest(self.on_ma, other.on_ma))

    def exceeds(self, other: Draw) -> bool:
        """Whether it is more anywhere."""
        return self.value_w > other.value_w or max(minus(self.on_ma, other.on_ma)) > 0


DRAWS_KEPT = 65_536


@lru_cache(DRAWS_KEPT)
def drawn(value_w: int, phases: int, rotation: str) -> Draw:
    """A power on so many phases of a connector that is wired like this."""
    return Draw(value_w, on_lines(value_w, phases, connection(rotation, phases)))


@dataclass(slots=True)
class Account:
    """What is known of one outlet. `sent` holds unanswered values by sequence number, `over` values of before that may
    rule over what was acknowledged since, as that came in another form.

    `floor_taken`: the station acknowledged its floor; `floor_before_w`: not this one yet, but a higher one before;
    `floor_acts`, `limit_acts`: floors, limits of this station are known to act; `held`: a limit of the session that
    runs was acknowledged; `away`: the station is not connected; `forgets`: it loses its profiles when its connection
    or its power is gone, which is noticed late, so that nothing ever holds it; `ramp`: how long it takes to come down;
    `skew`: how much later than told a lease may end there; `behind`: and how far the station's clock is known to be
    behind beyond that; `session_id`: of the session that runs; `reckoned`: its
    upper bound, as long as it is known. `left`: feeders that it hung on before its place changed; it counts there as
    well until `left_until`, when nothing acts any more that was granted with their room (sequence numbers up to
    `moved_after`). `lapsed`: values whose lease has ended and that nothing replaced: where a clock is set back they
    rule again. `phases`, `rotation`: how it is wired (`csms.charging.lines`). `restored`: the bound of a process
    before, until something else is told.
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
    over: list[Grant] = field(default_factory=list)
    holds: list[Grant] = field(default_factory=list)
    reckoned: Reckoned | None = None
    phases: int = 3
    rotation: str = ""
    restored: Grant | None = None
    left: tuple[str, ...] = ()
    left_until: datetime = LONG_AGO
    moved_after: int = 0
    lapsed: list[Grant] = field(default_factory=list)
    behind: timedelta = NOTHING

    def move(self, step: timedelta, now: datetime) -> None:
        """The clock that showed `now` was set on by `step` (below 0: back). Ramps end after as much time; leases by the
        station's clock, which is behind by that much until it is known to have followed (`behind`)."""
        known = {id(grant): grant for grant in [*self.leased, self.commanded, self.restored] if grant is not None}
        moved = {number: grant.moved(step) for number, grant in known.items()}  # the same ones stay the same ones
        self.acknowledged, self.commanded, self.restored = (
            moved[id(grant)] if grant is not None else None
            for grant in (self.acknowledged, self.commanded, self.restored)
        )
        self.sent = {number: moved[id(grant)] for number, grant in self.sent.items()}
        self.over = [moved[id(grant)] for grant in self.over]
        self.holds = [
            replace(hold, until=hold.until + step) if hold.passes == LONG_AGO else hold.moved(step)
            for hold in self.holds
        ]
        self.behind += max(step, NOTHING)
        if self.left:
            self.left_until = max(self.left_until, self.left_until + step)
        self.revive(now + step)

    def revive(self, now: datetime) -> None:
        """What had lapsed rules again where the station's clock turns out to be behind."""
        self.over += [grant for grant in self.lapsed if now < self.end(grant)]
        self.lapsed = [grant for grant in self.lapsed if grant not in self.over]

    def end(self, grant: Grant) -> datetime:
        """When the last of what a lease granted may be drawn."""
        return max(grant.until + max(self.behind - grant.behind, NOTHING), grant.passes) + self.lag

    def hold_end(self, hold: Grant) -> datetime:
        """When a hold is over: a ramp, or what a process before wrote down."""
        return hold.until if hold.passes == LONG_AGO else max(hold.until + self.behind, hold.passes)

    def lapse(self, grants: Iterable[Grant], now: datetime) -> None:
        """The leases of these have ended, as far as is known; nothing has replaced them."""
        self.lapsed = [grant for grant in (*self.lapsed, *grants) if now - grant.until < LAPSED_KEPT]

    @property
    def places(self) -> tuple[str, ...]:
        """All feeders at which it counts."""
        return self.path + self.left

    @property
    def lag(self) -> timedelta:
        """How much later than told a lease may end in what is drawn."""
        return self.ramp + self.skew

    @property
    def clock_is_wrong(self) -> bool:
        """Whether what it was told may begin and end there later than told."""
        return self.skew >= NEVER or self.behind > NOTHING

    @property
    def leased(self) -> list[Grant]:
        """The values that count until their lease ends."""
        known = [*self.over, *self.sent.values()]
        return known if self.acknowledged is None else [self.acknowledged, *known]

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

    @property
    def floor(self) -> Draw:
        """The most that the outlet draws at its floor, on each conductor too."""
        return self.draw(self.floor_counted_w)

    def draw(self, value_w: int, phases: int = 0) -> Draw:
        """A power on so many phases; 0: on all that the outlet has."""
        return drawn(value_w, phases or self.phases, self.rotation)

    def counted_grant(self, grant: Grant) -> Draw:
        """What a grant counts with."""
        if grant.on_ma is not None and self.counted_w(grant.value_w) == grant.value_w:
            return Draw(grant.value_w, grant.on_ma)
        return self.counted(grant.value_w, grant.phases)

    def counted(self, value_w: int, phases: int = 0) -> Draw:
        """What a value told to the outlet counts with, on so many phases if it is known to act."""
        counted_w = self.counted_w(value_w)
        return self.draw(counted_w, phases if counted_w == value_w else 0)

    def taken_over(self, grant: Grant) -> Draw:
        """What a hold counts with; where nobody noted the phases, on each as if it were drawn from that alone."""
        if grant.on_ma is not None:
            return Draw(grant.value_w, grant.on_ma)
        most = self.draw(self.physical_w).on_ma
        anywhere = on_lines(grant.value_w, 1, connection(self.rotation, 3))
        return Draw(grant.value_w, tuple(map(min, anywhere, most)))  # type: ignore[arg-type]
