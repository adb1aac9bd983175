"""Keeps what is known of base loads beyond a restart, and tells people which meters are silent.

A meter that was silent when the server went is silent when it comes back: the highest of its last day counts until it
speaks, or until a person says that it is gone (`TreeDesk.forget_meter`).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any, Protocol

from csms.charging.base_load import HOLD, High
from csms.charging.feeder import FeederTree
from csms.charging.ports import Alerting, ChargingWriter
from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.store import changes
from csms.store.supply_tables import BaseLoadHighRow

log = logging.getLogger(__name__)

LOOK_S = 15.0
SILENT = "BaseLoadMeterSilent"
"""The alert."""


class Reader(Protocol):
    """The reading side of the store."""

    async def find(self, model: type[Any]) -> Any:
        """All rows by their key."""
        ...


async def restore(tree: FeederTree, reader: Reader) -> None:
    """Every meter that ever spoke counts as silent until it speaks again. Raises StoreUnavailable."""
    for row in await reader.find(BaseLoadHighRow):
        tree.base_loads.restore(row.feeder_id, High(row.power_w, row.hour))


@dataclass(slots=True)
class BaseLoadKeeper:
    """`run` it beside whoever takes readings. Soon after a start no meter is told to be silent: it has its period."""

    clock: Clock
    tree: FeederTree
    writer: ChargingWriter
    alerts: Alerting | None = None
    _written: dict[str, High] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)
    _began_s: float = field(init=False)

    def __post_init__(self) -> None:
        """It begins now."""
        self._began_s = self.clock.monotonic_s()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self.clock.wall_s(LOOK_S))
            try:
                await self.look()
            except StoreUnavailable as fault:
                log.warning("base_loads_not_stored", extra={"fault": str(fault)[:200]})

    async def look(self) -> None:
        """Once. Raises StoreUnavailable."""
        loads = self.tree.base_loads
        loads.look(self.clock.now())
        highs = loads.highs()
        news = {id_: high for id_, high in highs.items() if self._written.get(id_) != high}
        if news:
            rows = [BaseLoadHighRow(feeder_id=id_, power_w=high.power_w, hour=high.hour) for id_, high in news.items()]
            await self.writer.commit([changes.put_row(row) for row in rows])
        self._written = highs
        if self.clock.monotonic_s() - self._began_s >= HOLD.total_seconds():
            await self._tell(loads.silent)

    async def _tell(self, silent: dict[str, int]) -> None:
        """One alert for each time that a meter falls silent."""
        for feeder_id in sorted(silent.keys() - self._told):
            kw = silent[feeder_id] / 1000
            info = f"feeder {feeder_id}: its base load is not metered any more; {kw:g} kW count until it is"
            log.warning("base_load_meter_silent", extra={"feeder": feeder_id, "counted_w": silent[feeder_id]})
            if self.alerts is not None:
                await self.alerts.raise_(SILENT, "", info)
            self._told.add(feeder_id)
        self._told &= silent.keys()
