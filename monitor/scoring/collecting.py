"""Reads what operators reported in a month from a platform's database; a day at a time, so that a month stays small."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

from csms.province.profile import Kind, PlatformProfile
from monitor.quality.observed import Order, Views, read_all
from monitor.quality.service import QualityWatch, Watched, observation_of, span_of
from monitor.scoring.collect import Reported, figures_of
from monitor.scoring.table import Figure

Progress = Callable[[int, int], None]
DAYS_KEPT_MAX = 10_000


def days_of(month: str) -> list[str]:
    """The days of `yyyy-MM`; raises ValueError for no month."""
    first = datetime.strptime(month, "%Y-%m").date()  # noqa: DTZ007 (a month has no zone)
    after = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    return [(first + timedelta(days=number)).isoformat() for number in range((after - first).days)]


def month_before(month: str) -> str:
    """`yyyy-MM` of the month before."""
    first = date.fromisoformat(f"{month}-01")
    return f"{first - timedelta(days=1):%Y-%m}"


async def collect(watch: QualityWatch, month: str, progress: Progress | None = None) -> list[Figure]:
    """Figures of all operators that reported something in a month (or, of this month, so far)."""
    found: list[Figure] = []
    for number, watched in enumerate(watch.operators.values(), 1):
        told = await _reported(watch, watched, month)
        if told is not None and (told.orders or told.statuses):
            found += figures_of(watched.operator_id, month, told)
        if progress is not None:
            progress(number, len(watch.operators))
    return found


async def _reported(watch: QualityWatch, watched: Watched, month: str) -> Reported | None:
    days = days_of(month)
    start, end = span_of(watched.profile, days[0])[0], span_of(watched.profile, days[-1])[1]
    end = min(end, watch.clock.now())
    if end <= start:
        return None
    told = Reported(start, end)
    operator, profile = watched.operator_id, watched.profile
    for day in days:
        views = await _views(watch, operator, profile, *span_of(profile, day))
        told.orders += views.orders
        told.statuses += views.statuses
        told.stations += views.stations
    before = await watch.evidence.last_before(operator, Kind.STATION_STATUS, start)
    told.states = read_all(profile, [observation_of(row) for row in before]).statuses
    known = await watch.evidence.last_before(operator, Kind.STATION_INFO, start)
    told.stations = read_all(profile, [observation_of(row) for row in known]).stations + told.stations
    told.quality = await _totals(watch, operator, days)
    told.orders_before = await _orders_before(watch, watched, month)
    return told


async def _views(watch: QualityWatch, operator: str, profile: PlatformProfile, start: datetime, end: datetime) -> Views:
    rows = await watch.evidence.since(operator, start, end)
    return await asyncio.to_thread(lambda: read_all(profile, [observation_of(row) for row in rows]))


async def _orders_before(watch: QualityWatch, watched: Watched, month: str) -> list[Order]:
    found: list[Order] = []
    for day in days_of(month_before(month)):
        found += (await _views(watch, watched.operator_id, watched.profile, *span_of(watched.profile, day))).orders
    return found


async def _totals(watch: QualityWatch, operator: str, days: list[str]) -> list[Decimal]:
    """The published totals of the days that were judged."""
    rows = await watch.store.days(operator, newest=DAYS_KEPT_MAX)
    totals = [json.loads(row.document)["score"]["total"] for row in rows if row.day in set(days)]
    return [Decimal(total) for total in totals if total is not None]
