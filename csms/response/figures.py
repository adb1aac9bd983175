"""Baselines of events from the loads that are stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo

from csms.model.response import Method, Notice, ResponseEvent
from csms.response.baseline import (
    RULES,
    Baseline,
    Calendar,
    Load,
    TooFew,
    adjusted,
    before_control,
    candidates,
    of_days,
)
from csms.response.loads import QUARTER, FeederLoads

BEFORE_NOTICE = 8
"""Quarter-hours before the notice that adjust a baseline."""

USUAL: Mapping[Notice, Method] = {
    Notice.DAY_AHEAD: Method.HIGH5OF10,
    Notice.INTRADAY: Method.MEAN5,
    Notice.MINUTE: Method.PRE15MIN,
}
"""The method of events, if the settings name no other."""


@dataclass(frozen=True, slots=True)
class BaselineRule:
    """`adjust`: by the load of the two hours before a notice of the same day."""

    methods: Mapping[Notice, Method] = field(default_factory=lambda: dict(USUAL))
    adjust: bool = False
    days_off: frozenset[date] = frozenset()
    days_worked: frozenset[date] = frozenset()


class Baselines:
    """Made from the store each time: late samples count. Raises StoreUnavailable."""

    def __init__(self, loads: FeederLoads, rule: BaselineRule, zone: tzinfo) -> None:
        self._loads, self._rule, self._zone = loads, rule, zone

    def method(self, event: ResponseEvent) -> Method:
        """By which method an event is judged, if no appeal names another."""
        return self._rule.methods.get(event.invitation.notice, USUAL[event.invitation.notice])

    async def of(
        self, event: ResponseEvent, others: Iterable[ResponseEvent], now: datetime, method: Method | None = None
    ) -> Baseline | TooFew:
        """The baseline of an event; `others`: events for the same load."""
        asked, method = event.invitation, method or self.method(event)
        if method is Method.PRE15MIN:
            begun = now >= asked.start
            (before,) = await self._loads.window(asked.feeder_id, asked.start - QUARTER, 1) if begun else (None,)
            return before_control(before.load_w if before is not None else None, _slots(event))
        loads: dict[date, Load] = {}
        days = []
        told, held = self._day(event.received_at), self._day(asked.start)
        for day in candidates(method, told, held, self._calendar(event, others)):
            days.append(day)
            loads[day] = await self._load(asked.feeder_id, _moved(asked.start, day, self._zone), _slots(event))
            if sum(None not in load for load in loads.values()) == RULES[method].needed:
                break
        found = of_days(method, days, loads)
        if not self._rule.adjust or told != held or isinstance(found, TooFew):
            return found
        return await self._adjusted(event, found)

    async def _adjusted(self, event: ResponseEvent, found: Baseline) -> Baseline:
        end = _quarter(event.received_at)
        start, feeder_id = end - QUARTER * BEFORE_NOTICE, event.invitation.feeder_id
        seen = await self._load(feeder_id, start, BEFORE_NOTICE)
        earlier = [await self._load(feeder_id, _moved(start, day, self._zone), BEFORE_NOTICE) for day in found.days]
        usual = [_mean([load[n] for load in earlier]) for n in range(BEFORE_NOTICE)]
        return adjusted(found, usual, seen)

    async def _load(self, feeder_id: str, start: datetime, slots: int) -> Load:
        found = await self._loads.window(feeder_id, start, slots)
        return tuple(quarter.load_w if quarter is not None else None for quarter in found)

    async def load(self, event: ResponseEvent) -> Load:
        """What was drawn in the event."""
        return await self._load(event.invitation.feeder_id, event.invitation.start, _slots(event))

    def _day(self, at: datetime) -> date:
        return at.astimezone(self._zone).date()

    def _calendar(self, event: ResponseEvent, others: Iterable[ResponseEvent]) -> Calendar:
        days = {
            day
            for other in others
            if other.taken and other.invitation.id != event.invitation.id
            for day in (self._day(other.invitation.start), self._day(other.invitation.end - QUARTER))
        }
        return Calendar(self._rule.days_off, self._rule.days_worked, frozenset(days))


def _slots(event: ResponseEvent) -> int:
    return round((event.invitation.end - event.invitation.start) / QUARTER)


def _moved(start: datetime, day: date, zone: tzinfo) -> datetime:
    """The same time of day on another day."""
    return start.astimezone(zone).replace(year=day.year, month=day.month, day=day.day).astimezone(UTC)


def _quarter(at: datetime) -> datetime:
    return at - timedelta(minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
