"""Who listens for changes of stations: each holds nothing but the names of those that it has not been told of."""

from __future__ import annotations

import asyncio
from typing import Self

from csms.model.event import Event

LISTENERS_MAX = 32


class Listener:
    """One that is told; leave it by its `with`."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._named: set[str] = set()
        self._news = asyncio.Event()
        self._over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *fault: object) -> None:
        self._changes.leave(self)

    def note(self, station_id: str) -> None:
        """A station changed."""
        self._named.add(station_id)
        self._news.set()

    def end(self) -> None:
        """Nothing more will come."""
        self._over = True
        self._news.set()

    async def next(self) -> frozenset[str] | None:
        """The stations that changed since the last time, at least one; None: it is over."""
        await self._news.wait()
        if self._over:
            return None
        self._news.clear()
        named = frozenset(self._named)
        self._named.clear()
        return named


class Changes:
    """Hears the events of the house and names the stations to all listeners. Lives in one event loop."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    @property
    def crowded(self) -> bool:
        """Whether as many listen as may."""
        return len(self._listeners) >= LISTENERS_MAX

    def listen(self) -> Listener:
        """A new listener."""
        listener = Listener(self)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """It listens no more."""
        self._listeners.discard(listener)

    def hear(self, event: Event) -> None:
        """An event of the bus; nobody listening, it costs nothing."""
        if self._listeners and (station_id := station_of(event)):
            for listener in self._listeners:
                listener.note(station_id)

    def hang_up(self) -> None:
        """End every listener."""
        for listener in self._listeners:
            listener.end()


def station_of(event: Event) -> str:
    """The station that an event is about; empty for those about feeders."""
    about = getattr(event, "evse", None) or getattr(event, "connector", None) or event
    return str(getattr(about, "station_id", ""))
