"""Puts the dashboard together: gate, door, pages, and the shared look at the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from nicegui import ui

from monitor.dashboard.web import door
from monitor.dashboard.web.api import Api
from monitor.dashboard.web.desk import Desk
from monitor.dashboard.web.gate import Gate
from monitor.dashboard.web.hub import Hub
from monitor.dashboard.web.pages import feeders, overview, plan, session, sessions, station, stations
from monitor.dashboard.web.visitors import Visitors

RECONNECT_S = 20.0
"""A page that was away for longer is made anew."""
MESSAGES_KEPT = 300
PAGES = (overview, stations, station, feeders, sessions, session, plan)


def create_app(url: str, guest_token: str = "") -> FastAPI:
    """The application over the API at `url`. One in a process: NiceGUI keeps pages in a place of its own."""
    api = Api(url)
    visitors = Visitors(lambda: asyncio.get_running_loop().time())
    desk = Desk(api, Hub(api, visitors), visitors)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        reading = asyncio.create_task(desk.hub.run(), name="hub")
        yield
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        await desk.close()

    app = FastAPI(title="csms dashboard", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.include_router(door.router(desk, guest_token))
    for page in PAGES:
        page.mount(desk)
    ui.run_with(
        app,
        title="csms",
        favicon="⚡",
        tailwind=False,
        reconnect_timeout=RECONNECT_S,
        message_history_length=MESSAGES_KEPT,
        show_welcome_message=False,
    )
    app.add_middleware(Gate, visitors=visitors)
    return app
