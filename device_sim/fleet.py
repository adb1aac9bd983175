"""Many stations in one loop, each with its timetable; one shared ticker moves all of them.

Trace: one JSON object a line, `{"time": ISO UTC, "at_s": simulated seconds since the start, "power_w": true power of
all piles}`, and `"piles": {station_id: W}` (those above 0) when asked; one line a tick of 1 to 10 simulated
seconds.
Summary: one JSON object, the counters of `stats.FleetStats` and `energy_delivered_wh`, `sessions_planned`, `peak_w`,
`began`, `ended` (ISO UTC, simulated), `unacknowledged` (transaction messages left), `drained`, `interrupted`.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from device_sim.assign import Assignment
from device_sim.client16 import Station16
from device_sim.client21 import Station21
from device_sim.client201 import Station201
from device_sim.clock import SimClock, at
from device_sim.driver import Declared, DriverApp
from device_sim.faults import FaultSpec, Mishap, plan_faults
from device_sim.pile import PileSpec
from device_sim.quirks import behave_as
from device_sim.sessions import Visit
from device_sim.station import Station
from device_sim.stats import FleetStats
from firmware_profiles import Book, shipped_book

TICK_MIN_S, TICK_MAX_S, TICK_WALL_S = 1.0, 10.0, 0.035
DRAIN_WALL_S = 30.0
DRAIN_POLL_WALL_S = 0.1
STAGGER_WALL_S = 0.004  # between the first connections of two piles
CLIENTS: dict[str, type[Station]] = {"ocpp1.6": Station16, "ocpp2.0.1": Station201, "ocpp2.1": Station21}


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """`hours`: how long to run; None until the last car has left (for ever if there is none).

    `book`: where the firmware profiles of piles are looked up. `api_headers`: how the driver's app shows who it is.
    """

    url: str = "ws://127.0.0.1:9000/ocpp"
    api_url: str | None = None
    seed: int = 1
    hours: float | None = None
    faults: Sequence[FaultSpec] = ()
    declared: Declared = Declared.TRUE
    trace: Path | None = None
    trace_piles: bool = False
    summary: Path | None = None
    book: Book = field(default_factory=shipped_book)
    api_headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Fleet:
    """Build it, `await run()`, read `summary()`. `request_stop` may be called from a signal handler."""

    settings: FleetSettings
    piles: Sequence[PileSpec]
    assignment: Assignment
    clock: SimClock
    stats: FleetStats = field(default_factory=FleetStats)
    stations: list[Station] = field(default_factory=list)
    peak_w: float = 0.0
    _began_s: float = 0.0
    _drained: bool = False
    _interrupted: bool = False
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _mishaps: deque[Mishap] = field(default_factory=deque)

    @property
    def power_w(self) -> float:
        """True power of all piles now."""
        return math.fsum(station.pile.power_w for station in self.stations)

    @property
    def energy_wh(self) -> float:
        """What all meters counted since the start."""
        return math.fsum(station.pile.register_wh for station in self.stations)

    @property
    def online(self) -> int:
        """How many stations have a connection."""
        return sum(station.link.online for station in self.stations)

    def request_stop(self) -> None:
        """End soon, without waiting for the timetable."""
        self._interrupted = True
        self._stop.set()

    async def run(self, show: Callable[[Fleet], None] | None = None) -> None:
        """Run to the end of the timetable or until stopped. Raises OSError when trace or summary cannot be written."""
        self._began_s = self.clock.epoch_s()
        url, declared = self.settings.api_url, self.settings.declared
        app = DriverApp(url, self.clock, declared, self.stats, self.settings.api_headers) if url else None
        self._build(app)
        trace = self.settings.trace.open("w", encoding="utf-8", buffering=1) if self.settings.trace else None
        links = [asyncio.create_task(self._link(number, station)) for number, station in enumerate(self.stations)]
        try:
            await self._tick_until_end(trace, show)
            if not self._interrupted:
                await self._drain(trace)
        finally:
            await asyncio.gather(*(station.link.stop() for station in self.stations))
            for task in links:
                task.cancel()
            await asyncio.gather(*links, return_exceptions=True)
            if app is not None:
                await app.close()
            if trace is not None:
                trace.close()
        if self.settings.summary is not None:
            self.settings.summary.write_text(json.dumps(self.summary(), indent=1) + "\n", encoding="utf-8")

    def _build(self, app: DriverApp | None) -> None:
        self.stats.turned_away += len(self.assignment.turned_away)
        for spec in self.piles:
            visits = [v for v in self.assignment.visits.get(spec.station_id, ()) if self._is_ahead(v)]
            rng = random.Random(f"{self.settings.seed}:{spec.station_id}")
            known = self.settings.book.named(spec.profile)
            behaviour = None if known is None else behave_as(known)
            station = CLIENTS[spec.protocol](spec, visits, self.settings.url, self.clock, self.stats, rng, behaviour)
            station.on_plugged = app.plugged if app is not None else None
            self.stations.append(station)
            self.stats.stations_by_version[spec.protocol] += 1
        names = [spec.station_id for spec in self.piles]
        hours = (self._end_s() - self._began_s) / 3600.0
        mishap_hours = hours if math.isfinite(hours) else 24.0 * 7
        self._mishaps.extend(plan_faults(self.settings.faults, names, self._began_s, mishap_hours, self.settings.seed))

    def _is_ahead(self, visit: Visit) -> bool:
        return visit.session.departure_s > self._began_s

    def _end_s(self) -> float:
        """Late in the day all cars of the timetable may have left already; that is as if there were none."""
        hours, last = self.settings.hours, self.assignment.end
        end_s = math.inf if last is None or last.timestamp() <= self._began_s else last.timestamp()
        return end_s if hours is None else min(self._began_s + hours * 3600.0, end_s)

    async def _link(self, number: int, station: Station) -> None:
        await asyncio.sleep(number * STAGGER_WALL_S)
        await station.link.run()

    async def _tick_until_end(self, trace: TextIO | None, show: Callable[[Fleet], None] | None) -> None:
        end_s = self._end_s()
        while not self._stop.is_set():
            now_s = self.clock.epoch_s()
            self._tick(now_s, trace)
            if show is not None:
                show(self)
            if now_s >= end_s:
                return
            await self._pause()

    async def _pause(self) -> None:
        tick_s = min(TICK_MAX_S, max(TICK_MIN_S, self.clock.speed * TICK_WALL_S))
        await asyncio.sleep(self.clock.wall_s(tick_s))

    def _tick(self, now_s: float, trace: TextIO | None) -> None:
        while self._mishaps and self._mishaps[0].at_s <= now_s:
            self._mishap(self._mishaps.popleft())
        for station in self.stations:
            station.tick(now_s)
        power_w = self.power_w
        self.peak_w = max(self.peak_w, power_w)
        if trace is not None:
            trace.write(json.dumps(self._trace_line(now_s, power_w)) + "\n")

    def _trace_line(self, now_s: float, power_w: float) -> dict[str, Any]:
        line: dict[str, Any] = {
            "time": at(now_s).isoformat(timespec="milliseconds"),
            "at_s": round(now_s - self._began_s, 3),
            "power_w": round(power_w, 1),
        }
        if self.settings.trace_piles:
            drawing = [station for station in self.stations if station.pile.power_w > 0]
            line["piles"] = {station.spec.station_id: round(station.pile.power_w, 1) for station in drawing}
        return line

    def _mishap(self, mishap: Mishap) -> None:
        station = next(s for s in self.stations if s.spec.station_id == mishap.station_id)
        self.stats.faults[mishap.kind] += 1
        if mishap.kind == "drop":
            station.link.abort()
        elif mishap.kind == "power":
            station.lose_power(mishap.down_s)
        else:
            station.link.repeats_next = True

    async def _drain(self, trace: TextIO | None) -> None:
        """Every car leaves; then wait, but not for ever, until all transaction messages are acknowledged."""
        self._mishaps.clear()
        for station in self.stations:
            station.unplug_all()
        try:
            async with asyncio.timeout(DRAIN_WALL_S):
                while not all(station.idle for station in self.stations) and not self._stop.is_set():
                    self._tick(self.clock.epoch_s(), trace)
                    await asyncio.sleep(min(DRAIN_POLL_WALL_S, self.clock.wall_s(TICK_MAX_S)))
        except TimeoutError:
            return
        self._drained = not self._stop.is_set()

    def summary(self) -> dict[str, Any]:
        """What happened, as in the module's docstring."""
        return {
            **self.stats.summary(),
            "energy_delivered_wh": round(self.energy_wh, 3),
            "sessions_planned": sum(len(visits) for visits in self.assignment.visits.values()),
            "peak_w": round(self.peak_w, 1),
            "all_connected": at(max(booted)).isoformat() if (booted := self.stats.first_boot_s.values()) else None,
            "began": at(self._began_s).isoformat(),
            "ended": self.clock.now().isoformat(),
            "unacknowledged": sum(station.outgoing.durable_count for station in self.stations),
            "drained": self._drained,
            "interrupted": self._interrupted,
        }
