"""The day of a feeder: what was drawn since midnight, and what a kWh costs by the hour."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime

from csms.access.needs import feeder_viewers
from csms.access.routing import Router
from csms.api.feeders import feeder_views
from csms.api.overview import start_of_day
from csms.api.ports import ApiDeps
from csms.api.problems import Refused
from csms.api.schemas import FeederOut, Out

HOUR = timedelta(hours=1)
DAY_AND_A_NIGHT = timedelta(hours=30)
"""From one midnight this is in the next day, whatever summer time does."""


class QuarterOut(Out):
    """Means of a quarter-hour as this server saw it: stations at the feeder and below, and what is no station there."""

    begins_at: AwareDatetime
    base_w: float
    charging_w: float


class PriceOut(Out):
    """What a kWh costs from `begins_at` on, for an hour. `level`: sharp, peak, flat, valley, deep, or empty."""

    begins_at: AwareDatetime
    yuan_per_kwh: float
    level: str


class FeederDayOut(Out):
    """The local day from midnight to midnight; quarter-hours that nobody saw are left out."""

    clock_time: AwareDatetime
    begins_at: AwareDatetime
    ends_at: AwareDatetime
    quarters: list[QuarterOut]
    prices: list[PriceOut]


def router(deps: ApiDeps) -> Router:
    """The route over `deps`."""
    routes = Router(tags=["feeders"])

    @routes.get("/feeders/{feeder_id}/day", summary="Show the day of a feeder")
    @feeder_viewers.but(feeder="feeder_id")
    async def show_day(feeder_id: str) -> FeederDayOut:
        """What was drawn since the last local midnight, by quarter-hour, and prices by the hour until the next one."""
        return await _day(deps, feeder_id)

    return routes


async def _day(deps: ApiDeps, feeder_id: str) -> FeederDayOut:
    views = feeder_views(deps)
    if feeder_id not in {view.feeder_id for view in views}:
        raise Refused(404, "unknown_feeder", f"there is no feeder {feeder_id!r}")
    now = deps.clock.now()
    begin = start_of_day(now, deps.time_zone)
    end = start_of_day(begin.astimezone(UTC) + DAY_AND_A_NIGHT, deps.time_zone)
    below = _below(feeder_id, views)
    base_w: defaultdict[datetime, float] = defaultdict(float)
    charging_w: dict[datetime, float] = {}
    for row in await deps.reader.loads_of_feeders(begin, end):
        if row.feeder_id in below:
            base_w[row.begins_at] += row.base_w
        if row.feeder_id == feeder_id:
            charging_w[row.begins_at] = row.charging_w
    return FeederDayOut(
        clock_time=now,
        begins_at=begin.astimezone(UTC),
        ends_at=end.astimezone(UTC),
        quarters=[QuarterOut(begins_at=at, base_w=base_w[at], charging_w=w) for at, w in sorted(charging_w.items())],
        prices=_prices(deps, begin.astimezone(UTC), end.astimezone(UTC)),
    )


def _below(feeder_id: str, views: Iterable[FeederOut]) -> set[str]:
    """A feeder and all that hang on it; parents stand before their children."""
    found = {feeder_id}
    for view in views:
        if view.parent_id in found:
            found.add(view.feeder_id)
    return found


def _prices(deps: ApiDeps, begin: datetime, end: datetime) -> list[PriceOut]:
    if deps.price_at is None:
        return []
    hours = [begin + HOUR * number for number in range(round((end - begin) / HOUR))]
    told = [(at, *deps.price_at(at)) for at in hours]
    return [PriceOut(begins_at=at, yuan_per_kwh=float(yuan), level=level) for at, yuan, level in told]
