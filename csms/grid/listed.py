"""A source that shows the whole list of what it wants, again and again: what is new on it is submitted, what is gone
from it is cancelled, what is unchanged is left alone. VTNs and files are such sources.

Their versions are made here: a stamp of the source (when it changed something) times a thousand, plus a count for what
changes without a new stamp. So an older stamp is refused as stale, and a limit that comes back gets a newer version.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from csms.grid.decide import OPEN_END, says_the_same
from csms.grid.peer import Peer
from csms.grid.plug import LimitDesk
from csms.grid.statement import BadStatement, read_statement
from csms.model.errors import StoreUnavailable
from csms.model.limit import Limit

log = logging.getLogger(__name__)

COUNTS = 1000
RETRY_REFUSED_S = 3600.0
"""A refusal that nothing has changed about is not asked for again before."""
OVER = "window_past"
MALFORMED = "malformed"
PASSING = frozenset({"rate_limited"})
"""Refusals that have nothing to do with the statement."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A limit as the source wants it: a statement without its version. `group`: of which event or file it is part."""

    feeder_id: str
    limit_id: str
    body: Mapping[str, Any]
    stamp: int = 0
    group: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Which limit it is."""
        return self.feeder_id, self.limit_id


@dataclass(slots=True)
class Outcome:
    """What came of a list: wishes that hold as they were meant, and codes of those that do not, in the list's order."""

    held: list[Limit] = field(default_factory=list)
    changed: list[tuple[Wish, str]] = field(default_factory=list)
    refused: list[tuple[Wish, str]] = field(default_factory=list)
    cancelled: list[Limit] = field(default_factory=list)

    @property
    def clear(self) -> bool:
        """Whether all that is wished for holds, or is over."""
        return all(code == OVER for _, code in self.refused)


class Listed:
    """One source's list. `ours`: which limit ids come from it; others of the same source are none of its business."""

    def __init__(self, peer: Peer, ours: Callable[[str], bool]) -> None:
        self.peer, self._ours = peer, ours
        self._refused: dict[tuple[str, str], tuple[bytes, str, float]] = {}

    def missing(self, desk: LimitDesk, wishes: Sequence[Wish]) -> list[Limit]:
        """Limits known here, in force or to come, that are no longer wished for."""
        wanted = {wish.key for wish in wishes}
        mine = (limit for limit in self._known(desk) if self._ours(limit.limit_id))
        return [limit for limit in mine if (limit.feeder_id, limit.limit_id) not in wanted]

    async def bring(self, desk: LimitDesk, wishes: Sequence[Wish], now_s: float, kept: Collection[Limit]) -> Outcome:
        """Make what is known like what is wished for, all but `kept`; a wish that cannot be, leaves the others alone.
        Raises StoreUnavailable.

        What becomes known meanwhile, from another server that reads the same list, is newer than this one and stays.
        """
        outcome = Outcome()
        gone = [limit for limit in self.missing(desk, wishes) if limit not in kept]
        for wish in wishes:
            try:
                await self._bring(desk, wish, now_s, outcome)
            except StoreUnavailable:
                raise
            except Exception:
                log.exception("wish_failed", extra={"source": self.peer.source, "limit": wish.limit_id[:80]})
                outcome.refused.append((wish, MALFORMED))
        for limit in gone:
            told = await desk.cancel(self.peer, limit.feeder_id, limit.limit_id, limit.version)
            if told.accepted:
                outcome.cancelled.append(limit)
        self._forget(wishes)
        return outcome

    async def beat(self, desk: LimitDesk, agreed: Sequence[Limit] | None) -> bool | None:
        """Tell that the source is there; and, unless None, that it takes these limits of the list to hold."""
        if agreed is None:
            return await desk.heartbeat(b"", self.peer)
        others = [limit for limit in self._known(desk) if not self._ours(limit.limit_id)]
        named = [
            {"feeder": limit.feeder_id, "id": limit.limit_id, "version": limit.version} for limit in [*agreed, *others]
        ]
        return await desk.heartbeat(json.dumps({"limits": named}).encode(), self.peer)

    async def _bring(self, desk: LimitDesk, wish: Wish, now_s: float, outcome: Outcome) -> None:
        before = self.before(desk, wish)
        version = next_version(wish, before)
        raw = json.dumps({**wish.body, "version": version}).encode()
        if before is not None and version == before.version:
            if desk.now() < before.valid_to:
                outcome.held.append(before)
            return
        known = self._refused.get(wish.key)
        if known is not None and known[0] == raw and now_s < known[2]:
            outcome.refused.append((wish, known[1]))
            return
        decision = await desk.submit(raw, self.peer, wish.feeder_id, wish.limit_id)
        outcome.changed.append((wish, decision.code))
        if decision.accepted and decision.limit is not None:
            outcome.held.append(decision.limit)
            return
        outcome.refused.append((wish, decision.code))
        if decision.code not in PASSING:
            self._refused[wish.key] = raw, decision.code, now_s + RETRY_REFUSED_S

    def before(self, desk: LimitDesk, wish: Wish) -> Limit | None:
        """What is known of the limit that is wished for, cancelled or over too."""
        return desk.latest(self.peer.source, wish.feeder_id, wish.limit_id)

    def _known(self, desk: LimitDesk) -> list[Limit]:
        known = (limit for feeder_id in desk.feeders.ids for limit in desk.known(feeder_id))
        return [limit for limit in known if limit.source == self.peer.source]

    def _forget(self, wishes: Sequence[Wish]) -> None:
        wanted = {wish.key for wish in wishes}
        self._refused = {key: value for key, value in self._refused.items() if key in wanted}


def next_version(wish: Wish, before: Limit | None) -> int:
    """That of `before` if nothing is new; a lower one if the wish is older than what is known."""
    fresh = max(wish.stamp * COUNTS, 1)
    if before is None or fresh > before.version:
        return fresh
    if wish.stamp and wish.stamp < before.version // COUNTS:
        return fresh
    return before.version if _unchanged(wish, before) else before.version + 1


def _unchanged(wish: Wish, before: Limit) -> bool:
    try:
        statement = read_statement(json.dumps({**wish.body, "version": before.version}).encode(), before.limit_id)
    except BadStatement:
        return False
    open_end = statement.valid_to is None
    same_end = not open_end or before.valid_to == max(before.valid_from, before.received_at) + OPEN_END
    same_begin = statement.valid_from is not None or bool(statement.blocks) or before.valid_from <= before.received_at
    return says_the_same(statement, before) and same_end and same_begin
