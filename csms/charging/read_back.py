"""After a restart: each station that can is asked what holds it, before anything is raised there (grid-limits B5).

An answer within the bound that the process before wrote down takes its place after one ramp, with the end of its own
lease; one above it counts at once, is told to people, and the station is told its limit again. No answer, or one that
makes no sense, changes nothing: the bound lasts as long as it was written; nor does one below it from a station whose
clock is wrong, where a limit of before may be about to begin, or to begin again. Only stations are asked whose limits
are known to act and whose composite schedules are worth something.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from csms.charging.account import Account, Draw, Grant
from csms.charging.counters import Counters
from csms.charging.courier import composite
from csms.charging.ladder import Role, Rung
from csms.charging.ladders import Ladders
from csms.charging.ledger import Ledger
from csms.charging.lines import NOMINAL_V, Triple
from csms.charging.outlets import Outlets
from csms.charging.ports import Alerting, Stations
from csms.charging.proof import TOLERANCE_A
from csms.charging.traits import proofs
from csms.model.charging_profile import CompositeSchedule, RateUnit
from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.model.ids import EvseRef

log = logging.getLogger(__name__)

ABOVE = "LimitAboveBound"
"""The alert about a station that holds more than it may have been told."""
TOLERANCE_MA = round(TOLERANCE_A * 1000)
BEYOND_S = 60.0
"""Stations are asked so much further than a lease reaches."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What a station says that an outlet may draw. `ends_s`: from when on no more than its floor; None: not by then."""

    most: Draw
    ends_s: float | None
    above: bool


def stated(answer: CompositeSchedule | None, unit: RateUnit, account: Account) -> Stated | None:
    """None where the answer says nothing; one within what was written down never counts for more than that. Pure."""
    if answer is None or not answer.sound or not answer.periods or answer.unit is not unit:
        return None
    periods = sorted(answer.periods, key=lambda period: period[0])
    draws = [(start_s, _draw(limit, unit, account)) for start_s, limit in periods]
    higher = [n for n, (_, draw) in enumerate(draws) if _exceeds(draw, account.floor)]
    if not higher:
        return None if account.clock_is_wrong else Stated(account.floor, 0.0, above=False)
    last = higher[-1]
    ends_s = float(draws[last + 1][0]) if last + 1 < len(draws) else None
    most = draws[0][1]
    for _, draw in draws[1:]:
        most = most.or_(draw)
    bound = account.taken_over(account.restored) if account.restored is not None else account.floor
    if _exceeds(most, bound):
        return Stated(most, ends_s, above=True)
    if account.clock_is_wrong:
        return None
    return Stated(Draw(min(most.value_w, bound.value_w), _least(most.on_ma, bound.on_ma)), ends_s, above=False)


def held_until(said: Stated, written: Grant, now: datetime, asked_s: int) -> datetime:
    """When what a station holds ends: as it says; where it names no end, not before what was written down ends."""
    if said.ends_s is not None:
        return now + timedelta(seconds=said.ends_s)
    return max(now + timedelta(seconds=asked_s), written.until)


