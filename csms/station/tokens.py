"""Id tokens looked up together: whatever is asked while a query runs shares the next one, and is not asked again soon.

Five hundred cars that start in the same instant cost two queries instead of five hundred.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from csms.model.clock import Clock
from csms.store.tables import IdToken

KEPT_S = 10.0
"""A card that is blocked or listed counts this much later at most."""

KEPT_MAX = 10_000
ASKED_AT_ONCE = 500


class TokenReader(Protocol):
    """Where tokens are listed."""

    async def tokens(self, id_tokens: Sequence[str]) -> Mapping[str, IdToken]:
        """Those of `id_tokens` that are listed. Raises StoreUnavailable."""
        ...


class TokenBook:
    """Listed tokens, as the store had them a moment ago."""

    def __init__(self, clock: Clock, reader: TokenReader) -> None:
        self._clock, self._reader = clock, reader
        self._kept: dict[str, tuple[float, IdToken | None]] = {}
        self._asked: dict[str, asyncio.Future[IdToken | None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def find(self, id_token: str) -> IdToken | None:
        """The listed token, None when there is none; case does not count (1.6 and 2.0.1: a CiString, an identifier).

        Raises StoreUnavailable.
        """
        id_token = id_token.lower()
        until_s, row = self._kept.get(id_token, (0.0, None))
        if until_s > self._clock.monotonic_s():
            return row
        if id_token not in self._asked:
            self._asked[id_token] = asyncio.get_running_loop().create_future()
        answer = self._asked[id_token]
        if self._task is None:
            self._task = asyncio.create_task(self._ask())
        return await asyncio.shield(answer)

    def forget(self, id_token: str) -> None:
        """What is listed for this token has changed."""
        self._kept.pop(id_token.lower(), None)

    async def _ask(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                names = list(asked)
                for begin in range(0, len(names), ASKED_AT_ONCE):
                    await self._answer(asked, names[begin : begin + ASKED_AT_ONCE])
        finally:
            self._task = None

    async def _answer(self, asked: Mapping[str, asyncio.Future[IdToken | None]], names: Sequence[str]) -> None:
        try:
            found = await self._reader.tokens(names)
        except Exception as fault:
            for name in names:
                asked[name].set_exception(fault)
                asked[name].exception()  # whoever asked may be gone
            return
        if len(self._kept) + len(names) > KEPT_MAX:
            self._kept.clear()
        until_s = self._clock.monotonic_s() + KEPT_S
        for name in names:
            self._kept[name] = (until_s, found.get(name))
            asked[name].set_result(found.get(name))
