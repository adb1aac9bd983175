"""The last resort (grid-limits B6): where metering stays above a cap, who obeys no limit is stopped.

Limits in every form come first, and so do the floors of all others; who keeps its limit is never stopped. The session
that draws most goes first, and no more of them than it takes. A station that does not stop either is taken out of
service, and a person is told. Which ones, and when, is decided here without any I/O; `CutOff` carries it out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from csms.charging.courier import PATIENCE_S
from csms.charging.feeder import Caps, FeederTree
from csms.charging.ledger import Ledger
from csms.charging.outlets import Outlets
from csms.charging.ports import Alerting, Stations
from csms.model.clock import Clock
from csms.model.command import ChangeAvailability, Command, RemoteStop
from csms.model.errors import CsmsError, PeerError, StoreUnavailable
from csms.model.event import SessionCutOff
from csms.model.ids import EvseRef

log = logging.getLogger(__name__)

LOOK_S = 5.0
AGAIN_S = 60.0
"""A stop has this long to show in the metering."""
CUT_OFF = "SessionCutOff"
WORTH_W = 100
"""Below this a session is not worth stopping."""


class Draw(NamedTuple):
    """A session as metered. `kept`: a limit that is known to act holds it."""

    ref: EvseRef
    path: tuple[str, ...]
    power_w: int
    floor_w: int
    kept: bool
    reachable: bool


def to_stop(excess_w: Mapping[str, int], draws: Iterable[Draw]) -> list[EvseRef]:
    """Sessions to stop so that no feeder is above its cap any more, or all that may be stopped.

    `excess_w`: metering above the cap, by feeder, lowest feeders first.
    """
    left_w = dict(excess_w)
    found: list[EvseRef] = []
    stoppable = [one for one in draws if not one.kept and one.reachable and one.power_w > max(one.floor_w, WORTH_W)]
    for draw in sorted(stoppable, key=lambda one: (-one.power_w, one.ref)):
        if any(left_w.get(id_, 0) > 0 for id_ in draw.path):
            found.append(draw.ref)
            for id_ in draw.path:
                left_w[id_] = left_w.get(id_, 0) - draw.power_w
    return found


@dataclass(slots=True)
class Tried:
    """What was done about a session: when (monotonic), and whether it was asked to stop before."""

    session_id: int
    at_s: float
    stopped: bool = False


Turn = Callable[[str], AbstractAsyncContextManager[None]]
"""Waits until a station has nothing else to answer: one command at a time."""


@dataclass(slots=True)
class CutOff:
    """`after_s`: how long metering must be above a cap without a break; 0: nobody is ever stopped."""

    clock: Clock
    stations: Stations
    outlets: Outlets
    ledger: Ledger
    tree: FeederTree
    caps: Caps
    after_s: float
    turn: Turn
    alerts: Alerting | None = None
    _above_since_s: dict[str, float] = field(default_factory=dict)
    _tried: dict[EvseRef, Tried] = field(default_factory=dict)

    async def run(self) -> None:
        """Until cancelled."""
        while self.after_s > 0:
            try:
                await self.look()
            except Exception:
                log.exception("cut_off_failed")
            await asyncio.sleep(self.clock.wall_s(LOOK_S))

    async def look(self) -> None:
        """Look at every feeder once, and stop whom it takes."""
        now, now_s = self.clock.now(), self.clock.monotonic_s()
        excess_w = self._excess_w(now, now_s)
        if not excess_w:
            return
        stops = []
        for ref in to_stop(excess_w, self._draws()):
            tried = self._tried.get(ref)
            if tried is None or now_s >= tried.at_s + AGAIN_S:
                feeder_id = next(id_ for id_ in self.ledger.account(ref).path if id_ in excess_w)
                stops.append(self._stop(ref, feeder_id, now))
        await asyncio.gather(*stops)

    def _excess_w(self, now: datetime, now_s: float) -> dict[str, int]:
        """Feeders that were above their caps for long enough, lowest ones first."""
        found, loads_w = {}, self._loads_w(now)
        for feeder_id in reversed(self.tree.ids):
            over_w = loads_w[feeder_id] - self.tree.cap_w(feeder_id, self.caps, now)
            if over_w <= 0:
                self._above_since_s.pop(feeder_id, None)
            elif now_s - self._above_since_s.setdefault(feeder_id, now_s) >= self.after_s:
                found[feeder_id] = over_w
        return found

    def _loads_w(self, now: datetime) -> dict[str, int]:
        """Base load and sessions, by feeder. A meter that has not spoken since a limit was told is not believed where
        the ledger knows better."""
        self.tree.base_loads.look(now)
        loads_w = self.tree.base_loads_w(self.tree.ids, now)
        for draw in self._draws():
            power_w = min(draw.power_w, self.ledger.upper_bound_w(draw.ref, now)) if draw.kept else draw.power_w
            for id_ in draw.path:
                loads_w[id_] += power_w
        return loads_w

    def _draws(self) -> Iterable[Draw]:
        for ref in self.ledger.refs:
            evse, account = self.outlets.evse(ref), self.ledger.account(ref)
            if evse is None or evse.session is None:
                self._tried.pop(ref, None)
                continue
            kept = account.limit_acts and not account.loose
            there = self.stations.stations[ref.station_id].online
            yield Draw(ref, account.path, round(evse.power_w or 0), account.floor_counted_w, kept, there)

    async def _stop(self, ref: EvseRef, feeder_id: str, now: datetime) -> None:
        session, evse = self.outlets.session(ref), self.outlets.evse(ref)
        if session is None or evse is None:
            return
        before = self._tried.get(ref)
        again = before is not None and before.session_id == session.session_id and before.stopped
        self._tried[ref] = Tried(session.session_id, self.clock.monotonic_s(), stopped=True)
        command: Command = ChangeAvailability(False, ref.evse_id) if again else RemoteStop(session.transaction_id)
        status = await self._ask(ref.station_id, command)
        how = "out of service" if again else "stopped"
        told_w = round(evse.power_w or 0)
        told = {"evse": str(ref), "feeder": feeder_id, "power_w": told_w, "how": how, "answer": status}
        log.warning("session_cut_off", extra=told)
        self.stations.bus.publish(SessionCutOff(ref, feeder_id, told_w, how, status, now))
        await self._alert(ref, f"{ref} drew {told_w / 1000:.1f} kW above the cap of {feeder_id}: {how}, {status}")

    async def _alert(self, ref: EvseRef, info: str) -> None:
        if self.alerts is None:
            return
        try:
            await self.alerts.raise_(CUT_OFF, ref.station_id, info)
        except StoreUnavailable as fault:
            log.error("alert_not_stored", extra={"kind": CUT_OFF, "info": info, "code": fault.code})

    async def _ask(self, station_id: str, command: Command) -> str:
        try:
            async with self.turn(station_id), asyncio.timeout(self.clock.wall_s(PATIENCE_S)):
                return (await self.stations.command(station_id, command)).status
        except (CsmsError, PeerError, TimeoutError) as fault:
            return getattr(fault, "code", "") or type(fault).__name__
