"""Changes of the supply tree while it is in use: judged, made durable, then in force at once (docs/decisions/0013).

A station that is moved, and all below a feeder that is, count in both places until what they were told before is
replaced or over (`Ledger.enrol`), so that neither place has room too early.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from csms.charging.feeder import Feeder, FeederTree
from csms.charging.ports import ChargingWriter
from csms.charging.tree_change import (
    Failsafe,
    FeederInUse,
    Floors,
    Hanging,
    House,
    TreeRefused,
    UnknownFeeder,
    check,
    with_feeder,
    without_feeder,
)
from csms.model.clock import Clock
from csms.model.errors import ChangeRefused, StoreUnavailable, UnknownStation
from csms.station.state import StationState
from csms.store import changes
from csms.store.change import Change
from csms.store.supply_tables import BaseLoadHighRow, FeederRow, StationPlaceRow, SupplyChange

log = logging.getLogger(__name__)

LOOK_S = 5.0
"""How soon a change that another server made is seen."""
TRIES = 5
"""How often a change is judged anew because another server was faster."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Leaving:
    """A station that counts at a feeder on which it hangs no more, until then at the latest."""

    station_id: str
    until: datetime


class Fleet(Protocol):
    """The stations of this process (csms.station.service.StationService)."""

    @property
    def stations(self) -> Mapping[str, StationState]:
        """Live state by station id."""
        ...

    async def put_on(self, station_id: str, feeder_id: str, beside: Sequence[Change] = ()) -> None:
        """Make durable on which feeder a station hangs, and what stands beside it; raises StoreUnavailable."""
        ...

    def was_put_on(self, places: Mapping[str, str]) -> None:
        """Another server put stations on other feeders."""
        ...


class SupplyReader(Protocol):
    """The reading side of the store."""

    async def find(self, model: type[Any], *, newest: int | None = None) -> Sequence[Any]:
        """All rows by their key, or so many from the last one."""
        ...


class Ledgered(Protocol):
    """What charging holds (csms.charging.service.ChargingService)."""

    def hanging(self) -> list[Hanging]:
        """Every outlet with its floor."""
        ...

    def phases_a(self, feeder_id: str) -> tuple[float, ...]:
        """The most that charging may put on each phase of a feeder now."""
        ...

    def leaving(self) -> dict[str, list[Leaving]]:
        """By feeder: stations that count there although they hang elsewhere now."""
        ...

    def tree_changed(self) -> None:
        """Bring the ledger in step with the tree, at once, and plan again."""
        ...


class Promised(Protocol):
    """What others count on (csms.grid.service.LimitService)."""

    def failsafes(self) -> list[Failsafe]:
        """What the silence of each source leaves."""
        ...

    def in_force(self, feeder_id: str) -> Sequence[str]:
        """Ids of limits on a feeder, in force or to come."""
        ...


NamedBy = Callable[[str], Awaitable[Sequence[str]]]
"""Who names a feeder: settings, tokens."""


@dataclass(frozen=True, slots=True)
class Node:
    """A feeder as it is configured, with what hangs right on it and how the floors below it fit. `phases_a`: the most
    that charging may put on each phase now, where that is counted."""

    feeder: Feeder
    from_settings: bool
    stations: tuple[str, ...]
    floors: Floors
    leaving: tuple[Leaving, ...] = ()
    phases_a: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Moved:
    """Where a station hung and hangs, and until when it counts in both places at the latest; None: in one only."""

    station_id: str
    feeder_id: str
    left_feeder_id: str
    both_until: datetime | None


