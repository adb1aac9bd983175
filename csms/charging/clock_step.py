"""What a step of the server's own clock means for charging: everything that is kept as a moment is moved, then the new
time is shown. People are told; caps count by both times for a day.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from csms.charging.feeder import FeederTree
from csms.charging.journal import Journal
from csms.charging.ledger import Ledger
from csms.charging.outlets import Outlets
from csms.charging.ports import Alerting, Stations
from csms.charging.steady_clock import UNTRUSTED_S, OtherTimes, SteadyClock
from csms.model.errors import StoreUnavailable

log = logging.getLogger(__name__)

STEPPED = "ServerClockStepped"
"""The alert."""
FLOOR_BEGAN_BEFORE = timedelta(hours=23)
"""Floors began a day before they were told; a station whose clock goes back further has none."""


@dataclass(slots=True)
class ClockStep:
    """Whoever keeps moments. `_back`: how far the clock was set back in all since floors were told."""

    clock: SteadyClock
    ledger: Ledger
    journal: Journal
    tree: FeederTree
    times: OtherTimes
    stations: Stations
    outlets: Outlets
    alerts: Alerting | None = None
    _back: timedelta = timedelta()

    def take(self) -> timedelta | None:
        """Take a step over; None: there was none."""
        step = self.clock.step()
        if step is None:
            self.tree.other_times = self.times.behind()
            return None
        self.ledger.move(step, self.clock.now())
        self.journal.move(step)
        self.tree.move(step)
        self.times.stepped(step)
        self.outlets.clock_set(step)
        for station in self.stations.stations.values():
            station.manners.clock_set(step.total_seconds())
        self.tree.other_times = self.times.behind()
        self._back += min(step, timedelta())
        if self._back <= -FLOOR_BEGAN_BEFORE:
            self._back = timedelta()
            for ref in self.ledger.refs:
                self.ledger.lose_profiles(ref)
        self.clock.follow()
        return step

    async def tell(self, step: timedelta) -> None:
        """People should find out which of the two times is right."""
        step_s = round(step.total_seconds())
        log.warning("clock_stepped", extra={"step_s": step_s})
        if self.alerts is None:
            return
        hours = UNTRUSTED_S / 3600
        info = f"the server's clock was set by {step_s:+d} s; for {hours:.0f} h limits count by both times"
        try:
            await self.alerts.raise_(STEPPED, info=info)
        except StoreUnavailable as fault:
            log.error("alert_not_stored", extra={"kind": STEPPED, "info": info, "code": fault.code})
