"""What one message asks for, decided without waiting: what to store, what follows once that is durable, the answer.

Frequent messages are worked through like this, without a task of their own (`StationService.take`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from csms.model.inbound import Reply
from csms.store.change import Change


class Work(Struct, frozen=True):
    """`after` brings the live state up and tells the listeners; it runs once, when `changes` are durable."""

    changes: Sequence[Change]
    reply: Reply
    after: Callable[[], None] | None = None
