"""Takes notes from the event loop and writes them in a thread of its own.

In the loop a note costs an append to a list. The thread looks every fifth of a second: it takes what is there, takes
out secrets, tells listeners, and writes a block when there is enough for one or some seconds have passed. When it
cannot keep up, or cannot write, notes are dropped and counted; nobody ever waits for it.
"""

from __future__ import annotations

import errno
import logging
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csms.model.clock import Clock
from csms.trace import segments
from csms.trace.block import BLOCK_BYTES, Columns, Text, joined
from csms.trace.live import Live
from csms.trace.notes import CLEAN, FRAMES, Kind, event_text
from csms.trace.redaction import Redactor

log = logging.getLogger(__name__)

TURN_S = 0.2
WRITE_TURNS = 10
"""Two seconds: what a crash may cost."""

CHECK_TURNS = 25
"""Between two looks at the free space, and before writing is tried again."""

BOUND_TURNS = 300

WAITING_BYTES_MAX = 32 * 1024 * 1024
NOTE_BYTES = 200
"""What a note takes in memory besides its text."""

REFUSALS_PER_TURN_MAX = 20
"""Anybody can be refused as often as they like; that must not push out what stations say."""

DISK_FULL, UNWRITABLE = "trace_disk_full", "trace_unwritable"

_FIELDS = 5
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_STORED = bytes(kind & ~CLEAN for kind in range(256))
_NOTHING = Columns([], b"", [], [], [])


@dataclass(frozen=True, slots=True)
class Bounds:
    """`files`: of all files together; `free_min`: on their disk, below it nothing is written; `waiting`: in memory."""

    files: int
    free_min: int = 0
    waiting: int = WAITING_BYTES_MAX


