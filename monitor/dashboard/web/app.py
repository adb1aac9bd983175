"""Puts the dashboard together: gate, door, pages, and the shared look at the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from nicegui import ui

from monitor.dashboard.web import door
from monitor.dashboard.web.api import Api
from monitor.dashboard.web.desk import Desk
from monitor.dashboard.web.gate import Gate
from monitor.dashboard.web.hub import Hub
from monitor.dashboard.web.pages import (
    audit,
    feeders,
    overview,
    plan,
    province,
    session,
    sessions,
    settings,
    station,
    stations,
    statistics,
    wall,
)
from monitor.dashboard.web.visitors import Visitors

RECONNECT_S = 20.0
"""A page that was away for longer is made anew."""
MESSAGES_KEPT = 300
PAGES = (overview, stations, station, feeders, sessions, session, plan, province, statistics, audit, settings, wall)


def create_app(url: str, guest_token: str = "", warehouse: Path | None = None) -> FastAPI:
    """The application over the API at `url`. One in a process: NiceGUI keeps pages in a place of its own."""
    api = Api(url)
    visitors = Visitors(lambda: asyncio.get_running_loop().time())
    desk = Desk(api, Hub(api, visitors), visitors, warehouse)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(work()) for work in (desk.hub.run, desk.look_after_visitors)]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await desk.close()

    app = FastAPI(title="csms dashboard", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.include_router(door.router(desk, guest_token))
    app.include_router(statistics.router(desk))
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
