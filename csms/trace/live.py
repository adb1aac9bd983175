"""Who looks on while notes are made: each listener has a bounded queue, and is told what it lost when it is slow."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from typing import Self

from csms.trace.notes import Note

QUEUE_MAX = 1000
"""Notes that wait for one listener."""

LISTENERS_MAX = 64


class Listener:
    """One that looks on; `next` gives what came, in order. Lives in the event loop that made it."""

    def __init__(self, live: Live, stations: Collection[str], actions: Collection[str]) -> None:
        self._live = live
        self._stations, self._actions = frozenset(stations), frozenset(action.lower() for action in actions)
        self._queue: deque[Note] = deque()
        self._news = asyncio.Event()
        self._lost = 0
        self._over = False
        self.loop = asyncio.get_running_loop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *fault: object) -> None:
        self._live.leave(self)

    async def next(self) -> tuple[Sequence[Note], int] | None:
        """What came since the last time, at least one note, and how many were lost before it; None: it is over."""
        while not self._queue and not self._lost and not self._over:
            self._news.clear()
            await self._news.wait()
        if not self._queue and not self._lost:
            return None
        notes, lost = tuple(self._queue), self._lost
        self._queue.clear()
        self._lost = 0
        return notes, lost

    def hear(self, notes: Sequence[Note]) -> None:
        """Take what is of interest; when there is no room the oldest go."""
        for note in notes:
            if self._wants(note):
                self._queue.append(note)
        while len(self._queue) > QUEUE_MAX:
            self._queue.popleft()
            self._lost += 1
        if self._queue:
            self._news.set()

    def end(self) -> None:
        """Nothing more will come."""
        self._over = True
        self._news.set()

    def _wants(self, note: Note) -> bool:
        return (not self._stations or note.station_id in self._stations) and (
            not self._actions or note.action.lower() in self._actions
        )


class Live:
    """All listeners. `publish` may be called from any thread."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    @property
    def wanted(self) -> bool:
        """Whether anybody looks on."""
        return bool(self._listeners)

    @property
    def crowded(self) -> bool:
        """Whether as many look on as may."""
        return len(self._listeners) >= LISTENERS_MAX

    def listen(self, stations: Collection[str] = (), actions: Collection[str] = ()) -> Listener:
        """A new listener for these stations and actions (all when empty); leave it by its `with`."""
        listener = Listener(self, stations, actions)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """It looks on no more."""
        self._listeners.discard(listener)

    def publish(self, notes: Sequence[Note]) -> None:
        """Hand notes to all listeners, in their loop."""
        for listener in tuple(self._listeners):
            _in_loop(listener, notes)

    def close(self) -> None:
        """End every listener; called in their loop."""
        for listener in tuple(self._listeners):
            listener.end()


def _in_loop(listener: Listener, notes: Sequence[Note]) -> None:
    try:
        listener.loop.call_soon_threadsafe(listener.hear, notes)
    except RuntimeError:
        listener.end()  # its loop is closed
