"""The driver's app: on plug-in it tells the central system when the car leaves and how much it wants.

By default it declares the truth, as published experiments with these data do; with `driver` it declares what the driver
said in the recorded file, which is often wrong. A call that fails is logged and forgotten.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import httpx

from device_sim.clock import SimClock
from device_sim.sessions import Session, Visit
from device_sim.station import Station
from device_sim.stats import FleetStats

EVSE = 1
TIMEOUT_WALL_S = 10.0
ATTEMPTS, PAUSE_S, PAUSE_WALL_MIN_S = 3, 30.0, 0.3  # a station that has just been switched on may not be known yet
CONNECTIONS_MAX = 8

log = logging.getLogger(__name__)


class Declared(StrEnum):
    """What the app says."""

    TRUE = "true"
    DRIVER = "driver"
    NOTHING = "nothing"


def needs(session: Session, declared: Declared) -> tuple[datetime, float] | None:
    """Departure and energy in Wh that the app sends; None if it stays silent."""
    if declared is Declared.NOTHING:
        return None
    if declared is Declared.TRUE:
        return session.departure, session.energy_wh
    if session.declared_departure is None or session.declared_energy_wh is None:
        return None
    return session.declared_departure, session.declared_energy_wh


class DriverApp:
    """Sends needs over HTTP in the background."""

    def __init__(
        self,
        api_url: str,
        clock: SimClock,
        declared: Declared,
        stats: FleetStats,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._clock, self._declared, self._stats = clock, declared, stats
        limits = httpx.Limits(max_connections=CONNECTIONS_MAX)
        self._http = httpx.AsyncClient(
            base_url=api_url.rstrip("/"), timeout=TIMEOUT_WALL_S, trust_env=False, limits=limits, headers=headers
        )
        self._running: set[asyncio.Task[None]] = set()

    def plugged(self, station: Station, visit: Visit) -> None:
        """A car came. Where the card starts nothing, the app asks the central system to start."""
        wish = needs(visit.session, self._declared)
        if wish is not None:
            self._go(self._declare(station.spec.station_id, *wish))
        if not station.behaviour.cards_start:
            self._go(self._start(station.spec.station_id, visit.tag))

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _start(self, station_id: str, tag: str) -> None:
        path = f"/api/v1/stations/{quote(station_id, safe='')}/commands/remote_start"
        try:
            (await self._http.post(path, json={"id_token": tag, "evse_id": EVSE})).raise_for_status()
        except httpx.HTTPError as fault:
            log.warning("start at %s: %s", station_id, fault)

    async def _declare(self, station_id: str, departure: datetime, energy_wh: float) -> None:
        path = f"/api/v1/stations/{quote(station_id, safe='')}/evses/{EVSE}/needs"
        body = {"departure": departure.astimezone(UTC).isoformat(), "energy_wh": energy_wh}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                (await self._http.put(path, json=body)).raise_for_status()
            except httpx.HTTPError as fault:
                log.log(logging.WARNING if attempt == ATTEMPTS else logging.DEBUG, "needs of %s: %s", station_id, fault)
                await asyncio.sleep(max(PAUSE_WALL_MIN_S, self._clock.wall_s(PAUSE_S)) if attempt < ATTEMPTS else 0.0)
            else:
                self._stats.needs_declared += 1
                return
        self._stats.needs_failed += 1

    async def close(self) -> None:
        """Wait for what is under way and close."""
        if self._running:
            await asyncio.wait(set(self._running))
        await self._http.aclose()
