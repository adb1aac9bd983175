"""The load of a feeder by quarter-hour: what its stations metered, and the base load beside them.

Charging comes from the energy registers of the outlets, read at the edges of the quarter-hours between their values; of
an outlet that sends no register, from its powers. Until the next quarter-hour is rolled up, too (it has the value
behind the edge), what was seen counts. The base load is what was seen, else the curve. A quarter-hour is known when
this server saw it; on days before it looked, when stations metered that day at all.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Protocol

from csms.charging.feeder import FeederTree
from csms.store.feeder_reading import REGISTER, MeteredQuarter
from csms.store.response_tables import FeederLoad
from csms.store.rollup import UNTIL_TALLY

QUARTER = timedelta(minutes=15)
AROUND = timedelta(hours=1)
"""How far beside a window registers are looked for."""
DAY = timedelta(days=1)
Outlet = tuple[str, int]
Knot = tuple[datetime, float]


@dataclass(frozen=True, slots=True)
class Quarter:
    """W in a quarter-hour; `metered`: the base load was, too, not taken from the curve."""

    begins_at: datetime
    charging_w: float
    base_w: float
    metered: bool

    @property
    def load_w(self) -> float:
        """All of it."""
        return self.charging_w + self.base_w


class LoadReader(Protocol):
    """The store, as far as loads need it."""

    async def metered_quarters(
        self, station_ids: Sequence[str], since: datetime, until: datetime, limit: int | None = None
    ) -> list[MeteredQuarter]:
        """Roll-ups of registers and powers."""
        ...

    async def feeder_loads(self, feeder_ids: Sequence[str], since: datetime, until: datetime) -> Sequence[FeederLoad]:
        """What was seen."""
        ...

    async def tally(self, name: str) -> int | None:
        """A figure kept with the tables."""
        ...


class Stations(Protocol):
    """Which stations hang where."""

    def under(self, feeder_id: str) -> Sequence[str]:
        """The stations at a feeder and below it."""
        ...


class FeederLoads:
    """Loads of feeders as they were. Raises StoreUnavailable."""

    def __init__(self, reader: LoadReader, tree: FeederTree, stations: Stations, zone: tzinfo) -> None:
        self._reader, self._tree, self._stations, self._zone = reader, tree, stations, zone

    async def window(self, feeder_id: str, start: datetime, slots: int) -> list[Quarter | None]:
        """`slots` quarter-hours from `start`; None where the load is not known."""
        since, until = start, start + QUARTER * slots
        below = self._tree.below(feeder_id) if feeder_id in self._tree else (feeder_id,)
        ids = self._stations.under(feeder_id)
        seen = await self._reader.feeder_loads(below, since, until)
        metered = await self._reader.metered_quarters(ids, since - AROUND, until + AROUND)
        rolled_up = datetime.fromtimestamp(await self._reader.tally(UNTIL_TALLY) or 0, UTC)
        by_place = {(row.feeder_id, row.begins_at): row for row in seen}
        blind = not seen and await self._metered_that_day(feeder_id, ids, start)
        energies = await asyncio.to_thread(powers_w, metered, since, slots)
        found: list[Quarter | None] = []
        for n in range(slots):
            at = since + QUARTER * n
            mine = by_place.get((feeder_id, at))
            if mine is None and not blind:
                found.append(None)
                continue
            charging = mine.charging_w if mine is not None and at + 2 * QUARTER > rolled_up else energies[n]
            rows = [by_place.get((id_, at)) for id_ in below]
            base = [self._base_w(id_, row, at) for id_, row in zip(below, rows, strict=True)]
            found.append(Quarter(at, charging, sum(base), all(row is not None and row.metered > 0 for row in rows)))
        return found

    def _base_w(self, feeder_id: str, row: FeederLoad | None, at: datetime) -> float:
        if row is not None:
            return row.base_w
        return float(self._tree.curve_w(feeder_id, at)) if feeder_id in self._tree else 0.0

    async def _metered_that_day(self, feeder_id: str, ids: Sequence[str], at: datetime) -> bool:
        """Whether stations metered on a day of which this server saw nothing."""
        local = at.astimezone(self._zone)
        begin = local.replace(hour=0, minute=0, second=0, microsecond=0)
        end = (begin + DAY).astimezone(UTC)
        if await self._reader.feeder_loads([feeder_id], begin.astimezone(UTC), end):
            return False
        return bool(await self._reader.metered_quarters(ids, begin.astimezone(UTC), end, limit=1))


def powers_w(metered: Iterable[MeteredQuarter], since: datetime, slots: int) -> list[float]:
    """Mean power of all outlets together in each quarter-hour from `since`, W."""
    registers: dict[Outlet, list[Knot]] = {}
    powers: dict[Outlet, dict[datetime, float]] = {}
    for row in metered:
        outlet = row.station_id, row.evse_id
        if row.measurand == REGISTER:
            registers.setdefault(outlet, []).extend(((row.first_at, row.first), (row.last_at, row.last)))
        else:
            powers.setdefault(outlet, {})[row.begins_at] = _mean_w(row)
    sums = [0.0] * slots
    for knots in registers.values():
        edges = _at_edges(sorted(set(knots)), since, slots)
        for n in range(slots):
            sums[n] += (edges[n + 1] - edges[n]) * (3600 / QUARTER.total_seconds())
    for outlet in powers.keys() - registers.keys():
        for n in range(slots):
            sums[n] += powers[outlet].get(since + QUARTER * n, 0.0)
    return sums


def _at_edges(knots: Sequence[Knot], since: datetime, slots: int) -> list[float]:
    """Energy counted up to each edge, Wh from the first knot on. A register that falls began anew and counts from
    there; before its first and after its last value nothing is known to flow.
    """
    times = [at for at, _ in knots]
    counted = [0.0]
    for (_, before), (_, after) in pairwise(knots):
        counted.append(counted[-1] + max(after - before, 0.0))
    return [_between(times, counted, since + QUARTER * n) for n in range(slots + 1)]


def _between(times: Sequence[datetime], counted: Sequence[float], at: datetime) -> float:
    after = bisect_right(times, at)
    if after == 0:
        return 0.0
    if after == len(times):
        return counted[-1]
    share = (at - times[after - 1]) / (times[after] - times[after - 1])
    return counted[after - 1] + share * (counted[after] - counted[after - 1])


def _mean_w(row: MeteredQuarter) -> float:
    """A mean over the part of the quarter-hour in which power was metered; each value holds for one interval."""
    if row.samples < 2:
        return row.mean
    covered = (row.last_at - row.first_at) * row.samples / (row.samples - 1)
    return row.mean * min(covered / QUARTER, 1.0)


class Recorder:
    """Adds up what is seen of feeders, and hands out quarter-hours that are over."""

    def __init__(self, tree: FeederTree) -> None:
        self._tree = tree
        self._sums: dict[tuple[str, datetime], FeederLoad] = {}

    def look(self, charging_w: Mapping[str, float], now: datetime) -> None:
        """One look at every feeder."""
        begins_at = quarter_of(now)
        for feeder_id, watts in charging_w.items():
            reading = self._tree.base_loads.reading(feeder_id, now)
            base_w = reading.power_w if reading is not None else self._tree.curve_w(feeder_id, now)
            row = self._sums.setdefault(
                (feeder_id, begins_at),
                FeederLoad(feeder_id=feeder_id, begins_at=begins_at, base_w=0.0, charging_w=0.0, looks=0, metered=0),
            )
            row.looks += 1
            row.metered += reading is not None
            row.base_w += (base_w - row.base_w) / row.looks
            row.charging_w += (watts - row.charging_w) / row.looks

    def over(self, now: datetime) -> list[FeederLoad]:
        """Quarter-hours before that of `now`."""
        return [row for (_, begins_at), row in self._sums.items() if begins_at < quarter_of(now)]

    def drop(self, rows: Iterable[FeederLoad]) -> None:
        """They are stored."""
        for row in rows:
            self._sums.pop((row.feeder_id, row.begins_at), None)


def quarter_of(at: datetime) -> datetime:
    """The quarter-hour of the clock that a moment lies in."""
    return at - timedelta(minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond)
