"""What the province room asks of a store, and its own records of it.

`OutboxStore` is filled by `csms.store.outbox.SqlOutbox` and, in memory, by `csms.province.memory.MemoryOutbox`; one
contract test holds both. Entries are written with the business change they report, so they are plain values.

States: queued -> sent -> acked | retry | dead; retry -> sent. `dead` goes back to `queued` by `renew` and `revive`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

QUEUED = "queued"
SENT = "sent"
RETRY = "retry"
ACKED = "acked"
DEAD = "dead"
OPEN_STATES = (QUEUED, SENT, RETRY)
TRIED_STATES = (SENT, RETRY)
STATES = (QUEUED, SENT, RETRY, ACKED, DEAD)


Key = tuple[str, str, str]
"""Partner, interface and business key."""


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A message to be delivered. `collapse`: it replaces the open entries of the same partner, interface and key.

    `interface` is our name of the message kind (`csms.province.profile.Kind`), not the wire name. An entry may be born
    `dead` when our own check found it invalid; it is kept for correction.
    """

    partner: str
    interface: str
    business_key: str
    payload: Mapping[str, Any]
    created_at: datetime
    collapse: bool = False
    state: str = QUEUED
    last_code: int | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A stored entry. `next_at` is when it is due; while it is `sent`, when it counts as lost."""

    id: int
    partner: str
    interface: str
    business_key: str
    payload: Mapping[str, Any]
    state: str
    attempts: int
    created_at: datetime
    next_at: datetime
    acked_at: datetime | None = None
    last_code: int | None = None
    last_error: str = ""


class OutboxStore(Protocol):
    """A durable outbox. Every method returns after its change is durable. A mark on an id that is gone does nothing."""

    async def add(self, entries: Sequence[NewEntry]) -> None:
        """Store all entries in one transaction, due at once (`next_at` = `created_at`).

        An entry with `collapse` first removes the open entries of the same partner, interface and business key.
        """
        ...

    async def due(self, partner: str, interfaces: Sequence[str], now: datetime, limit: int) -> list[OutboxEntry]:
        """Open entries with `next_at` <= now of the first of these interfaces that has any, at most `limit`: those that
        were tried before, then the new ones, each by `next_at` and id."""
        ...

    async def longest_due(self, partner: str, now: datetime) -> OutboxEntry | None:
        """The open entry of any interface that has been due for the longest time; None when none is due."""
        ...

    async def next_due_at(self, partner: str) -> datetime | None:
        """The earliest `next_at` of the open entries of a partner, None without any."""
        ...

    async def next_due_after(self, partner: str, now: datetime) -> datetime | None:
        """The earliest `next_at` > now of the open entries of a partner that were tried before, None without any."""
        ...

    async def mark_sent(self, entry_id: int, next_at: datetime) -> None:
        """Written ahead of an attempt: state `sent`, one attempt more, counts as lost at `next_at`."""
        ...

    async def mark_acked(
        self, entry_id: int, at: datetime, code: int, note: str = "", drops: Sequence[Key] = ()
    ) -> None:
        """The partner has taken it (`acked_at` = at, `last_error` = note). Open entries of the keys in `drops` became
        pointless with it and are removed."""
        ...

    async def mark_retry(self, entry_id: int, next_at: datetime, code: int | None, error: str) -> None:
        """The attempt failed; the next one is due at `next_at`."""
        ...

    async def mark_unheard(self, entry_id: int, next_at: datetime, code: int | None, error: str) -> None:
        """Nobody was there: as `mark_retry`, and the attempt does not count."""
        ...

    async def mark_dead(self, entry_id: int, code: int | None, error: str) -> None:
        """No attempt can succeed without a correction; the entry is kept."""
        ...

    async def recover(self, partner: str, now: datetime) -> int:
        """After a restart: every `sent` entry becomes `retry`, due now. Returns how many."""
        ...

    async def renew(self, partner: str, made: Mapping[int, NewEntry], now: datetime) -> None:
        """These entries, if they are `dead`, get content, state and error of new ones, due now, with 0 attempts."""
        ...

    async def newest(self, partner: str, interface: str, keys: Sequence[str]) -> dict[str, OutboxEntry]:
        """By business key the newest entry in any state, for those of these keys that have one."""
        ...

    async def listed(
        self, partner: str, states: Sequence[str], limit: int, after: int = 0, ids: Sequence[int] | None = None
    ) -> list[OutboxEntry]:
        """Entries in these states, of these `ids` if they are given, oldest id first from the one after `after`, at
        most `limit`."""
        ...

    async def revive(self, partner: str, ids: Sequence[int], now: datetime) -> int:
        """These entries, `dead` or `acked`, become `queued`, due now, with 0 attempts. Returns how many."""
        ...

    async def knows(self, partner: str, interface: str, business_key: str) -> bool:
        """Whether there is an entry of this key in any state."""
        ...

    async def counts(self, partner: str | None = None) -> dict[str, int]:
        """Number of entries by state, every state named; of all partners for None."""
        ...
