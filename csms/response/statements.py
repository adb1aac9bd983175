"""Monthly statements from what is stored, computed anew each time: evaluations stay, so a month stays what it was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import tzinfo
from decimal import Decimal
from typing import Any

from csms.model.clock import Clock
from csms.response.book import EventBook
from csms.response.rules import Party
from csms.response.settlement import NOTHING, Contract, Month, Outcome, Settlement, Standby, cents, settle
from csms.response.views import event_of
from csms.response.words import Refused

MONTH = re.compile(r"(?P<year>20\d\d)-(?P<month>0[1-9]|1[0-2])", re.ASCII)


class Statements:
    """Of all months. `zone`: of the site's calendar."""

    def __init__(self, clock: Clock, book: EventBook, contracts: Sequence[Contract], zone: tzinfo) -> None:
        self._clock, self._book, self._contracts, self._zone = clock, book, tuple(contracts), zone

    async def of(self, party: Party, name: str) -> dict[str, Any]:
        """A month such as 2026-07, as far as a party may see it, plain; what drivers get is the house's own affair.
        Raises Refused: malformed; StoreUnavailable.
        """
        found = MONTH.fullmatch(name)
        if found is None:
            raise Refused("malformed", "a month is written like 2026-07")
        month = Month(int(found["year"]), int(found["month"]), self._zone)
        rows = [row for row in await self._book.near(month.start) if party.sees(row.feeder_id, self._book.tree)]
        outcomes = [await self._outcome(row) for row in rows if month.has(row.starts_at)]
        seen = [one for one in self._contracts if party.sees(one.feeder_id, self._book.tree)]
        taken = [one for one in outcomes if one.event.taken]
        listed = settle(month, taken, seen, self._clock.now())
        drivers = await self._for_drivers(taken) if party.feeders is None else None
        return {
            "month": name,
            "clock_time": self._clock.now().isoformat(),
            "final": self._clock.now() >= month.end and all(one.final for one in listed),
            "settlements": [settlement_view(one) for one in listed],
            "total": str(sum((one.total for one in listed), NOTHING)),
        } | ({} if drivers is None else {"drivers": str(drivers)})

    async def _for_drivers(self, outcomes: Sequence[Outcome]) -> Decimal:
        """What the drivers get for the events of a month, as far as it is settled with them."""
        rows = [row for one in outcomes for row in await self._book.driver_offers(event_id=one.event.invitation.id)]
        return sum((cents(Decimal(str(row.pay))) for row in rows if row.pay is not None), NOTHING)

    async def _outcome(self, row: Any) -> Outcome:
        evaluations = await self._book.evaluations(row.id)
        appeals = await self._book.appeals(row.id)
        last = evaluations[-1].content | {"method": evaluations[-1].method} if evaluations else None
        return Outcome(event_of(row), last, any(one.upheld is None for one in appeals))


def settlement_view(one: Settlement) -> dict[str, Any]:
    """A settlement; money as text, in yuan."""
    return {
        "source": one.source,
        "feeder_id": one.feeder_id,
        "final": one.final,
        "events": [_outcome_view(outcome) for outcome in one.outcomes],
        "standby": [_standby_view(standby) for standby in one.standby],
        "called_pay": str(one.called),
        "standby_pay": str(one.stood_by),
        "total": str(one.total),
    }


def _outcome_view(one: Outcome) -> dict[str, Any]:
    asked, found = one.event.invitation, one.evaluation or {}
    return {
        "id": asked.id,
        "type": asked.kind.value,
        "start": asked.start.isoformat(),
        "end": asked.end.isoformat(),
        "cleared_kw": one.event.target_w / 1000,
        "price": one.event.price,
        "price_unit": asked.unit.value,
        "method": found.get("method"),
        "ratio": None if not found else round(found["ratio"], 4),
        "credited_kwh": found.get("credited_kwh"),
        "pay": str(one.pay),
        "state": one.state.value,
    }


def _standby_view(one: Standby) -> dict[str, Any]:
    return {
        "standby_kw": str(one.contract.standby_kw),
        "price": str(one.contract.price),
        "days": one.days,
        "of_days": one.of_days,
        "ratio_min": str(one.contract.ratio_min),
        "forfeited_by": one.forfeited_by or None,
        "pay": str(one.pay),
    }
