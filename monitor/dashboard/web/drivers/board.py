"""What drivers are told, made at most every few seconds, however many ask: the server's public places and, where
somebody says so, those of partners.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from monitor.dashboard.look import moment
from monitor.dashboard.source import SourceLost
from monitor.dashboard.web.api import Api, Refused
from monitor.dashboard.web.drivers.neighbours import Neighbours
from monitor.dashboard.web.drivers.offers import Offer, own_offers

KEPT_S = 3.0
PUBLIC = "/public/places"


@dataclass(frozen=True, slots=True)
class Board:
    """`clock_time`: the server's. `fault`: why this is old; empty when it is not."""

    clock_time: datetime
    offers: tuple[Offer, ...]
    fault: str = ""


class Boards:
    """Gives the newest board. `now_s`: seconds that never step back; `neighbours`: partners' stations, None without."""

    def __init__(self, api: Api, neighbours: Neighbours | None, now_s: Callable[[], float]) -> None:
        self._api, self._neighbours, self._now_s = api, neighbours, now_s
        self._one_at_a_time = asyncio.Lock()
        self._board: Board | None = None
        self._made_s = 0.0

    async def board(self) -> Board:
        """What is known now. Raises SourceLost or Refused when the server does not tell and never did."""
        async with self._one_at_a_time:
            if self._board is None or self._now_s() >= self._made_s + KEPT_S:
                self._board = await self._newer(self._board)
                self._made_s = self._now_s()
            return self._board

    async def _newer(self, before: Board | None) -> Board:
        try:
            public = await self._api.open_get(PUBLIC)
            offers, clock_time = tuple(own_offers(public)), moment(public["clock_time"])
        except (SourceLost, Refused, KeyError, TypeError, ValueError) as fault:
            if before is None:
                raise SourceLost(str(fault) or type(fault).__name__) from fault
            return Board(before.clock_time, before.offers, str(fault) or type(fault).__name__)
        others = await self._neighbours.offers() if self._neighbours is not None else ()
        return Board(clock_time, offers + others)
