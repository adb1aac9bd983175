"""Finds notes in the files of a trace: by station, time, action, direction and text, oldest or newest first, in pages.

Blocks that cannot hold anything of interest are not opened. What is damaged is stepped over and counted.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import count, groupby
from pathlib import Path
from typing import BinaryIO

from csms.trace.block import BlockBroken, Columns, Head, digest
from csms.trace.notes import Kind, Note
from csms.trace.segments import Segment, heads, read_block, segments

BLOCKS_MAX = 2000
"""Opened for one page: about half a GiB of notes, some seconds. A search that needs more goes on with the next page."""

LIMIT_MAX = 1000
_EVERYBODY = digest("")
_KINDS = frozenset(int(kind) for kind in Kind)
_DIRECTIONS = {"in": frozenset({Kind.IN, Kind.UNREADABLE}), "out": frozenset({Kind.OUT})}
_Found = tuple[int, int, int, int, str, Note]
_FINE = frozenset({"[2", "[3", b"[2", b"[3"})
"""How nearly every frame begins that is no error."""
_LAST = "~"
"""Behind every key of a segment."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a note stands, in order of time; the same after its file was written anew."""

    at_ms: int
    segment: str = ""
    number: int = -1

    def __str__(self) -> str:
        return f"{self.at_ms}.{self.number}.{self.segment}"


def parse_place(text: str) -> Place:
    """A place as `str` writes it; else ValueError."""
    at_ms, number, segment = text.split(".", 2)
    return Place(int(at_ms), segment, int(number))


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; empty: everything. `until_ms` is outside; `text` in any case of letters; `after` where the
    page before ended. Notes about losses belong to every station.
    """

    stations: frozenset[str] = frozenset()
    since_ms: int | None = None
    until_ms: int | None = None
    actions: frozenset[str] = frozenset()
    direction: str = ""
    text: str = ""
    errors: bool = False
    newest: bool = False
    limit: int = 100
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What was found, and where the next page begins; None: nothing is left. `broken` counts damaged blocks."""

    notes: list[Note] = field(default_factory=list)
    following: Place | None = None
    broken: int = 0


@dataclass(frozen=True, slots=True)
class _Block:
    """A block that may hold something of interest."""

    head: Head
    file: BinaryIO
    place: int
    segment: int
    key: str


def search(folder: Path, query: Query, blocks_max: int = BLOCKS_MAX) -> Page:
    """One page. Reads files, so it takes its time."""
    reader = _Reader(_narrowed(query), blocks_max)
    hours = [list(group) for _, group in groupby(segments(folder), key=lambda segment: segment.hour_ms)]
    for hour in reversed(hours) if query.newest else hours:
        if reader.may_hold(hour[0]):
            reader.read_hour(hour)
        if reader.following is not None:
            break
    return Page(reader.notes, reader.following, reader.broken)


def _narrowed(query: Query) -> Query:
    """The place of the last page bounds the time too."""
    if query.after is None:
        return query
    at_ms = query.after.at_ms
    if query.newest:
        until_ms = at_ms + 1 if query.until_ms is None else min(query.until_ms, at_ms + 1)
        return replace(query, until_ms=until_ms)
    return replace(query, since_ms=at_ms if query.since_ms is None else max(query.since_ms, at_ms))


class _Reader:
    """One search."""

    def __init__(self, query: Query, blocks_max: int) -> None:
        self._query, self._blocks_left = query, blocks_max
        self._digests = frozenset({_EVERYBODY, *map(digest, query.stations)}) if query.stations else None
        self._actions = frozenset(action.lower() for action in query.actions)
        self._text = query.text.lower()
        self.notes: list[Note] = []
        self.following: Place | None = None
        self.broken = 0

    def may_hold(self, segment: Segment) -> bool:
        return self._in_time(segment.hour_ms, segment.end_ms - 1)

    def read_hour(self, hour: list[Segment]) -> None:
        """Notes of all files of an hour in order of time; a block is opened when its time has come."""
        sign = -1 if self._query.newest else 1
        with ExitStack() as stack:
            blocks = self._blocks(hour, stack)
            blocks.sort(key=lambda b: (-b.head.last_ms if self._query.newest else b.head.first_ms, sign * b.segment))
            heap: list[_Found] = []
            counter = count()
            for block in blocks:
                edge_ms = block.head.last_ms if self._query.newest else block.head.first_ms
                while heap and heap[0][0] < sign * edge_ms:
                    if not self._give(heapq.heappop(heap), sign):
                        return
                if not self._blocks_left:
                    self.following = Place(edge_ms, _LAST) if self._query.newest else Place(edge_ms)
                    return
                self._blocks_left -= 1
                for number, note in self._wanted(block):
                    order = (sign * note.at_ms, sign * block.segment, sign * number, next(counter))
                    heapq.heappush(heap, (*order, block.key, note))
            while heap and self._give(heapq.heappop(heap), sign):
                pass

    def _give(self, found: _Found, sign: int) -> bool:
        """Add one to the page; whether there is room for more."""
        _, _, number, _, key, note = found
        place = Place(note.at_ms, key, sign * number)
        after = self._query.after
        if after is not None and (place >= after if self._query.newest else place <= after):
            return True
        self.notes.append(note)
        if len(self.notes) < self._query.limit:
            return True
        self.following = place
        return False

    def _blocks(self, hour: list[Segment], stack: ExitStack) -> list[_Block]:
        found = []
        for number, segment in enumerate(hour):
            try:
                file = stack.enter_context(segment.path.open("rb"))
            except FileNotFoundError:
                continue
            found += [
                _Block(head, file, place, number, segment.key)
                for place, head in heads(file)
                if self._in_time(head.first_ms, head.last_ms)
                and (self._digests is None or not self._digests.isdisjoint(head.stations))
            ]
        return found

    def _in_time(self, first_ms: int, last_ms: int) -> bool:
        since_ms, until_ms = self._query.since_ms, self._query.until_ms
        return (since_ms is None or last_ms >= since_ms) and (until_ms is None or first_ms < until_ms)

    def _wanted(self, block: _Block) -> Iterator[tuple[int, Note]]:
        try:
            columns = read_block(block.file, block.place, block.head)
        except BlockBroken:
            self.broken += 1
            return
        for place in self._places(columns):
            note = columns.note(place)
            if self._in_time(note.at_ms, note.at_ms) and self._fits(note):
                yield block.head.first_number + place, note

    def _places(self, columns: Columns) -> list[int]:
        """Those of the right station, direction and action: the look that is cheap."""
        query = self._query
        kinds = _DIRECTIONS.get(query.direction, _KINDS)
        stations, actions = query.stations, self._actions
        return [
            place
            for place, (kind, station, action, text) in enumerate(
                zip(columns.kinds, columns.stations, columns.actions, columns.texts, strict=True)
            )
            if kind in kinds
            and not (query.errors and kind <= Kind.OUT and text[:2] in _FINE)
            and (not stations or station in stations or kind == Kind.DROPPED)
            and (not actions or action.lower() in actions)
        ]

    def _fits(self, note: Note) -> bool:
        return (not self._text or self._text in note.text.lower()) and (not self._query.errors or note.is_error)
