"""What all connections of a gateway have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from csms.gateway.admission import AdmissionLimits, Allowance, Attempts
from csms.gateway.metrics import Metrics
from csms.gateway.ports import Note, StationPort, forget
from csms.model.clock import Clock
from csms.model.station import Protocol
from csms.security.buckets import Buckets
from csms.wire.frames import Call

if TYPE_CHECKING:
    from csms.gateway.connection import Connection


class Shared:
    """`tasks` are those at work now; `allowances` of stations are kept over their connections."""

    def __init__(
        self,
        stations: StationPort,
        clock: Clock,
        metrics: Metrics,
        new_id: Callable[[], str],
        call_timeout_s: float,
        left: Callable[[Connection], None],
        version_of: Callable[[Call], Protocol | None],
        note: Note = forget,
        limits: AdmissionLimits | None = None,
    ) -> None:
        self.limits = limits or AdmissionLimits()
        self.attempts = Attempts(self.limits)
        self.authorizations = Buckets(self.limits.authorize_per_s, self.limits.authorize_burst)
        self.allowances: dict[str, Allowance] = {}
        self.stations, self.clock, self.metrics = stations, clock, metrics
        self.new_id, self.call_timeout_s, self.left, self.version_of = new_id, call_timeout_s, left, version_of
        self.note = note
        self.tasks: set[asyncio.Task[None]] = set()

    def time_s(self) -> float:
        """Seconds of the wall that never step."""
        return asyncio.get_running_loop().time()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Work that the gateway waits for before it stops."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def allowance(self, station_id: str) -> Allowance:
        """What a station may send; there are as many as stations that were ever let in."""
        known = self.allowances.get(station_id)
        if known is None:
            known = self.allowances[station_id] = Allowance(self.limits.messages_burst, self.time_s())
        return known