def _draw(limit: float | None, unit: RateUnit, account: Account) -> Draw:
    """The most that a limit leaves an outlet; None: it leaves all."""
    most = account.draw(account.physical_w)
    if limit is None:
        return most
    per_line_ma = -int(-(limit if unit is RateUnit.A else limit / NOMINAL_V) * 1000 // 1)
    on_ma = _least(most.on_ma, (per_line_ma,) * 3)
    in_all_w = -(-per_line_ma * account.phases * NOMINAL_V // 1000) if unit is RateUnit.A else -int(-limit // 1)
    return Draw(min(most.value_w, in_all_w), on_ma)


def _least(one: Triple, other: Triple) -> Triple:
    return min(one[0], other[0]), min(one[1], other[1]), min(one[2], other[2])


def _exceeds(one: Draw, other: Draw) -> bool:
    """Beyond what stations lose when they convert. A statement in ampere is compared by conductor: on how many of them
    the car sits it does not say."""
    on_lines = max(mine - its for mine, its in zip(one.on_ma, other.on_ma, strict=True))
    return on_lines > TOLERANCE_MA and one.value_w > other.value_w


Tell = Callable[[EvseRef, datetime, dict[str, object]], Awaitable[None]]
"""Writes a notice about an outlet; raises StoreUnavailable."""


@dataclass(slots=True)
class ReadBack:
    """`waiting`: stations that are still to be asked. `lease_s`: how long what they were told may last;
    `skew_s`: how far a clock may be off."""

    clock: Clock
    stations: Stations
    ledger: Ledger
    outlets: Outlets
    ladders: Ladders
    lease_s: float
    skew_s: float
    counters: Counters
    tell: Tell
    alerts: Alerting | None = None
    waiting: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """The bounds of the process before are there: ask whoever may hold more than a floor."""
        now = self.clock.now()
        self.waiting = {ref.station_id for ref in self.ledger.refs if self._restored(ref, now)}

    def again(self, station_id: str) -> None:
        """It has connected anew; what it did not say before it may say now."""
        now = self.clock.now()
        if any(self._restored(ref, now) for ref in self.outlets.of_station(station_id)):
            self.waiting.add(station_id)

    def _restored(self, ref: EvseRef, now: datetime) -> bool:
        account = self.ledger.account(ref)
        written = account.restored
        return written is not None and now < written.until and written.value_w > account.floor_w

    async def read(self, station_id: str) -> None:
        """Ask for every outlet with a bound of before."""
        self.waiting.discard(station_id)
        rung = self._rung(station_id)
        for ref in self.outlets.of_station(station_id) if rung is not None else ():
            if rung is not None and self._restored(ref, self.clock.now()):
                await self._read(ref, rung)

    def _rung(self, station_id: str) -> Rung | None:
        """The form in which it takes limits, if what it says of them is worth anything."""
        known = proofs(self.outlets.limits_of_station(station_id))
        rung = self.ladders.rung(station_id, Role.LIMIT)
        told = known.composite and not self.ladders.unhelpful(station_id)
        able = self.ladders.declared(station_id).smart_charging is not False
        acts = self.ladders.acts(station_id, Role.LIMIT)
        whole = rung is None or rung.purpose is None or rung.station_wide
        return rung if told and able and acts and not whole else None

    async def _read(self, ref: EvseRef, rung: Rung) -> None:
        asked_s = int(self.lease_s + BEYOND_S)
        self.counters.read_back_asked += 1
        answer = await composite(self.clock, self.stations, ref.station_id, ref.evse_id, rung.unit, asked_s)
        now, account = self.clock.now(), self.ledger.account(ref)
        said = stated(answer, rung.unit, account)
        if said is not None and not said.above and self._ahead(ref.station_id):
            said = None
        if account.restored is None:
            return  # the session is over
        if said is None:
            self.counters.read_back_silent += 1
            return
        ends = held_until(said, account.restored, now, asked_s)
        self.ledger.take_back(ref, said.most, ends, now, above=said.above)
        told = {"evse": str(ref), "says_w": said.most.value_w, "until": ends.isoformat()}
        log.info("limit_read_back", extra=told | {"above": said.above})
        if not said.above:
            self.counters.read_back += 1
            return
        self.counters.read_back_above += 1
        await self._flag(ref, now, told)

    def _ahead(self, station_id: str) -> bool:
        """What has ended there by a clock that is ahead begins again where that clock is set right."""
        return self.stations.stations[station_id].manners.ahead_s > self.skew_s

    async def _flag(self, ref: EvseRef, now: datetime, told: dict[str, object]) -> None:
        try:
            await self.tell(ref, now, told)
            if self.alerts is not None:
                info = f"{ref} holds a limit of up to {told['says_w']} W, more than it may have been told"
                await self.alerts.raise_(ABOVE, ref.station_id, info)
        except StoreUnavailable as fault:
            log.error("alert_not_stored", extra={"kind": ABOVE, "evse": str(ref), "code": fault.code})
