"""One local day of a station, judged by the rules of physics: causes of doubt and the day's score. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from monitor.governance.facts import Facts, Floats
from monitor.governance.rules.catalogue import RULES, Limits, Subject
from monitor.governance.rules.judge import Judgement, judge
from monitor.governance.rules.score import DAY_S, scores
from monitor.governance.station_facts import Outlet, ToldSample, station_facts
from monitor.governance.told_states import ToldState
from monitor.store.governance_tables import GovernedDay, GovernedOrder

ZONE_S = Limits().zone_s
"""Local days are those of the rules."""


@dataclass(frozen=True, slots=True)
class JudgedDay:
    """By number of an order of the day the rule that doubts it (empty: none), and what the day earned."""

    causes: Sequence[tuple[int, str]]
    scores: Sequence[GovernedDay]


@dataclass(frozen=True, slots=True)
class _Told:
    """An order as the rules' columns are made of; `outlet` as its source names it."""

    order: GovernedOrder
    outlet: int | str

    @property
    def id(self) -> int:
        return self.order.id or 0

    @property
    def station_id(self) -> str:
        return self.order.station

    @property
    def evse_id(self) -> int | str:
        return self.outlet

    @property
    def transaction_id(self) -> str:
        return self.order.number

    @property
    def started_at(self) -> datetime:
        return self.order.start

    @property
    def ended_at(self) -> datetime | None:
        return self.order.end

    @property
    def start_register_wh(self) -> float | None:
        return self.order.meter_start_wh

    @property
    def end_register_wh(self) -> float | None:
        return self.order.meter_stop_wh

    @property
    def energy_wh(self) -> float:
        return self.order.energy_wh


def day_of(moment: datetime) -> int:
    """The local day, counted from 1970."""
    return int((moment.timestamp() + ZONE_S) // DAY_S)


def day_number(day: str) -> int:
    """The same of a day that is named, `yyyy-MM-dd`."""
    return (date.fromisoformat(day) - date(1970, 1, 1)).days


def judged_day(
    orders: Sequence[GovernedOrder],
    samples: Mapping[int, Iterable[ToldSample]],
    rated_w: Mapping[Outlet, float],
    day: int,
    now: datetime,
    states: Iterable[ToldState] = (),
    offset: timedelta = timedelta(),
) -> JudgedDay:
    """Judge the orders of one operator's station that begin on a day; those beside it are neighbours only.

    `samples` by number of the order, `rated_w` by station and outlet; `states` by the station's clock, which is behind
    ours by `offset`.
    """
    told = [_Told(order, int(order.connector) if order.connector.isdecimal() else order.connector) for order in orders]
    if not told:
        return JudgedDay((), ())
    found = _completed(station_facts(told, samples, rated_w, now, states, offset).facts, orders)
    judged = judge(found)
    broken = _broken(found, judged, day)
    mine = [row for row, order in enumerate(orders) if day_of(order.start) == day]
    causes = [(orders[row].id or 0, judged.cause(row)) for row in mine]
    first = orders[mine[0]] if mine else orders[0]
    name = (date(1970, 1, 1) + timedelta(days=day)).isoformat()
    kept = [
        GovernedDay(
            operator=first.operator,
            station=first.station,
            day=name,
            orders=one.orders,
            doubted=one.broken,
            score=round(one.score, 2),
            dimensions={str(dimension): round(share, 2) for dimension, share in one.dimensions.items()},
            broken=broken,
            rule_set=one.rule_set,
            judged_at=now.astimezone(UTC),
        )
        for one in scores(found, judged)
        if one.day == day
    ]
    return JudgedDay(causes, kept)


def _completed(found: Facts, orders: Sequence[GovernedOrder]) -> Facts:
    """With the money and the batteries of the orders, as far as they are known."""
    with_more = replace(
        found.orders,
        fee_yuan=_known([one.fee_yuan for one in orders]),
        price_yuan_per_kwh=_known([one.price_yuan_per_kwh for one in orders]),
        periods=np.array([one.periods for one in orders], np.int64),
        capacity_wh=_known([one.capacity_wh for one in orders]),
    )
    return replace(found, orders=with_more)


def _known(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _broken(found: Facts, judged: Judgement, day: int) -> dict[str, int]:
    """How often each rule about orders and states was broken on the day; a state is of the day it was told."""
    at_s = {Subject.ORDER: found.orders.start_s, Subject.STATUS: found.statuses.at_s}
    counts = {
        rule_id: int(np.count_nonzero(verdict.broken & ((at_s[RULES[rule_id].subject] + ZONE_S) // DAY_S == day)))
        for rule_id, verdict in judged.verdicts.items()
        if RULES[rule_id].subject in at_s
    }
    return {rule_id: count for rule_id, count in counts.items() if count}
