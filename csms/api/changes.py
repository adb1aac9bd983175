"""What changes, as it changes: one stream for whoever shows stations live, so that nobody has to ask for all of them.

A change is told at once; what changes within a fifth of a second after it is told together, and telling never takes
more than a fifth of the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from csms.access.needs import viewers
from csms.access.routing import Router
from csms.api.listeners import Changes
from csms.api.ports import ApiDeps
from csms.api.problems import Refused
from csms.api.schemas import EvseOut, Out
from csms.api.views import evse_view, station_power_w
from csms.model.clock import Clock
from csms.station.state import StationState

TELL_S = 0.2
"""Of the wall, between two tellings."""
REST = 4.0
"""Times as long as the telling took is rested after it."""
KEEP_ALIVE_S = 15.0
"""Of the wall; a proxy gives up silent streams after a minute."""

EVENT_STREAM = "text/event-stream"
LIVE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "server-sent events: `stations` (clock_time, and the stations that changed with station_id, "
        "online, booted_at, last_seen_at, power_w, evses as in the list of stations), a comment every 15 s",
        "content": {EVENT_STREAM: {}},
    }
}


class StationNow(Out):
    """What of a station changes while it works; the rest stands in the list of stations."""

    station_id: str
    online: bool
    booted_at: AwareDatetime | None
    last_seen_at: AwareDatetime | None
    power_w: float
    evses: list[EvseOut]


class StationsNow(Out):
    """Stations that changed, as they are at `clock_time`."""

    clock_time: AwareDatetime
    stations: list[StationNow]


def router(deps: ApiDeps) -> Router:
    """The route over `deps`."""
    routes = Router(tags=["stations"])

    @routes.get("/changes", summary="Stations as they change", responses=LIVE, response_class=StreamingResponse)
    @viewers
    async def changes() -> StreamingResponse:
        """From now on, until the client leaves. Ask for the list of stations once the stream has begun; what is told
        with a `clock_time` before that of the list stands in the list already.
        """
        if deps.changes.crowded:
            raise Refused(429, "too_many_listeners", "as many look on as may; try again when one has left")
        told = _told(deps.changes, deps.stations.stations, deps.clock)
        return StreamingResponse(told, media_type=EVENT_STREAM, headers={"cache-control": "no-store"})

    return routes


async def _told(changes: Changes, stations: Mapping[str, StationState], clock: Clock) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    with changes.listen() as listener:
        yield b": welcome\n\n"
        while True:
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    named = await listener.next()
            except TimeoutError:
                yield b": nothing new\n\n"
                continue
            if named is None:
                return
            began_s = loop.time()
            yield _event(StationsNow(clock_time=clock.now(), stations=_now(stations, named)))
            await asyncio.sleep(max(TELL_S, REST * (loop.time() - began_s)))


def _now(stations: Mapping[str, StationState], named: frozenset[str]) -> list[StationNow]:
    known = (stations[station_id] for station_id in sorted(named) if station_id in stations)
    return [
        StationNow(
            station_id=state.station_id,
            online=state.online,
            booted_at=state.booted_at,
            last_seen_at=state.last_seen_at,
            power_w=station_power_w(state),
            evses=[evse_view(evse) for _, evse in sorted(state.evses.items())],
        )
        for state in known
    ]


def _event(now: StationsNow) -> bytes:
    return b"event: stations\ndata: %s\n\n" % orjson.dumps(now.model_dump(mode="json"))
