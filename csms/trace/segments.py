"""The files of a trace: one for each hour and writer, made of blocks (`csms.trace.block`).

A file is named by its hour (UTC), its writer and a number, and holds only notes of that hour; a start never goes on
with an old file. An hour that was written in many small blocks is written anew, in large ones, when it is over.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import BinaryIO

from csms.trace import block
from csms.trace.block import BLOCK_BYTES, BlockBroken, Columns, Head

HOUR_MS = 3_600_000
SUFFIX = ".trace"
SEGMENT_BYTES_MAX = 64 * 1024 * 1024
"""A busy hour has several files, so that the bound on all of them can be kept file by file."""

SMALL_BLOCK_BYTES = 16 * 1024
"""Blocks that are smaller on average are worth putting together."""

_NAME = re.compile(r"(\d{8}T\d{2})Z-([A-Za-z0-9_.]+)-(\d{1,9})\.trace")
_HOUR = "%Y%m%dT%H"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One file; sorts by hour, writer, number."""

    hour_ms: int
    writer: str
    number: int
    path: Path

    @property
    def end_ms(self) -> int:
        """No note in it is as late as this."""
        return self.hour_ms + HOUR_MS

    @property
    def key(self) -> str:
        """Its place among the files of its hour; stays when the file is written anew."""
        return f"{self.writer}-{self.number:06}"


def segments(folder: Path) -> list[Segment]:
    """All files of a folder in order of their hours; what has another name is not ours."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for path in folder.iterdir():
            name = _NAME.fullmatch(path.name)
            if name is not None:
                with contextlib.suppress(ValueError):
                    hour = datetime.strptime(name[1], _HOUR).replace(tzinfo=UTC)
                    found.append(Segment(_ms(hour), name[2], int(name[3]), path))
    return sorted(found)


def heads(file: BinaryIO) -> Iterator[tuple[int, Head]]:
    """Place and head of every block that can be read. What is damaged is stepped over."""
    size = os.fstat(file.fileno()).st_size
    place = 0
    while place < size:
        try:
            found = _head(file, place)
        except BlockBroken:
            place = _next_magic(file, place + 1)
            continue
        if place + found.size > size:
            place = _next_magic(file, place + 1)
            continue
        yield place, found
        place += found.size


def read_block(file: BinaryIO, place: int, head: Head) -> Columns:
    """The notes of a block. Raises BlockBroken."""
    file.seek(place + head.payload)
    notes = block.decode_payload(file.read(head.size - head.payload))
    if len(notes) != head.count:
        raise BlockBroken("fewer or more notes than the head says")
    return notes


def _head(file: BinaryIO, place: int) -> Head:
    file.seek(place)
    start = file.read(block.HEAD_BYTES)
    return block.decode_head(start + file.read(block.rest_of_head(start)))


def _next_magic(file: BinaryIO, place: int) -> int:
    """The next place where a block may begin; beyond the end when there is none."""
    step = 1024 * 1024
    while True:
        file.seek(place)
        data = file.read(step + len(block.MAGIC) - 1)
        found = data.find(block.MAGIC)
        if found >= 0:
            return place + found
        if len(data) < step:
            return place + len(data) + len(block.MAGIC)
        place += step


class SegmentWriter:
    """Appends blocks to the file of their hour. One writer has one thread; raises OSError, and may be used again."""

    def __init__(self, folder: Path, writer: str) -> None:
        self._folder, self._writer = folder, re.sub(r"[^A-Za-z0-9_.]", "_", writer) or "_"
        self._encode = block.Encoder().encode
        self._file: int | None = None
        self._segment: Segment | None = None
        self._count = self._size = self._blocks = 0

    def write(self, notes: Columns) -> int:
        """Append notes; returns how many bytes that took. All of one block is written, or nothing."""
        return sum(self._append(hour_ms, piece) for hour_ms, part in _by_hour(notes) for piece in block.pieces(part))

    def roll(self, now_ms: int) -> None:
        """Close the file when its hour is over."""
        if self._segment is not None and not self._segment.hour_ms <= now_ms < self._segment.end_ms:
            self.close()

    def close(self) -> None:
        """Close the file, and write it anew when it is made of small blocks."""
        file, segment, self._file, self._segment = self._file, self._segment, None, None
        if file is None or segment is None:
            return
        try:
            os.fdatasync(file)
        finally:
            os.close(file)
        if self._blocks > 1 and self._size < self._blocks * SMALL_BLOCK_BYTES:
            compact(segment.path)

    def _append(self, hour_ms: int, notes: Columns) -> int:
        if self._segment is not None and (self._segment.hour_ms != hour_ms or self._size >= SEGMENT_BYTES_MAX):
            self.close()
        file = self._file if self._file is not None else self._open(hour_ms)
        data = self._encode(notes, self._count)
        try:
            _write_all(file, data)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(file, self._size)
            self._abandon(file)
            raise
        self._size += len(data)
        self._count += len(notes)
        self._blocks += 1
        return len(data)

    def _open(self, hour_ms: int) -> int:
        """A new file: nothing is ever appended to what another start left, whole or not."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        hour = (_EPOCH + timedelta(milliseconds=hour_ms)).strftime(_HOUR)
        taken = [s.number for s in segments(self._folder) if s.hour_ms == hour_ms and s.writer == self._writer]
        for number in count(max(taken, default=0) + 1):
            path = self._folder / f"{hour}Z-{self._writer}-{number}{SUFFIX}"
            with contextlib.suppress(FileExistsError):  # another server of this machine, in the same folder
                self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
                break
        self._segment = Segment(hour_ms, self._writer, number, path)
        self._count = self._size = self._blocks = 0
        assert self._file is not None
        return self._file

    def _abandon(self, file: int) -> None:
        os.close(file)
        segment, self._file, self._segment = self._segment, None, None
        if segment is not None and not self._size:
            segment.path.unlink(missing_ok=True)