class Recorder:
    """One writer of notes. `note` belongs to one thread, the event loop's; everything else to any."""

    def __init__(self, clock: Clock, folder: Path, writer: str, redactor: Redactor, bounds: Bounds) -> None:
        self._clock, self._folder, self._redactor, self._bounds = clock, folder, redactor, bounds
        self._waiting_max = bounds.waiting
        self._files = segments.SegmentWriter(folder, writer)
        self._rows: list[Any] = []
        self._extend = self._rows.extend
        self._came = self._came_bytes = self._refused = 0  # of the loop's thread
        self._done_bytes = self._lost = self._written = 0  # of the writer's thread
        self._told = self._turns = self._written_turn = self._retry_turn = 0
        self._waiting: list[Columns] = []
        self._waiting_bytes = 0
        self._wake = threading.Event()
        self._flushes: list[threading.Event] = []
        self._over = False
        self._thread: threading.Thread | None = None
        self.live = Live()
        self.fault = ""
        """Why nothing is written now, as a stable code; empty while all is well."""

    def note(self, station_id: str, kind: int, action: str, text: Text, at_s: float) -> None:
        """Keep one frame or event; `kind` with `CLEAN` for what was checked to hold no secret. Never waits."""
        if self._came_bytes - self._done_bytes > self._waiting_max:
            self._refused += 1
            return
        self._came_bytes += len(text) + NOTE_BYTES
        self._came += 1
        self._extend((at_s, kind, station_id, action, text))

    @property
    def dropped(self) -> int:
        """Notes since the start that are not kept."""
        return self._refused + self._lost

    def counters(self) -> dict[str, int]:
        """Under stable names."""
        return {"traces_noted": self._came, "traces_written": self._written, "traces_dropped": self.dropped}

    def start(self) -> None:
        """Begin to write."""
        self._thread = threading.Thread(target=self._run, name="trace", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what there is and end."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._over = True
            self._wake.set()
            thread.join()

    def flush(self, limit_s: float = 5.0) -> bool:
        """Wait until all that was noted before is in a file, or could not be written; whether that came in time."""
        if self._thread is None:
            return False
        done = threading.Event()
        self._flushes.append(done)
        self._wake.set()
        return done.wait(limit_s)

    def _run(self) -> None:
        last = False
        while not last:
            self._wake.wait(TURN_S)
            self._wake.clear()
            last = self._over
            flushes, self._flushes = self._flushes, []
            try:
                self._turn(at_once=bool(flushes) or last)
            except Exception:
                log.exception("trace_failed")
                self._lose(sum(map(len, self._waiting)))
            for done in flushes:
                done.set()
        self._close_file()

    def _turn(self, *, at_once: bool) -> None:
        self._turns += 1
        notes = self._taken()
        if len(notes):
            if self.live.wanted:
                self.live.publish([notes.note(place) for place in range(len(notes))])
            self._waiting.append(notes)
        enough = self._waiting_bytes >= BLOCK_BYTES or self._turns - self._written_turn >= WRITE_TURNS
        if self._waiting and (at_once or enough):
            self._write(self._waiting[0] if len(self._waiting) == 1 else joined(self._waiting))
        self._tidy()

    def _taken(self) -> Columns:
        """All notes that came, without their secrets."""
        count = len(self._rows)
        if not count and self._told == self.dropped:
            return _NOTHING
        rows = self._rows[:count]
        del self._rows[:count]
        ats, kinds, stations, actions, texts = (rows[field::_FIELDS] for field in range(_FIELDS))
        self._waiting_bytes += sum(map(len, texts)) + NOTE_BYTES * len(texts)
        if min(kinds, default=CLEAN) < CLEAN:
            for place, kind in enumerate(kinds):
                if kind < CLEAN:
                    texts[place] = self._clean(kind, actions[place], texts[place])
        at_ms = [int(at_s * 1000) for at_s in ats]
        notes = Columns(at_ms, bytes(kinds).translate(_STORED), stations, actions, texts)
        return self._with_losses(_few_refusals(notes))

    def _clean(self, kind: int, action: str, text: Text) -> str:
        try:
            if kind == Kind.UNREADABLE:
                return self._redactor.unreadable(text)
            if kind in FRAMES:
                return self._redactor.frame(text, action)
            return self._redactor.event(text if isinstance(text, str) else text.decode())
        except Exception:
            log.exception("trace_not_redacted")
            return ""

    def _with_losses(self, notes: Columns) -> Columns:
        """Say in the trace itself that something is missing."""
        missing = self.dropped - self._told
        if not missing or self.fault:
            return notes
        self._told += missing
        log.warning("trace_dropped", extra={"notes": missing})
        words = event_text(count=missing)
        return joined([Columns([self._now_ms()], bytes([Kind.DROPPED]), [""], [""], [words]), notes])

    def _write(self, notes: Columns) -> None:
        if self.fault and self._turns < self._retry_turn:
            self._lose(len(notes))
            return
        try:
            if self._retry_turn <= self._turns:
                self._look_at_disk()
            self._files.write(notes)
        except OSError as fault:
            self._stop(DISK_FULL if fault.errno in _NO_SPACE else UNWRITABLE, fault)
            self._lose(len(notes))
            return
        if self.fault:
            log.warning("trace_works_again", extra={"code": self.fault})
            self.fault = ""
        self._written += len(notes)
        self._settle()

    def _look_at_disk(self) -> None:
        """Raises OSError when there is too little space: what is left belongs to the database."""
        self._retry_turn = self._turns + CHECK_TURNS
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if shutil.disk_usage(self._folder).free < self._bounds.free_min:
            raise OSError(errno.ENOSPC, "too little space is left")

    def _stop(self, code: str, fault: OSError) -> None:
        self._retry_turn = self._turns + CHECK_TURNS
        if self.fault != code:
            self.fault = code
            log.error("trace_stopped", extra={"code": code, "fault": str(fault)})

    def _lose(self, count: int) -> None:
        self._lost += count
        self._settle()

    def _settle(self) -> None:
        """What waited is done with."""
        self._waiting = []
        self._done_bytes += self._waiting_bytes
        self._waiting_bytes = 0
        self._written_turn = self._turns

    def _tidy(self) -> None:
        """Close the file of an hour that is over; keep all files together small enough."""
        now_ms = self._now_ms()
        try:
            self._files.roll(now_ms)
            if self._turns % BOUND_TURNS == 1 and segments.bound(self._folder, self._bounds.files, now_ms):
                log.info("trace_bounded", extra={"bytes_max": self._bounds.files})
        except OSError as fault:
            log.warning("trace_not_tidied", extra={"fault": str(fault)})

    def _now_ms(self) -> int:
        return int(self._clock.unix_s() * 1000)

    def _close_file(self) -> None:
        try:
            self._files.close()
        except OSError as fault:
            log.warning("trace_not_tidied", extra={"fault": str(fault)})


def _few_refusals(notes: Columns) -> Columns:
    if notes.kinds.count(Kind.REFUSED) <= REFUSALS_PER_TURN_MAX:
        return notes
    refused = [place for place, kind in enumerate(notes.kinds) if kind == Kind.REFUSED]
    doomed = set(refused[REFUSALS_PER_TURN_MAX:])
    return notes.picked([place for place in range(len(notes)) if place not in doomed])
