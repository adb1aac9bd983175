"""Stations of the operators that report to the platform on this machine, read now and then from its intake."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from csms.model.errors import CsmsError
from monitor.dashboard.web.drivers.offers import Offer
from monitor.dashboard.web.drivers.partners import partner_offers
from monitor.intake.settings import read_partner_file
from monitor.store.faults import StoreUnusable
from monitor.store.intake_reading import IntakeReader, open_intake_reader

log = logging.getLogger(__name__)

KEPT_S = 15.0


class Neighbours:
    """`folder`: of the intake, None without; `now_s`: seconds that never step back; `partner_file`: what operators are
    called, by their numbers where there is none. `await close()`.
    """

    def __init__(self, folder: Path | None, now_s: Callable[[], float], partner_file: Path | None = None) -> None:
        self._folder, self._now_s = folder, now_s
        self._names = operator_names(partner_file)
        self._one_at_a_time = asyncio.Lock()
        self._reader: IntakeReader | None = None
        self._offers: tuple[Offer, ...] = ()
        self._due_s = 0.0

    async def offers(self) -> tuple[Offer, ...]:
        """Those known now; those read last while the intake cannot be read."""
        async with self._one_at_a_time:
            if self._folder is not None and self._now_s() >= self._due_s:
                self._due_s = self._now_s() + KEPT_S
                self._reader = self._reader or open_intake_reader(self._folder)
                if self._reader is not None:
                    await self._read(self._reader)
            return self._offers

    async def _read(self, reader: IntakeReader) -> None:
        try:
            self._offers = tuple(partner_offers(await reader.stations(), await reader.states(), self._names))
        except StoreUnusable as fault:
            log.warning("intake_unreadable", extra={"fault": str(fault)})

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
