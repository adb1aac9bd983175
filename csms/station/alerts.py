"""Alerts: what a person should look at, open until somebody acknowledges it.

One matter (a kind, at a station or at none) is one alert, however often it happens. It is stored in the commit of what
it is about; then the log has a line (`alert_opened`), and whoever listens is told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from weakref import WeakValueDictionary

from csms.model.clock import Clock
from csms.model.errors import CsmsError, StoreUnavailable
from csms.store import changes
from csms.store.change import Change
from csms.store.engine import Store
from csms.store.security_tables import Alert

INFO_LENGTH_MAX, NOTE_LENGTH_MAX = 255, 255
WAITING_MAX, LISTENERS_MAX = 100, 50
OURSELVES = "csms"
"""Who acknowledges what is over by itself."""

log = logging.getLogger(__name__)


class UnknownAlert(CsmsError):
    """There is no alert of this number."""

    code = "unknown_alert"


class Alerts:
    """All alerts of this server, over the store."""

    def __init__(self, clock: Clock, store: Store) -> None:
        self._clock, self._store = clock, store
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._listeners: set[asyncio.Queue[Alert]] = set()

    @property
    def crowded(self) -> bool:
        """Whether as many listen as may."""
        return len(self._listeners) >= LISTENERS_MAX

    @contextmanager
    def listen(self) -> Iterator[asyncio.Queue[Alert]]:
        """Every alert from now on, each time it is raised; who is too slow misses some, and sees them in the list."""
        queue: asyncio.Queue[Alert] = asyncio.Queue(WAITING_MAX)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    async def raise_(self, kind: str, station_id: str = "", info: str = "", about: Sequence[Change] = ()) -> None:
        """Open an alert, or count one that is open; `about` is committed with it. Raises StoreUnavailable."""
        now, told = self._clock.now(), info[:INFO_LENGTH_MAX]
        reader, writer = self._store.reader, self._store.writer
        async with self._turn(kind, station_id):
            known = await reader.open_alert(kind, station_id)
            if known is None:
                row = Alert(kind=kind, station_id=station_id, opened_at=now, last_at=now, info=told)
                await writer.commit([*about, changes.add_row(row)])
                known = await reader.open_alert(kind, station_id)
                assert known is not None
                log.warning("alert_opened", extra={"alert": known.id, "kind": kind, "station": station_id})
            else:
                again = {"count": known.count + 1, "last_at": now, "info": told}
                await writer.commit([*about, changes.set_columns(Alert, {"id": known.id}, **again)])
                known = known.model_copy(update=again)
        self._publish(known)

    async def acknowledge(self, alert_id: int, by: str, note: str = "") -> Alert:
        """Somebody has seen to it; who did so first stays. Raises UnknownAlert, StoreUnavailable."""
        found = await self._store.reader.find(Alert, id=alert_id)
        if not found:
            raise UnknownAlert(f"there is no alert {alert_id}")
        async with self._turn(found[0].kind, found[0].station_id):
            (now,) = await self._store.reader.find(Alert, id=alert_id)
            return now if now.acknowledged_at is not None else await self._close(now, by, note)

    async def over(self, kind: str, station_id: str, note: str) -> None:
        """What an open alert was about is over by itself. Says nothing when the store is away: it is only tidying."""
        try:
            async with self._turn(kind, station_id):
                known = await self._store.reader.open_alert(kind, station_id)
                if known is not None:
                    await self._close(known, OURSELVES, note)
        except StoreUnavailable as fault:
            log.debug("alert_not_closed", extra={"kind": kind, "station": station_id, "fault": str(fault)})

    def _turn(self, kind: str, station_id: str) -> asyncio.Lock:
        """One at a time for one matter; a thousand stations that boot at once do not wait for each other."""
        lock = self._turns.get((kind, station_id))
        if lock is None:
            lock = self._turns[kind, station_id] = asyncio.Lock()
        return lock

    def _publish(self, alert: Alert) -> None:
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(alert)

    async def _close(self, alert: Alert, by: str, note: str) -> Alert:
        closed = {"acknowledged_at": self._clock.now(), "acknowledged_by": by, "note": note[:NOTE_LENGTH_MAX]}
        await self._store.writer.commit([changes.set_columns(Alert, {"id": alert.id}, **closed)])
        log.info("alert_closed", extra={"alert": alert.id, "kind": alert.kind, "by": by})
        return alert.model_copy(update=closed)
