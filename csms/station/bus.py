"""Events inside the process: told in order, after they are durable, without ever holding up the one who tells."""

from __future__ import annotations

from collections.abc import Callable

from csms.model.event import Event

Listener = Callable[[Event], None]


class EventBus:
    """Calls every listener at once, in order of subscription. A listener only takes note (wakes a task)."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> None:
        """From now on `listener` hears every event."""
        self._listeners.append(listener)

    def publish(self, event: Event) -> None:
        """Tell everyone."""
        for listener in self._listeners:
            listener(event)
