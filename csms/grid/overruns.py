"""Whether metering is below every cap: seconds above are counted, and a person is told when it lasts.

Nothing in here is needed for a cap to hold; it is how anybody knows that it does.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping

from csms.charging.status import FeederLoad
from csms.grid.service import Alerts
from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable

log = logging.getLogger(__name__)

LOOK_S = 2.0
ABOVE_CAP = "FeederAboveCap"
"""The alert of this room."""


class Overruns:
    """Looks at every feeder; `above_s` [feeder] are the seconds above a cap since the server began.

    `grace_s`: loads come down within that after a cap was lowered, so a person is told only then. What lies above
    counts from the first second.
    """

    def __init__(
        self, clock: Clock, ask: Callable[[], Mapping[str, FeederLoad]], alerts: Alerts, grace_s: float
    ) -> None:
        self._clock, self._ask, self._alerts, self._grace_s = clock, ask, alerts, grace_s
        self.above_s: defaultdict[str, float] = defaultdict(float)
        self._since_s: dict[str, float] = {}
        self._told: set[str] = set()
        self._looked_s = clock.monotonic_s()

    async def run(self) -> None:
        """Until cancelled. A fault in here is told and costs nothing else."""
        while True:
            try:
                await self.look()
            except StoreUnavailable as fault:
                log.error("alert_not_stored", extra={"kind": ABOVE_CAP, "code": fault.code})
            except Exception:
                log.exception("overrun_watch_failed")
            await asyncio.sleep(self._clock.wall_s(LOOK_S))

    async def look(self) -> None:
        """Look once; time since the last look counts for whatever is above now."""
        now_s = self._clock.monotonic_s()
        passed_s, self._looked_s = now_s - self._looked_s, now_s
        loads = self._ask()
        above = {feeder_id for feeder_id, load in loads.items() if load.drawn_w > load.cap_w}
        self._since_s = {feeder_id: self._since_s.get(feeder_id, now_s) for feeder_id in above}
        for feeder_id in above:
            self.above_s[feeder_id] += passed_s
        lasting = {feeder_id for feeder_id, since_s in self._since_s.items() if now_s - since_s >= self._grace_s}
        await self._tell(lasting, loads)

    async def _tell(self, lasting: set[str], loads: Mapping[str, FeederLoad]) -> None:
        """What could not be stored is told the next time."""
        for feeder_id in sorted(lasting - self._told):
            load = loads[feeder_id]
            told = {"feeder": feeder_id, "drawn_w": load.drawn_w, "cap_w": load.cap_w}
            log.error("feeder_above_cap", extra=told)
            info = f"{feeder_id}: {load.drawn_w / 1000:.1f} kW are metered, {load.cap_w / 1000:.1f} kW may be drawn"
            await self._alerts.raise_(ABOVE_CAP, "", info)
        if self._told and not lasting:
            await self._alerts.over(ABOVE_CAP, "", "every feeder is below its cap")
        self._told = lasting
