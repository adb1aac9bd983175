"""The stream of changes of a server, read as it comes: station by station what is new, merged into what was known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Any

import orjson

from monitor.dashboard.history import Json
from monitor.dashboard.look import moment

EVENT, DATA = "event:", "data:"


async def told(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, Any]]:
    """Events of a stream (server-sent events, each of one line of JSON) with their data; a comment is ("", None).

    Raises ValueError for what is no JSON.
    """
    name = ""
    async for line in lines:
        if line.startswith(":"):
            yield "", None
        elif line.startswith(EVENT):
            name = line.removeprefix(EVENT).strip()
        elif line.startswith(DATA):
            yield name, orjson.loads(line.removeprefix(DATA))
            name = ""


class Stations:
    """What is known of all stations: a list, read now and then, and what the stream told since."""

    def __init__(self) -> None:
        self._by_id: dict[str, Json] = {}
        self._told: dict[str, tuple[datetime, Json]] = {}
        self._read_at: datetime | None = None

    @property
    def known(self) -> bool:
        """Whether there has been a list."""
        return self._read_at is not None

    @property
    def rows(self) -> list[Json]:
        """In the order of their ids, as the list has them."""
        return list(self._by_id.values())

    def read(self, clock_time: str, stations: Iterable[Json]) -> None:
        """The whole list, as it was at a time of the server's clock; what the stream told of later stays."""
        self._by_id = {station["station_id"]: station for station in stations}
        self._read_at = read_at = moment(clock_time)
        self._told = {name: (at, now) for name, (at, now) in self._told.items() if at >= read_at}
        for name, (_, now) in self._told.items():
            if name in self._by_id:
                self._by_id[name] = {**self._by_id[name], **now}

    def hear(self, clock_time: str, stations: Iterable[Json]) -> bool:
        """What changed; what is older than the list stands in it. Whether the list has to be read again: somebody is
        told of whom it does not know, or who has said anew what it is (by a boot).
        """
        at = moment(clock_time)
        if self._read_at is not None and at < self._read_at:
            return False
        strange = False
        for now in stations:
            self._told[now["station_id"]] = at, now
            known = self._by_id.get(now["station_id"])
            strange = strange or known is None or known.get("booted_at") != now.get("booted_at")
            if known is not None:
                self._by_id[now["station_id"]] = {**known, **now}
        return strange
