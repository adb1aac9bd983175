"""What a month of responses comes to: pay for each event that was called, and for standing by. Pure; money is exact.

Pay for an event is that of its last evaluation. Standing by is paid by kW and month, for the days of the month that the
contract is in force; where the contract says so, only if every event that was called reached its least ratio.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any

from csms.model.response import ResponseEvent

CENT = Decimal("0.01")
NOTHING = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Contract:
    """What is agreed with an operator about a feeder. `price`: yuan per kW and month; `since`, `until`: first and last
    day, None: open. `ratio_min`: of each event that is called, else nothing is paid for standing by that month.
    """

    source: str
    feeder_id: str
    standby_kw: Decimal
    price: Decimal
    since: date | None = None
    until: date | None = None
    ratio_min: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the site's calendar."""

    year: int
    month: int
    zone: tzinfo

    @property
    def days(self) -> int:
        """How many."""
        return monthrange(self.year, self.month)[1]

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, self.month, 1)

    @property
    def start(self) -> datetime:
        """Its first moment."""
        return datetime(self.year, self.month, 1, tzinfo=self.zone)

    @property
    def end(self) -> datetime:
        """The first moment behind it."""
        after = self.first + timedelta(days=self.days)
        return datetime(after.year, after.month, 1, tzinfo=self.zone)

    def has(self, moment: datetime) -> bool:
        """Whether a moment lies in it."""
        return self.start <= moment < self.end

    def days_of(self, contract: Contract) -> int:
        """On how many of its days a contract is in force."""
        last = self.first + timedelta(days=self.days - 1)
        begin = max(self.first, contract.since or self.first)
        return max((min(last, contract.until or last) - begin).days + 1, 0)


class LineState(StrEnum):
    """SETTLED: evaluated, and nobody waits for an answer. PENDING: not evaluated. APPEALED: an appeal is open."""

    SETTLED = "settled"
    PENDING = "pending"
    APPEALED = "appealed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an event came to, as evaluated last; None where it was not."""

    event: ResponseEvent
    evaluation: dict[str, Any] | None
    appealed: bool = False

    @property
    def state(self) -> LineState:
        """How far it is settled."""
        if self.evaluation is None:
            return LineState.PENDING
        return LineState.APPEALED if self.appealed else LineState.SETTLED

    @property
    def pay(self) -> Decimal:
        """To the cent; nothing before it is evaluated."""
        return NOTHING if self.evaluation is None else cents(Decimal(str(self.evaluation["pay"])))


@dataclass(frozen=True, slots=True)
class Standby:
    """Standing by for `days` of the month. `forfeited_by`: the event that fell short, so that nothing is paid."""

    contract: Contract
    days: int
    of_days: int
    forfeited_by: str
    pay: Decimal


@dataclass(frozen=True, slots=True)
class Settlement:
    """A month with one operator about one feeder. `final`: the month is over and nothing can change any more."""

    source: str
    feeder_id: str
    outcomes: tuple[Outcome, ...]
    standby: tuple[Standby, ...]
    final: bool

    @property
    def called(self) -> Decimal:
        """For what was called."""
        return sum((one.pay for one in self.outcomes), NOTHING)

    @property
    def stood_by(self) -> Decimal:
        """For standing by."""
        return sum((one.pay for one in self.standby), NOTHING)

    @property
    def total(self) -> Decimal:
        """Both."""
        return self.called + self.stood_by


def settle(month: Month, outcomes: Sequence[Outcome], contracts: Sequence[Contract], now: datetime) -> list[Settlement]:
    """By operator and feeder, those with a contract or an event in the month. `outcomes`: of events that were taken."""
    inside = [one for one in outcomes if month.has(one.event.invitation.start)]
    in_force = [one for one in contracts if month.days_of(one) and month.start <= now]
    keys = {(one.event.invitation.source, one.event.invitation.feeder_id) for one in inside}
    keys |= {(one.source, one.feeder_id) for one in in_force}
    return [_settled(month, *key, inside, in_force, now) for key in sorted(keys)]


def _settled(
    month: Month,
    source: str,
    feeder_id: str,
    outcomes: Sequence[Outcome],
    contracts: Sequence[Contract],
    now: datetime,
) -> Settlement:
    mine = sorted(
        (
            one
            for one in outcomes
            if (one.event.invitation.source, one.event.invitation.feeder_id) == (source, feeder_id)
        ),
        key=lambda one: (one.event.invitation.start, one.event.invitation.id),
    )
    standby = tuple(
        _stood_by(month, one, mine) for one in contracts if (one.source, one.feeder_id) == (source, feeder_id)
    )
    final = now >= month.end and all(one.state is LineState.SETTLED for one in mine)
    return Settlement(source, feeder_id, tuple(mine), standby, final)


def _stood_by(month: Month, contract: Contract, outcomes: Sequence[Outcome]) -> Standby:
    days = month.days_of(contract)
    short = next((one.event.invitation.id for one in outcomes if _falls_short(one, contract)), "")
    pay = NOTHING if short else cents(contract.standby_kw * contract.price * days / month.days)
    return Standby(contract, days, month.days, short, pay)


def _falls_short(outcome: Outcome, contract: Contract) -> bool:
    found = outcome.evaluation
    return found is not None and Decimal(str(found["ratio"])) < contract.ratio_min


def cents(value: Decimal) -> Decimal:
    """Rounded as money is, half up."""
    return value.quantize(CENT, ROUND_HALF_UP)