def compact(path: Path) -> None:
    """Write a file anew in large blocks; whoever reads the old one meanwhile may go on. Raises OSError."""
    draft, encode = path.with_suffix(".tmp"), block.Encoder().encode
    try:
        with path.open("rb") as old, open(draft, "xb", opener=_private) as new:
            for first_number, notes in _large(old):
                new.write(encode(notes, first_number))
            new.flush()
            os.fsync(new.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _large(file: BinaryIO) -> Iterator[tuple[int, Columns]]:
    """The notes of a file in large parts that follow each other, with the number of the first one."""
    parts: list[Columns] = []
    first = following = size = 0
    for place, head in heads(file):
        try:
            notes = read_block(file, place, head)
        except BlockBroken:
            continue
        if parts and (size >= BLOCK_BYTES or head.first_number != following):
            yield first, block.joined(parts)
            parts, size = [], 0
        if not parts:
            first = head.first_number
        parts.append(notes)
        size += notes.size
        following = head.first_number + len(notes)
    if parts:
        yield first, block.joined(parts)


def delete_old(folder: Path, before_ms: int) -> int:
    """Delete files whose hour ended before; returns how many."""
    return _delete([segment for segment in segments(folder) if segment.end_ms <= before_ms])


def bound(folder: Path, bytes_max: int, now_ms: int) -> int:
    """Delete files until the rest is small enough, never the newest: first those of a time to come (a clock was wrong
    when they were written), then the oldest. Returns how many."""
    sizes = {segment: _size(segment.path) for segment in segments(folder)}
    excess, doomed = sum(sizes.values()) - bytes_max, []
    for segment in sorted(sizes, key=lambda s: (s.hour_ms <= now_ms, s))[:-1]:
        if excess <= 0:
            break
        doomed.append(segment)
        excess -= sizes[segment]
    return _delete(doomed)


def folder_bytes(folder: Path) -> int:
    """What all files take."""
    return sum(_size(segment.path) for segment in segments(folder))


def _delete(doomed: list[Segment]) -> int:
    for segment in doomed:
        segment.path.unlink(missing_ok=True)
    return len(doomed)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _private(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_CLOEXEC, 0o600)


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _by_hour(notes: Columns) -> Iterator[tuple[int, Columns]]:
    """Notes by the hours they belong to; nearly always one, two when an hour begins, any after a clock was set."""
    first, last = (time - time % HOUR_MS for time in (min(notes.at_ms), max(notes.at_ms)))
    if first == last:
        yield first, notes
        return
    hours = [time - time % HOUR_MS for time in notes.at_ms]
    for hour_ms in dict.fromkeys(hours):
        yield hour_ms, notes.picked([place for place, hour in enumerate(hours) if hour == hour_ms])


def _ms(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)
