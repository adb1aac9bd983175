"""What drivers are told, made at most every few seconds, however many ask: the server's public places and, where the
intake runs on this machine, those of partners.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from csms.model.errors import CsmsError
from monitor.dashboard.look import moment
from monitor.dashboard.source import SourceLost
from monitor.dashboard.web.api import Api, Refused
from monitor.dashboard.web.drivers.offers import Offer, own_offers
from monitor.dashboard.web.drivers.partners import partner_offers
from monitor.intake.settings import read_partner_file
from monitor.store.faults import StoreUnusable
from monitor.store.intake_reading import IntakeReader, open_intake_reader

log = logging.getLogger(__name__)

KEPT_S = 3.0
PARTNERS_KEPT_S = 15.0
PUBLIC = "/public/places"


@dataclass(frozen=True, slots=True)
class Board:
    """`clock_time`: the server's. `fault`: why something is missing, for the log; empty when nothing is."""

    clock_time: datetime
    offers: tuple[Offer, ...]
    fault: str = ""


class Boards:
    """Gives the newest board. `intake`: folder of the intake, None without; `now_s`: seconds that never step back;
    `partner_file`: what operators are called, by their numbers where there is none.
    """

    def __init__(
        self, api: Api, intake: Path | None, now_s: Callable[[], float], partner_file: Path | None = None
    ) -> None:
        self._api, self._intake, self._now_s = api, intake, now_s
        self._names = operator_names(partner_file)
        self._one_at_a_time = asyncio.Lock()
        self._reader: IntakeReader | None = None
        self._board: Board | None = None
        self._made_s = self._partners_s = 0.0
        self._partners: tuple[Offer, ...] = ()

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
                raise
            return Board(before.clock_time, before.offers, str(fault) or type(fault).__name__)
        missing = await self._read_partners()
        return Board(clock_time, offers + self._partners, missing)

    async def _read_partners(self) -> str:
        """Those told last stay when the intake cannot be read."""
        if self._intake is None or self._now_s() < self._partners_s:
            return ""
        self._partners_s = self._now_s() + PARTNERS_KEPT_S
        self._reader = self._reader or open_intake_reader(self._intake)
        if self._reader is None:
            return f"{self._intake}: no intake"
        try:
            self._partners = tuple(
                partner_offers(await self._reader.stations(), await self._reader.states(), self._names)
            )
        except StoreUnusable as fault:
            return str(fault)
        return ""

    async def close(self) -> None:
        """Let the file go."""
        if self._reader is not None:
            await self._reader.close()


def operator_names(partner_file: Path | None) -> Mapping[str, str]:
    """What the operators of a platform are called, by number; nothing when their file cannot be read."""
    if partner_file is None:
        return {}
    try:
        operators = read_partner_file(partner_file).operators
    except CsmsError as fault:
        log.warning("partner_file_unusable", extra={"code": fault.code, "fault": str(fault)})
        return {}
    return {number: operator.name for number, operator in operators.items() if operator.name}
