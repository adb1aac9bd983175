"""What is durable in a simulation, and the moments at which the server may die: around every commit and every frame.

`Disk` survives; a `Hold` is one process's way to it, worth nothing once that process is dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from csms.model.errors import StoreUnavailable
from csms.store.station_tables import LimitRung
from csms.store.tables import ProfileRow, UpperBoundRow

Row = dict[str, Any]


class Disk:
    """The rows of charging. `full`: it takes nothing for now."""

    def __init__(self) -> None:
        self.rungs: dict[tuple[str, str], Row] = {}
        self.bounds: dict[tuple[str, int], Row] = {}
        self.profiles: list[Row] = []
        self._by_key: dict[tuple[Any, ...], Row] = {}
        self.notices: list[str] = []
        self.commits = 0
        self.full = False

    def take(self, changes: Sequence[Any]) -> None:
        """All of it, or (before this is called) nothing."""
        self.commits += 1
        for change in changes:
            for row in change.rows:
                self._take(row)

    def _take(self, row: Row) -> None:
        if "upper_bound_w" in row:
            self.bounds[row["station_id"], row["evse_id"]] = row
        elif "key_profile_id" in row:
            known = self._by_key.get((row["key_station_id"], row["key_profile_id"], row["key_sent_at"]))
            if known is not None:
                known.update((name, value) for name, value in row.items() if not name.startswith("key_"))
        elif "profile_id" in row:
            kept = dict(row)
            self.profiles.append(kept)
            self._by_key[row["station_id"], row["profile_id"], row["sent_at"]] = kept
        elif "rung" in row and "role" in row:
            self.rungs[row["station_id"], row["role"]] = row
        elif "code" in row:
            self.notices.append(row["code"])


class Hold:
    """`csms.charging.ports.ChargingStore` of one process. `point` is asked around every commit and may end it."""

    def __init__(self, disk: Disk, point: Callable[[str], None]) -> None:
        self._disk, self._point = disk, point
        self.alive = True

    @property
    def writer(self) -> Hold:
        """To make changes durable."""
        return self

    @property
    def reader(self) -> Hold:
        """To read rows."""
        return self

    async def commit(self, changes: Sequence[Any]) -> None:
        """Durable when this returns."""
        self._living()
        self._point("before a commit")
        if self._disk.full:
            raise StoreUnavailable("the disk is full")
        self._disk.take(changes)
        self._point("after a commit")

    async def find(self, model: type[LimitRung]) -> Sequence[LimitRung]:
        """The ladders."""
        self._living()
        return [LimitRung(**row) for row in self._disk.rungs.values()]

    async def upper_bounds(self) -> Sequence[UpperBoundRow]:
        """The ledger as written ahead."""
        self._living()
        return [UpperBoundRow(**row) for row in self._disk.bounds.values()]

    async def profiles(self, **_: Any) -> Sequence[ProfileRow]:
        """What was sent, newest first."""
        self._living()
        return [ProfileRow(**row) for row in reversed(self._disk.profiles)]

    def _living(self) -> None:
        if not self.alive:
            raise asyncio.CancelledError
