"""What becomes of a limit after its acknowledgement (grid-limits A2, 7 to 12).

Each limit that lowers a cap is followed until metering shows that it holds, or until it is over; the outcome goes into
the audit log. Nothing in here is needed for the cap to hold.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from csms.charging.compliance import Compliance
from csms.grid.service import LimitService, Record
from csms.grid.tally import Tally
from csms.model.audit import AuditEntry
from csms.model.clock import Clock
from csms.model.event import Event, LimitChanged
from csms.model.limit import Direction, Limit
from csms.station.bus import EventBus

log = logging.getLogger(__name__)

LOOK_S = 0.5
LOOKS_TO_VERIFY = 3
"""As many looks in a row at metering below the cap, which comes anew each some seconds."""
VERIFY_EVERY = timedelta(seconds=5)
FOLLOWED_MAX = 10_000

Ask = Callable[[str], Compliance]
"""How far a feeder has come."""


class Stage(StrEnum):
    """How far a limit has come. COMMANDED: whoever can be reached was told; CONFIRMED: nobody may be drawing more;
    VERIFIED: metering says so."""

    ACKNOWLEDGED = "acknowledged"
    COMMANDED = "commanded"
    CONFIRMED = "confirmed"
    VERIFIED = "verified"
    OVER = "over"


class Outcome(StrEnum):
    """What is reported of a limit. PARTLY: it holds by metering, though some may be drawing more."""

    PENDING = "pending"
    ACHIEVED = "achieved"
    PARTLY = "partly achieved"
    MISSED = "not achieved"


@dataclass(slots=True)
class Track:
    """One version of a limit on its way. `reached`: when it came to a stage; `binds_at`: when it begins to count."""

    limit: Limit
    binds_at: datetime
    reached: dict[Stage, datetime] = field(default_factory=dict)
    outcome: Outcome = Outcome.PENDING
    last: Compliance | None = None
    below: int = 0
    looked_at: datetime | None = None

    @property
    def stage(self) -> Stage:
        """The furthest one."""
        return list(self.reached)[-1]

    def look(self, now: datetime, found: Compliance, grace: timedelta) -> bool:
        """Whether something changed that has to be told."""
        before = self.stage, self.outcome
        self.last = found
        if found.commanded:
            self.reached.setdefault(Stage.COMMANDED, now)
        if found.commanded and found.confirmed:
            self.reached.setdefault(Stage.CONFIRMED, now)
        self._meter(now, found)
        if self.below >= LOOKS_TO_VERIFY and Stage.CONFIRMED in self.reached:
            self.reached[Stage.VERIFIED] = now
            self.outcome = Outcome.ACHIEVED
        elif now >= self.binds_at + grace and Stage.VERIFIED not in self.reached:
            self.outcome = Outcome.PARTLY if found.metered_below else Outcome.MISSED
        return (self.stage, self.outcome) != before

    def _meter(self, now: datetime, found: Compliance) -> None:
        if self.looked_at is not None and now - self.looked_at < VERIFY_EVERY:
            return
        self.looked_at = now
        self.below = self.below + 1 if found.metered_below else 0

    @property
    def took_s(self) -> float | None:
        """From when it was to hold until metering showed it; None before."""
        at = self.reached.get(Stage.VERIFIED)
        return None if at is None else (at - self.binds_at).total_seconds()

    @property
    def done(self) -> bool:
        """Whether there is nothing left to follow."""
        return Stage.VERIFIED in self.reached or Stage.OVER in self.reached

    def view(self) -> dict[str, Any]:
        """As it is shown and recorded; stations in the way only while there are some."""
        times = {stage.value: at.isoformat() for stage, at in self.reached.items()}
        facts = {"stage": self.stage.value, "outcome": self.outcome.value, "reached": times}
        return facts | ({"feeder": asdict(self.last)} if self.last is not None else {})


class LimitProgress:
    """Follows limits in the background; asks charging."""

    def __init__(
        self, clock: Clock, limits: LimitService, ask: Ask, record: Record, bus: EventBus, grace_s: float
    ) -> None:
        """`grace_s`: after this a limit that is not verified is reported as not, or partly, achieved."""
        self._clock, self._limits, self._ask, self._record = clock, limits, ask, record
        self._grace = timedelta(seconds=grace_s)
        self._tracks: OrderedDict[tuple[str, str, str], Track] = OrderedDict()
        self._wake = asyncio.Event()
        self.taking_effect = Tally()
        bus.subscribe(self._heard)
        for feeder_id in limits.feeders.ids:
            self._follow_all(feeder_id)

    def track(self, limit: Limit) -> Track | None:
        """What is known of a limit's way."""
        return self._tracks.get((limit.source, limit.feeder_id, limit.limit_id))

    async def run(self) -> None:
        """Until cancelled. A fault in here is told and costs nobody a limit."""
        while True:
            try:
                self.look()
            except Exception:
                log.exception("limit_progress_failed")
            if all(track.done for track in self._tracks.values()):
                self._wake.clear()
                await self._wake.wait()
            await asyncio.sleep(self._clock.wall_s(LOOK_S))

    def look(self) -> None:
        """Look at every limit on its way once."""
        now = self._clock.now()
        asked: dict[str, Compliance] = {}
        for track in self._tracks.values():
            if track.done:
                continue
            limit = track.limit
            if limit.cancelled or now >= limit.valid_to:
                track.reached[Stage.OVER] = now
                self._tell(track)
            elif now >= track.binds_at:
                if limit.feeder_id not in asked:
                    asked[limit.feeder_id] = self._ask(limit.feeder_id)
                if track.look(now, asked[limit.feeder_id], self._grace):
                    self._tell(track)
                if track.took_s is not None:
                    self.taking_effect.add(track.took_s)

    def _heard(self, event: Event) -> None:
        if isinstance(event, LimitChanged):
            self._follow_all(event.feeder_id)
            self._drop_cancelled(event.feeder_id)
            self._wake.set()

    def _follow_all(self, feeder_id: str) -> None:
        for limit in self._limits.known(feeder_id):
            key = limit.source, limit.feeder_id, limit.limit_id
            known = self._tracks.get(key)
            if limit.direction is Direction.IMPORT and (known is None or known.limit.version < limit.version):
                self._follow(key, limit)

    def _follow(self, key: tuple[str, str, str], limit: Limit) -> None:
        self._tracks.pop(key, None)
        binds_at = max(limit.valid_from, limit.received_at)
        self._tracks[key] = Track(limit, binds_at, {Stage.ACKNOWLEDGED: self._clock.now()})
        while len(self._tracks) > FOLLOWED_MAX:
            self._tracks.popitem(last=False)

    def _drop_cancelled(self, feeder_id: str) -> None:
        """A newer version that cancels is not among the limits known; its track ends."""
        known = {(limit.source, limit.limit_id) for limit in self._limits.known(feeder_id)}
        for (source, of_feeder, limit_id), track in self._tracks.items():
            if of_feeder == feeder_id and (source, limit_id) not in known and not track.done:
                track.reached[Stage.OVER] = self._clock.now()
                self._tell(track)

    def _tell(self, track: Track) -> None:
        limit = track.limit
        told = {"limit": limit.limit_id, "feeder": limit.feeder_id, "stage": track.stage.value}
        log.info("limit_progress", extra=told | {"outcome": track.outcome.value})
        on = {"feeder": limit.feeder_id, "limit": limit.limit_id}
        detail = {"source": limit.source, "version": limit.version}
        self._record.owe(AuditEntry("limit", "carry out limit", on=on, detail=detail, result=track.view()))
