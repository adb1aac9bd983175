"""The traces of one server: what the gateway notes into, what the API reads from."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from csms.model.clock import Clock
from csms.trace import segments
from csms.trace.live import Listener
from csms.trace.notes import unix_ms
from csms.trace.reading import Page, Query, search
from csms.trace.recorder import Bounds, Recorder
from csms.trace.redaction import Cards, Redactor, card_writer

CARD_KEY_FILE = "cards.key"
CARD_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """`folder` may be shared by several servers, each writes files of its own. `keep_days` 0: for ever."""

    folder: Path
    writer: str = "csms"
    keep_days: int = 14
    bytes_max: int = 10_000_000_000
    free_min_bytes: int = 0
    id_tokens: Cards = Cards.LAST4


class Traces:
    """`start` it, hand `note` to the gateway, `close` it."""

    def __init__(self, settings: TraceSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        key = _card_key(settings.folder) if settings.id_tokens is Cards.HASH else b""
        redactor = Redactor(card_writer(settings.id_tokens, key))
        bounds = Bounds(settings.bytes_max, settings.free_min_bytes)
        self._recorder = Recorder(clock, settings.folder, settings.writer, redactor, bounds)
        self.note = self._recorder.note
        """See `Recorder.note`."""

    def start(self) -> None:
        """Begin to write."""
        self._recorder.start()

    def hang_up(self) -> None:
        """End everybody who looks on."""
        self._recorder.live.close()

    async def close(self) -> None:
        """Write what was noted and end."""
        self.hang_up()
        await asyncio.to_thread(self._recorder.close)

    @property
    def fault(self) -> str:
        """Why nothing is written now, as a stable code; empty while all is well."""
        return self._recorder.fault

    def counters(self) -> Mapping[str, int]:
        """Under stable names."""
        return self._recorder.counters()

    def listen(self, stations: Collection[str], actions: Collection[str]) -> Listener:
        """Look on."""
        return self._recorder.live.listen(stations, actions)

    @property
    def crowded(self) -> bool:
        """Whether as many look on as may."""
        return self._recorder.live.crowded

    async def search(self, query: Query) -> Page:
        """A page of what was noted, up to this moment."""
        return await asyncio.to_thread(self._search, query)

    def _search(self, query: Query) -> Page:
        self._recorder.flush()
        return search(self._settings.folder, query)

    async def delete_old(self, now: datetime) -> int:
        """Delete the files of hours that were kept long enough; returns how many."""
        if not self._settings.keep_days:
            return 0
        before_ms = unix_ms(now - timedelta(days=self._settings.keep_days))
        return await asyncio.to_thread(segments.delete_old, self._settings.folder, before_ms)


def _card_key(folder: Path) -> bytes:
    """What makes the hashes of cards those of this installation, so that nobody can try all numbers. Raises OSError."""
    path = folder / CARD_KEY_FILE
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(file, "wb") as new:
        new.write(secrets.token_bytes(CARD_KEY_BYTES))
    return path.read_bytes()
