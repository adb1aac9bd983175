"""Words about demand response that reach a channel of limits, and who judges them: csms.response, through csms.app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from csms.grid.peer import Peer


@dataclass(frozen=True, slots=True)
class Word:
    """`kind`: invitation, clearing, cancel or answer; `appeal`: the number of the one that is answered."""

    event_id: str
    kind: str
    body: Mapping[str, Any] = field(default_factory=dict)
    appeal: int = 0


class ResponseDesk(Protocol):
    """Where words about events are judged."""

    async def said(self, word: Word, peer: Peer, feeder_id: str) -> Mapping[str, Any]:
        """The answer, plain: `accepted`, and `event` or `code` and `text`. Raises StoreUnavailable: then there is
        none."""
        ...


class ResponseBook(ResponseDesk, Protocol):
    """The same for a channel that compares lists instead of hearing words."""

    async def open(self, peer: Peer) -> Sequence[Mapping[str, Any]]:
        """Events of a source that are neither over nor cancelled, plain. Raises StoreUnavailable."""
        ...
