"""Access tokens of `query_token` (section 5), both sides.

The server gives an unexpired token again without extending it, so that two clients do not evict each other. The client
asks anew when less than a tenth of the life is left or the token was refused, and never twice at the same time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from csms.model.clock import Clock

LIFE_S_MAX = 7 * 86400
LIFE_S_MIN = 1
"""One that ends sooner is not given again: in whole seconds its life is none."""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and its life; the text does not show in a repr."""

    text: str = field(repr=False)
    issued_at: datetime
    expires_at: datetime

    def left_s(self, now: datetime) -> float:
        """Seconds of life left."""
        return (self.expires_at - now).total_seconds()

    def fresh(self, now: datetime, share: float) -> bool:
        """Whether at least `share` of the life is left."""
        life_s = (self.expires_at - self.issued_at).total_seconds()
        return self.left_s(now) > share * life_s


def issue(held: Token | None, now: datetime, life_s: int, make: Callable[[], str]) -> Token:
    """The token to answer with: the one held while some of its life is left, else a new one of `life_s` <= 7 days."""
    if held is not None and held.left_s(now) >= LIFE_S_MIN:
        return held
    return Token(make(), now, now + timedelta(seconds=min(life_s, LIFE_S_MAX)))


class TokenCache:
    """The client's token of one partner; `fetch` asks the partner and raises what it likes."""

    def __init__(self, clock: Clock, fetch: Callable[[], Awaitable[Token]], refresh_share: float = 0.1) -> None:
        self._clock = clock
        self._fetch = fetch
        self._refresh_share = refresh_share
        self._token: Token | None = None
        self._lock = asyncio.Lock()
        self._fetches = 0
        self._fault: Exception | None = None

    @property
    def state(self) -> str:
        """none, fresh or stale."""
        if self._token is None:
            return "none"
        return "fresh" if self._is_fresh() else "stale"

    async def get(self) -> str:
        """A token to send; concurrent callers share one fetch, and its failure."""
        fetches = self._fetches
        async with self._lock:
            if self._token is not None and self._is_fresh():
                return self._token.text
            if self._fault is not None and self._fetches != fetches:
                raise self._fault  # of a fetch that ended while we waited
            self._fault = None
            try:
                self._token = await self._fetch()
            except Exception as fault:
                self._fault = fault
                raise
            finally:
                self._fetches += 1
            return self._token.text

    def refuse(self, text: str) -> None:
        """The partner refused this token (4002). A token fetched meanwhile is kept."""
        if self._token is not None and self._token.text == text:
            self._token = None

    def _is_fresh(self) -> bool:
        return self._token is not None and self._token.fresh(self._clock.now(), self._refresh_share)
