"""Routes about alerts: what a person should look at, open until somebody acknowledges it; also as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
from fastapi import Path, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, Field

from csms.access.needs import technicians, viewers
from csms.access.routing import Router, caller_of
from csms.api.ports import ApiDeps
from csms.api.problems import Refused
from csms.api.schemas import Body, Out
from csms.station.alerts import NOTE_LENGTH_MAX, Alerts
from csms.store.security_tables import Alert
from csms.store.station_reading import Matters

KEEP_ALIVE_S = 15.0
"""Of the wall."""

EVENT_STREAM = "text/event-stream"
LIVE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "server-sent events: `alert` (as in the list) each time one is raised, a comment every 15 s",
        "content": {EVENT_STREAM: {}},
    }
}


class AlertOut(Out):
    """One matter, by kind and station (empty: about none). `count`: how often it happened while it was open, `info`:
    what was told the last time. `acknowledged_by` is csms when it was over by itself.
    """

    alert_id: int
    kind: str
    station_id: str
    opened_at: AwareDatetime
    last_at: AwareDatetime
    count: int
    info: str
    open: bool
    acknowledged_at: AwareDatetime | None
    acknowledged_by: str
    note: str


class AlertsOut(Out):
    """A page, newest first; `next_before_id` asks for older ones."""

    alerts: list[AlertOut]
    next_before_id: int | None


class NoteBody(Body):
    """What was done about it."""

    note: str = Field(default="", max_length=NOTE_LENGTH_MAX)


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(prefix="/alerts", tags=["alerts"])

    @routes.get("", summary="List alerts")
    @viewers
    async def list_alerts(
        limit: int = Query(default=100, ge=1, le=1000),
        station_id: str | None = None,
        kind: str | None = None,
        open: bool | None = None,  # noqa: A002 - the name of the parameter
        before_id: int | None = Query(default=None, ge=1, lt=2**63),
    ) -> AlertsOut:
        """All, or those that are open (or not), of a station, of a kind."""
        rows = await deps.reader.alerts(Matters(limit, station_id, kind, open, before_id))
        views = [alert_view(row) for row in rows]
        return AlertsOut(alerts=views, next_before_id=views[-1].alert_id if len(views) == limit else None)

    @routes.get("/live", summary="Alerts as they are raised", responses=LIVE, response_class=StreamingResponse)
    @viewers
    async def live() -> StreamingResponse:
        """From now on, until the client leaves."""
        alerts = deps.stations.alerts
        if alerts.crowded:
            raise Refused(429, "too_many_listeners", "as many look on as may; try again when one has left")
        return StreamingResponse(_events(alerts), media_type=EVENT_STREAM, headers={"cache-control": "no-store"})

    @routes.post("/{alert_id}/acknowledge", summary="Acknowledge an alert")
    @technicians
    async def acknowledge(body: NoteBody, request: Request, alert_id: int = Path(ge=1, lt=2**63)) -> AlertOut:
        """It is closed; the next time opens another. Who acknowledged it first stays."""
        return alert_view(await deps.stations.alerts.acknowledge(alert_id, caller_of(request).name, body.note))

    return routes


def alert_view(row: Alert) -> AlertOut:
    """One alert."""
    facts = row.model_dump(exclude={"id"})
    return AlertOut.model_validate({**facts, "alert_id": row.id, "open": row.acknowledged_at is None})


async def _events(alerts: Alerts) -> AsyncIterator[bytes]:
    with alerts.listen() as queue:
        yield b": welcome\n\n"
        while True:
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    alert = await queue.get()
            except TimeoutError:
                yield b": nothing new\n\n"
                continue
            yield b"event: alert\ndata: %s\n\n" % orjson.dumps(alert_view(alert).model_dump(mode="json"))
