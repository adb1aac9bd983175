"""Routes about what stations and this server said to each other: stored frames, and frames as they pass."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import orjson
from fastapi import Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from csms.access.needs import technicians
from csms.access.routing import Router
from csms.api.ports import ApiDeps, TracesPort
from csms.api.problems import Refused
from csms.api.schemas import Out
from csms.trace import reading
from csms.trace.notes import Kind, Note, unix_ms

KEEP_ALIVE_S = 15.0
"""Of the wall; a proxy gives up silent streams after a minute."""

EVENT_STREAM = "text/event-stream"
LIVE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "server-sent events: `frame` (as in the list of frames), `missed` (`{count}`: this listener was "
        "too slow), a comment every 15 s",
        "content": {EVENT_STREAM: {}},
    }
}


class FrameOut(Out):
    """One frame, or an event of a connection (`kind`); secrets are taken out of `text`.

    `action` stands also with the answer to a call. `message` is empty for what is no frame of OCPP-J; the text of an
    event is a JSON object: of `opened` peer and protocol, of `closed` code, reason and by whom, of `refused` code and
    peer, of `silent` (a call of ours without an answer) the seconds waited, of `dropped` how many could not be kept.
    """

    at: AwareDatetime
    station_id: str
    kind: Literal["frame", "unreadable", "opened", "closed", "refused", "silent", "dropped"]
    direction: Literal["in", "out", ""]
    message: Literal["call", "result", "error", ""]
    action: str
    text: str


class FramesOut(Out):
    """One page; `next` is the cursor of the next one, None at the end. `damaged` counts parts that cannot be read."""

    frames: list[FrameOut]
    next: str | None
    damaged: int


class FrameFilter:
    """What both lists of frames take."""

    def __init__(
        self,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        action: Annotated[list[str], Query(max_length=50)] = [],  # noqa: B006 - FastAPI copies it
        direction: Literal["in", "out"] | None = None,
        text: Annotated[str, Query(max_length=200)] = "",
        errors: bool = False,
        order: Literal["oldest", "newest"] = "newest",
        limit: Annotated[int, Query(ge=1, le=reading.LIMIT_MAX)] = 100,
        cursor: str | None = None,
    ) -> None:
        self.query = reading.Query(
            since_ms=unix_ms(since) if since else None,
            until_ms=unix_ms(until) if until else None,
            actions=frozenset(action),
            direction=direction or "",
            text=text,
            errors=errors,
            newest=order == "newest",
            limit=limit,
            after=_place(cursor),
        )


Filter = Annotated[FrameFilter, Depends()]
Actions = Annotated[list[str], Query(max_length=50)]


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(tags=["frames"])
    _add_stored(routes, deps)
    _add_live(routes, deps)
    return routes


def _add_stored(routes: Router, deps: ApiDeps) -> None:
    @routes.get("/stations/{station_id}/frames", summary="Stored frames of a station")
    @technicians
    async def list_frames(station_id: str, wanted: Filter) -> FramesOut:
        """What the station and this server said to each other, by time, action, direction, text (in any case of
        letters), or only what went wrong. A page may be short, even empty, while `next` says that the search goes on.
        """
        return await _page(deps, frozenset({station_id}), wanted.query)

    @routes.get("/frames", summary="Stored frames of all stations")
    @technicians
    async def list_all_frames(
        wanted: Filter,
        station: Annotated[list[str], Query(max_length=50)] = [],  # noqa: B006 - FastAPI copies it
    ) -> FramesOut:
        """The same of all stations, or of those named."""
        return await _page(deps, frozenset(station), wanted.query)


def _add_live(routes: Router, deps: ApiDeps) -> None:
    @routes.get(
        "/stations/{station_id}/frames/live",
        summary="Frames of a station as they pass",
        responses=LIVE,
        response_class=StreamingResponse,
    )
    @technicians
    async def live(station_id: str, action: Actions = []) -> StreamingResponse:  # noqa: B006 - FastAPI copies it
        """From now on, until the client leaves; also before the station is known here."""
        return _stream(deps, [station_id], action)

    @routes.get(
        "/frames/live",
        summary="Frames of all stations as they pass",
        responses=LIVE,
        response_class=StreamingResponse,
    )
    @technicians
    async def live_all(action: Actions = []) -> StreamingResponse:  # noqa: B006 - FastAPI copies it
        """From now on, until the client leaves."""
        return _stream(deps, [], action)


def _traces(deps: ApiDeps) -> TracesPort:
    if deps.traces is None:
        raise Refused(409, "traces_off", "this server keeps no frames: traces.enabled is false")
    return deps.traces


def _place(cursor: str | None) -> reading.Place | None:
    try:
        return reading.parse_place(cursor) if cursor is not None else None
    except ValueError:
        raise Refused(422, "invalid_cursor", "take the cursor from `next` of the page before") from None


async def _page(deps: ApiDeps, stations: frozenset[str], query: reading.Query) -> FramesOut:
    page = await _traces(deps).search(replace(query, stations=stations))
    following = str(page.following) if page.following is not None else None
    return FramesOut(frames=[frame_view(note) for note in page.notes], next=following, damaged=page.broken)


def _stream(deps: ApiDeps, stations: Sequence[str], actions: Sequence[str]) -> StreamingResponse:
    traces = _traces(deps)
    if traces.crowded:
        raise Refused(429, "too_many_listeners", "as many look on as may; try again when one has left")
    events = _events(traces, stations, actions)
    return StreamingResponse(events, media_type=EVENT_STREAM, headers={"cache-control": "no-store"})


async def _events(traces: TracesPort, stations: Sequence[str], actions: Sequence[str]) -> AsyncIterator[bytes]:
    with traces.listen(stations, actions) as listener:
        yield b": welcome\n\n"
        while True:
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    news = await listener.next()
            except TimeoutError:
                yield b": nothing new\n\n"
                continue
            if news is None:
                return
            yield b"".join(_written(*news))


def _written(notes: Sequence[Note], lost: int) -> list[bytes]:
    frames = [_event("frame", frame_view(note).model_dump(mode="json")) for note in notes]
    return [_event("missed", {"count": lost}), *frames] if lost else frames


def _event(name: str, data: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data))


def frame_view(note: Note) -> FrameOut:
    """A note as the API tells it."""
    facts = {
        "at": note.at,
        "station_id": note.station_id,
        "kind": "frame" if note.kind in (Kind.IN, Kind.OUT) else note.kind.name.lower(),
        "direction": note.direction,
        "message": note.message,
        "action": note.action,
        "text": note.text,
    }
    return FrameOut.model_validate(facts)
