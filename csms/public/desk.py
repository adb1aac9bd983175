"""What is told to anybody: live places, made at most every other second, and the habits of groups, learned anew now
and then from the sessions of the last weeks.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, Protocol

from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.model.ids import EvseRef
from csms.model.site import Site
from csms.public.likely import Habits, Stay, learn
from csms.public.places import Group, Place, groups, places
from csms.public.prices import HourPrice, PriceAt, coming_hours
from csms.station.state import StationState

log = logging.getLogger(__name__)

WEEKS = 8
PAGE = 500
STAYS_MAX = 100_000
"""The newest of them say enough, and more take too long to learn from."""
LEARN_S = 6 * 3600.0
WALL_S_MIN = 60.0
"""However fast the clock runs."""
KEPT_S = 2.0
"""Of the wall: so long one answer serves all."""


class Stays(Protocol):
    """Past sessions (csms.store.queries.Reader)."""

    async def stays(self, since: datetime, before_id: int | None, limit: int) -> Sequence[Any]:
        """id, station_id, evse_id, started_at, ended_at of sessions that began since a moment and ended, newest
        first."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """One answer. `operator`: who runs the places."""

    clock_time: datetime
    operator: str
    prices: Sequence[HourPrice]
    places: Sequence[Place]


class PublicDesk:
    """One for the server. `run` in the background; `told` answers. Without a site nothing is told."""

    def __init__(
        self,
        clock: Clock,
        stations: Mapping[str, StationState],
        stays: Stays,
        sites: Sequence[Site],
        price_at: PriceAt,
        zone: tzinfo,
        operator: str = "",
    ) -> None:
        self._clock, self._stations, self._stays = clock, stations, stays
        self._sites, self._price_at, self._zone, self._operator = sites, price_at, zone, operator
        self._habits: Mapping[Group, Habits] = {}
        self._told: Told | None = None
        self._told_s = 0.0

    async def run(self) -> None:
        """Learn, now and every six hours, until cancelled."""
        while True:
            try:
                await self.learn()
            except StoreUnavailable as fault:
                log.warning("habits_not_learned", extra={"code": fault.code})
            await asyncio.sleep(max(self._clock.wall_s(LEARN_S), WALL_S_MIN))

    async def learn(self) -> None:
        """From the sessions of the last weeks. Raises StoreUnavailable."""
        until = self._clock.now()
        since = until - timedelta(weeks=WEEKS)
        of_evse = groups(self._stations.values(), self._sites) if self._sites else {}
        stays = await self._read(since, of_evse)
        self._habits = await asyncio.to_thread(_habits, stays, since, until, self._zone)
        log.debug("habits_learned", extra={"groups": len(self._habits)})

    async def _read(self, since: datetime, of_evse: Mapping[EvseRef, Group]) -> Mapping[Group, list[Stay]]:
        found: defaultdict[Group, list[Stay]] = defaultdict(list)
        before_id, read = None, 0
        while read < STAYS_MAX:
            page = await self._stays.stays(since, before_id, PAGE)
            for row in page:
                group = of_evse.get(EvseRef(row.station_id, row.evse_id))
                if group is not None:
                    found[group].append(Stay(row.started_at, row.ended_at))
            if len(page) < PAGE:
                break
            before_id, read = page[-1].id, read + len(page)
        return found

    def told(self) -> Told:
        """What is told now."""
        now_s = asyncio.get_running_loop().time()
        if self._told is None or now_s >= self._told_s + KEPT_S:
            now = self._clock.now()
            found = places(self._sites, self._stations, self._habits, now)
            self._told = Told(now, self._operator, coming_hours(self._price_at, now), found)
            self._told_s = now_s
        return self._told


def _habits(
    stays: Mapping[Group, Sequence[Stay]], since: datetime, until: datetime, zone: tzinfo
) -> dict[Group, Habits]:
    """Counted from the first stay on: an outlet that is new has had no empty weeks."""
    found = {}
    for group, own in stays.items():
        first = max(since, min(stay.begin for stay in own))
        habits = learn(own, first, until, zone)
        if habits is not None:
            found[group] = habits
    return found
