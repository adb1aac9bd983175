"""From the database of a central system to panels: stations, their groups, base loads of feeders, stays of cars."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from csms.store.queries import Reader
from csms.store.tables import Session
from monitor.forecast.groups import groups_of, summed
from monitor.forecast.inputs import Inputs
from monitor.forecast.metered import STEP, station_panel, with_groups
from monitor.forecast.panel import Array, Panel

WEEKS, DAY = 8, timedelta(days=1)
BASE = "base:"
SESSIONS_AT_ONCE = 1000
NOTHING = Inputs()


class NothingKnown(ValueError):
    """There is nothing to forecast yet."""


class PanelReader:
    """`by`: "feeder" or "site", what stations are summed to. `zone`: whose days are days. `known`: in advance.
    `regions`: site -> region, a series each. Raises StoreUnavailable.
    """

    def __init__(
        self,
        reader: Reader,
        by: str = "feeder",
        zone: tzinfo = UTC,
        known: Inputs = NOTHING,
        regions: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._reader, self._by, self.zone, self.known, self._regions = reader, by, zone, known, regions

    def begin(self, end: datetime) -> datetime:
        """The local midnight from which on things are looked at, eight weeks before `end`, in the time as it runs at
        `end`: where clocks are put forward and back, the days before that begin an hour off.
        """
        offset = end.astimezone(self.zone).utcoffset() or timedelta(0)
        return (end - WEEKS * 7 * DAY).astimezone(timezone(offset)).replace(hour=0, minute=0, second=0, microsecond=0)

    async def panel(self, end: datetime) -> tuple[Panel, dict[str, str]]:
        """The newest weeks up to `end`; and who is part of whom. Raises NothingKnown."""
        begin = self.begin(end)
        stations = await self._reader.stations()
        names = [station.id for station in stations]
        part_of = {s.id: s.feeder_id if self._by == "feeder" else s.site_id for s in stations}
        metered = await self._reader.metered_quarters(names, begin.astimezone(UTC), end)
        made = await asyncio.to_thread(station_panel, metered, names, begin, (end - begin) // STEP)
        seen = np.asarray(np.isfinite(made.values).any(axis=0))
        if not seen.any():
            raise NothingKnown("no station has metered anything yet")
        known = _from_first(replace(made, names=_kept(names, seen), values=made.values[:, seen]))
        whole, parents = with_groups(known, {name: f"{self._by}:{group}" for name, group in part_of.items() if group})
        groups = groups_of(stations, await self._reader.evses(), self._regions)
        grouped = _with_sums(whole, {name: ids for name, ids in groups.items() if not ids.isdisjoint(known.names)})
        return self.known.added(await self._with_base(grouped, end)), parents

    async def base_panel(self, end: datetime) -> Panel:
        """The base loads of feeders alone; no series where none was seen."""
        begin = self.begin(end)
        empty = Panel(begin, STEP, (), np.zeros(((end - begin) // STEP, 0)))
        panel = await self._with_base(empty, end)
        return self.known.added(_from_first(panel)) if panel.names else panel

    async def stays(self, since: datetime) -> list[Session]:
        """Sessions that were heard of since a moment."""
        found: list[Session] = []
        while page := await self._reader.sessions_since(since, found[-1].id if found else 0, SESSIONS_AT_ONCE):
            found += page
        return found

    async def feeders(self) -> dict[str, str]:
        """station -> feeder."""
        return {station.id: station.feeder_id for station in await self._reader.stations()}

    async def powers(self) -> Mapping[tuple[str, int], float]:
        """(station, EVSE) -> W on its nameplate."""
        return {(evse.station_id, evse.evse_id): float(evse.power_max_w) for evse in await self._reader.evses()}

    async def _with_base(self, panel: Panel, end: datetime) -> Panel:
        begin = panel.start.astimezone(UTC)
        feeders = await self._reader.feeders_seen(begin) if self._by == "feeder" else []
        columns = {feeder: np.full(panel.steps, np.nan) for feeder in feeders}
        for row in await self._reader.feeder_loads(feeders, begin, end):
            columns[row.feeder_id][(row.begins_at - panel.start) // STEP] = row.base_w * STEP.total_seconds() / 3.6e6
        there = [feeder for feeder in feeders if np.nan_to_num(columns[feeder]).any()]
        values: Array = np.concatenate([panel.values, *(columns[feeder][:, None] for feeder in there)], axis=1)
        return replace(panel, names=(*panel.names, *(BASE + feeder for feeder in there)), values=values)


def _with_sums(panel: Panel, groups: Mapping[str, frozenset[str]]) -> Panel:
    columns = [
        summed(panel.values[:, [i for i, name in enumerate(panel.names) if name in ids]])[:, None]
        for ids in groups.values()
    ]
    return replace(panel, names=(*panel.names, *groups), values=np.concatenate([panel.values, *columns], axis=1))


def _kept(names: Sequence[str], seen: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(name for name, there in zip(names, seen, strict=True) if there)


def _from_first(panel: Panel) -> Panel:
    """From the first day on which anything is known."""
    day = panel.steps_per_day
    first = int(np.isfinite(panel.values).any(axis=1).argmax()) // day * day
    return replace(panel, start=panel.start + first * STEP, values=panel.values[first:])
