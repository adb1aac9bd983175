"""A platform that refuses everything (a signature, our envelope, a token) is a matter for a person: one alert, open for
as long as any platform does so."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from csms.model.errors import CsmsError

log = logging.getLogger(__name__)

REFUSES = "PlatformRefuses"
"""The kind of the alert."""

RefusalTold = Callable[[str, str], Awaitable[None]]
"""Hears that a partner refuses everything, and why; and with an empty reason that it takes messages again."""


class Alarms(Protocol):
    """Who opens alerts (csms.station.alerts.Alerts)."""

    async def raise_(self, kind: str, station_id: str = "", info: str = "") -> None:
        """Open one, or count it again; raises StoreUnavailable."""
        ...

    async def over(self, kind: str, station_id: str, note: str) -> None:
        """What it was about is over by itself."""
        ...


class Refusals:
    """Who refuses us now; without alarms the log alone says so."""

    def __init__(self, alarms: Alarms | None = None) -> None:
        self._alarms = alarms
        self._now: dict[str, str] = {}

    async def told(self, partner_id: str, reason: str) -> None:
        """A partner began to refuse everything, for another reason, or (empty) takes messages again."""
        if reason:
            self._now[partner_id] = reason
            log.error("province_partner_refuses", extra={"partner": partner_id, "reason": reason})
        elif self._now.pop(partner_id, ""):
            log.warning("province_partner_takes_again", extra={"partner": partner_id})
        try:
            await self._alert(f"{partner_id}: {reason}" if reason else "")
        except CsmsError as fault:  # the log has it; delivery goes on
            log.warning("province_alert_failed", extra={"partner": partner_id, "code": fault.code})

    async def _alert(self, info: str) -> None:
        if self._alarms is None:
            return
        if info:
            await self._alarms.raise_(REFUSES, info=info)
        elif not self._now:
            await self._alarms.over(REFUSES, "", "it takes messages again")
