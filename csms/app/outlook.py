"""Follows the file in which forecasts are left for the planner (`csms forecast run`), and says how fresh they are."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from pathlib import Path

from csms.model.outlook import FILE_NAME, Outlook, OutlookBroken, decoded

log = logging.getLogger(__name__)

LOOK_S = 10.0
"""Of the wall: whoever writes the file is another process."""
AHEAD = timedelta(minutes=15)
"""How far ahead of our clock the clock of whoever forecasts may be."""
BYTES_MAX = 256 * 1024 * 1024
"""A hundred thousand feeders; what is larger is no outlook."""


class OutlookFile:
    """The newest outlook of a data folder; fits csms.charging.ports.Forecasts. A file that cannot be used, a missing
    and an old one are all the same to plans: they are made without a forecast.
    """

    def __init__(self, folder: Path, age_max_s: float) -> None:
        self._path, self._age_max = folder / FILE_NAME, timedelta(seconds=age_max_s)
        self._stamp: tuple[int, int, int] | None = None
        self._known: Outlook | None = None

    def outlook(self, now: datetime) -> Outlook | None:
        """What is expected, if it was said lately."""
        known = self._known
        return known if known is not None and -AHEAD <= now - known.made_at <= self._age_max else None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Read the file if it is another one than before."""
        try:
            stamp = self._stamp_now()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._known = None if stamp is None else await asyncio.to_thread(self._read)
        except (OSError, OutlookBroken) as fault:
            self._known = None
            log.error("outlook_unusable", extra={"file": str(self._path), "fault": str(fault)})
        if self._known is not None:
            facts = {"made_at": self._known.made_at.isoformat(), "cars": len(self._known.cars)}
            log.info("outlook_read", extra=facts | {"feeders": len(self._known.loads_w)})

    def _stamp_now(self) -> tuple[int, int, int] | None:
        """What tells one file from the next; None where there is none."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return None
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    def _read(self) -> Outlook:
        with self._path.open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
        if len(raw) > BYTES_MAX:
            raise OutlookBroken(f"more than {BYTES_MAX} bytes are no outlook")
        return decoded(raw)