@dataclass(slots=True)
class TreeDesk:
    """The one way to another supply tree. `settle`: how long a bound granted before may last; `charging` None while no
    cap is kept here; `rows`: what was changed before; `configured`: the feeders of the settings; `number`: of the last
    change that is known here. Every change is judged on the newest tree, whichever server made it.
    """

    clock: Clock
    writer: ChargingWriter
    tree: FeederTree
    fleet: Fleet
    promised: Promised
    named_by: NamedBy
    charging: Ledgered | None
    reserve_share: float
    settle: timedelta
    rows: dict[str, FeederRow] = field(default_factory=dict)
    reader: SupplyReader | None = None
    configured: Sequence[Feeder] = ()
    number: int = 0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def nodes(self) -> list[Node]:
        """All feeders, parents before children."""
        house = self._house()
        floors, stations = house.floors(), self._stations()
        leaving = self.charging.leaving() if self.charging is not None else {}
        return [
            Node(
                self.tree.feeder(id_),
                id_ not in self.rows,
                tuple(sorted(stations.get(id_, ()))),
                floors[id_],
                tuple(leaving.get(id_, ())),
                self.charging.phases_a(id_) if self.charging is not None and id_ in self.tree.counting else (),
            )
            for id_ in self.tree.ids
        ]

    def node(self, feeder_id: str) -> Node:
        """One of them. Raises UnknownFeeder."""
        found = next((node for node in self.nodes() if node.feeder.id == feeder_id), None)
        if found is None:
            raise UnknownFeeder(feeder_id)
        return found

    async def watch(self) -> None:
        """Until cancelled: take over what other servers change."""
        while True:
            await asyncio.sleep(self.clock.wall_s(LOOK_S))
            try:
                await self.refresh()
            except (StoreUnavailable, ValueError) as fault:
                log.warning("supply_tree_not_read", extra={"fault": str(fault)[:200]})

    async def refresh(self) -> bool:
        """Take over what other servers changed; whether there was something. Raises StoreUnavailable, and ValueError
        where their tree is none with the settings of this one.
        """
        async with self._turn:
            return await self._refresh()

    async def put(self, feeder: Feeder, lower_floors: bool = False) -> bool:
        """Add a feeder, or change it; whether it is new. Raises TreeRefused, StoreUnavailable.

        `lower_floors`: floors that do not fit under its lowest cap are lowered, instead of a refusal.
        """

        async def change() -> bool:
            new = feeder.id not in self.tree
            after = with_feeder(self.tree, feeder)
            before = self._house()
            check(before, replace(before, tree=after, outlets=_lowest(before.outlets, lower_floors)))
            await self._take(after, self._row(feeder))
            return new

        return await self._on_the_newest(change)

    async def remove(self, feeder_id: str) -> None:
        """Take a feeder away on which nothing hangs. Raises TreeRefused, StoreUnavailable."""

        async def change() -> None:
            after = without_feeder(self.tree, feeder_id)
            await self._refuse_if_used(feeder_id)
            row = self._row(self.tree.feeder(feeder_id))
            row.removed = True
            await self._take(after, row)

        await self._on_the_newest(change)

    async def forget_meter(self, feeder_id: str) -> bool:
        """The meter of a feeder's base load is gone, so the configured curve counts again; whether anything was known
        of it. Raises UnknownFeeder, StoreUnavailable.
        """
        if feeder_id not in self.tree:
            raise UnknownFeeder(feeder_id)
        await self.writer.commit([changes.delete_rows(BaseLoadHighRow, feeder_id=feeder_id)])
        known = self.tree.base_loads.forget(feeder_id)
        self._changed()
        return known

    async def move(self, station_id: str, feeder_id: str, lower_floors: bool = False) -> Moved:
        """Hang a station elsewhere. Raises UnknownStation, TreeRefused, StoreUnavailable."""

        async def change() -> Moved:
            station = self.fleet.stations.get(station_id)
            if station is None:
                raise UnknownStation(f"no station {station_id!r} is registered")
            if feeder_id not in self.tree:
                raise UnknownFeeder(feeder_id)
            left = station.feeder_id
            before = self._house()
            outlets = [
                replace(_lowest([one], lower_floors)[0], feeder_id=feeder_id)
                if one.ref.station_id == station_id
                else one
                for one in before.outlets
            ]
            check(before, replace(before, outlets=outlets))
            await self.fleet.put_on(station_id, feeder_id, [self._numbered(station_id)])
            self.number += 1
            self._changed()
            return Moved(station_id, feeder_id, left, self._both_until(station_id))

        return await self._on_the_newest(change)

    async def _on_the_newest(self, change: Callable[[], Awaitable[Result]]) -> Result:
        """Judge anew as long as somebody else was faster."""
        async with self._turn:
            for _ in range(TRIES):
                try:
                    await self._refresh()
                except ValueError as fault:
                    raise TreeRefused(
                        "settings_differ", f"what another server changed does not fit here: {fault}"
                    ) from None
                try:
                    return await change()
                except ChangeRefused as fault:
                    log.info("supply_change_again", extra={"fault": str(fault)[:200]})
            raise StoreUnavailable("others change the tree all the time")

    async def _refresh(self) -> bool:
        if self.reader is None:
            return False
        newest = await newest_change(self.reader)
        if newest == self.number:
            return False
        rows = {row.id: row for row in await self.reader.find(FeederRow)}
        places = {row.station_id: row.feeder_id for row in await self.reader.find(StationPlaceRow)}
        self.tree.replace(merged(self.configured, rows.values()), self.clock.now(), self.settle)
        self.rows, self.number = rows, newest
        self.fleet.was_put_on(places)
        self._changed()
        log.info("supply_tree_read", extra={"change": newest})
        return True

    def _numbered(self, subject: str) -> Change:
        return changes.add_row(SupplyChange(number=self.number + 1, made_at=self.clock.now(), subject=subject))

    async def _take(self, after: FeederTree, row: FeederRow) -> None:
        await self.writer.commit([changes.put_row(row), self._numbered(row.id)])
        self.number += 1
        self.rows[row.id] = row
        self.tree.replace(after.feeders, self.clock.now(), self.settle)
        self._changed()

    def _changed(self) -> None:
        if self.charging is not None:
            self.charging.tree_changed()

    def _house(self) -> House:
        outlets = self.charging.hanging() if self.charging is not None else []
        return House(self.tree, outlets, self.promised.failsafes(), self.reserve_share)

    def _stations(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for station in self.fleet.stations.values():
            found.setdefault(self.tree.place(station.feeder_id)[0], []).append(station.station_id)
        return found

    async def _refuse_if_used(self, feeder_id: str) -> None:
        stations = sorted(self._stations().get(feeder_id, ()))
        if stations:
            text = (
                f"feeder {feeder_id}: {len(stations)} stations hang on it ({', '.join(stations[:10])}); move them first"
            )
            raise FeederInUse("feeder_in_use", text, feeder_id=feeder_id, stations=stations)
        limits = self.promised.in_force(feeder_id)
        if limits:
            text = f"feeder {feeder_id}: limits are in force or to come: {', '.join(limits[:10])}; cancel them first"
            raise FeederInUse("feeder_limited", text, feeder_id=feeder_id, limits=list(limits))
        names = await self.named_by(feeder_id)
        if names:
            text = f"feeder {feeder_id} is named by {', '.join(names[:10])}"
            raise FeederInUse("feeder_named", text, feeder_id=feeder_id, named_by=list(names))

    def _both_until(self, station_id: str) -> datetime | None:
        leaving = self.charging.leaving() if self.charging is not None else {}
        ends = [one.until for listed in leaving.values() for one in listed if one.station_id == station_id]
        return max(ends, default=None)

    def _row(self, feeder: Feeder) -> FeederRow:
        now, known = self.clock.now(), self.rows.get(feeder.id)
        return FeederRow(
            id=feeder.id,
            parent=feeder.parent,
            rating_w=feeder.rating_w,
            base_load_w=list(feeder.base_load_w),
            lowest_cap_w=feeder.lowest_cap_w,
            phase_a=feeder.phase_a,
            added_at=known.added_at if known is not None else now,
            changed_at=now,
        )


async def newest_change(reader: SupplyReader) -> int:
    """The number of the last change of the tree; 0 before the first."""
    found = await reader.find(SupplyChange, newest=1)
    return int(found[0].number) if found else 0


def _lowest(outlets: Sequence[Hanging], lower_floors: bool) -> Sequence[Hanging]:
    return [one.lowered for one in outlets] if lower_floors else outlets


def merged(configured: Iterable[Feeder], rows: Iterable[FeederRow]) -> list[Feeder]:
    """The feeders of the settings as they were changed, then those that were added, in the order of their coming."""
    changed = {row.id: row for row in rows}
    found = {feeder.id: feeder for feeder in configured}
    added = sorted((row for row in changed.values() if row.id not in found), key=lambda row: (row.added_at, row.id))
    feeders = [changed_feeder(changed[id_]) if id_ in changed else feeder for id_, feeder in found.items()]
    gone = {row.id for row in changed.values() if row.removed}
    return [feeder for feeder in [*feeders, *map(changed_feeder, added)] if feeder.id not in gone]


def changed_feeder(row: FeederRow) -> Feeder:
    """A feeder as an administrator set it. Raises ValueError."""
    return Feeder(row.id, row.rating_w, row.parent, tuple(row.base_load_w), row.lowest_cap_w, row.phase_a)
